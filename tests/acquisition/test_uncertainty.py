from __future__ import annotations

import math

import numpy as np
import pytest

from understudy.acquisition import bald, disagreement, entropy, least_confidence, margin, reduce_tokens
from understudy.acquisition.pool import ROWS_AT_ONCE

P = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0.0]])


def test_least_confidence():
    assert least_confidence(P) == pytest.approx([0.3, 0, 2 / 3, 0.5])


def test_margin():
    assert margin(P) == pytest.approx([0.5, 0, 1, 1])


def test_entropy_with_zero_log_zero():
    first = -(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1))
    assert entropy(P) == pytest.approx([first, 0, math.log(3), math.log(2)])


@pytest.mark.parametrize("score", [least_confidence, margin, entropy])
def test_two_labels_order_documents_alike(score):
    p = np.random.default_rng(0).random(50)
    two = np.column_stack([p, 1 - p])
    assert np.argsort(score(two)).tolist() == np.argsort(-np.abs(p - 0.5)).tolist()


def test_labels_that_do_not_exclude_each_other_are_questions_of_their_own():
    p = np.array([[0.5, 1.0], [0.9, 0.2]])
    # Least confidence per label: 0.5, 0 and 0.1, 0.2. Margin: 1, 0 and 0.2, 0.4. Entropy: log 2, 0 and ...
    assert least_confidence(p, is_exclusive=False) == pytest.approx([0.25, 0.15])
    assert margin(p, is_exclusive=False) == pytest.approx([0.5, 0.3])
    second = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1) + 0.2 * math.log(0.2) + 0.8 * math.log(0.8)) / 2
    assert entropy(p, is_exclusive=False) == pytest.approx([math.log(2) / 2, second])


def test_margin_of_a_single_label_is_zero():
    assert margin(np.ones((3, 1))).tolist() == [0, 0, 0]


def test_every_row_is_scored_where_there_are_several_blocks():
    p = np.tile(P, (ROWS_AT_ONCE // 2, 1))
    assert margin(p) == pytest.approx(np.tile([0.5, 0, 1, 1], ROWS_AT_ONCE // 2))
    draws = np.stack([p, p[:, ::-1]])
    expected = bald(draws[:, :4])
    assert bald(draws) == pytest.approx(np.tile(expected, ROWS_AT_ONCE // 2))
    assert disagreement(p, p[:, ::-1]) == pytest.approx(np.tile([0.6, 1, 0, 0.5], ROWS_AT_ONCE // 2))


def test_bald_is_zero_where_draws_agree_and_log_two_where_they_contradict():
    draws = np.array([[[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]])
    assert bald(draws) == pytest.approx([math.log(2), 0, 0])


def test_bald_of_a_worked_case():
    draws = np.array([[[0.8, 0.2]], [[0.4, 0.6]]])
    # Mean (0.6, 0.4): H = 0.673012; H(0.8, 0.2) = 0.500402, H(0.4, 0.6) = 0.673012, mean 0.586707.
    assert bald(draws) == pytest.approx([0.086305], abs=1e-6)


def test_disagreement_with_a_named_label_is_what_the_student_gives_to_others():
    student, teacher = P[:1], np.array([[0.0, 1.0, 0.0]])
    assert disagreement(student, teacher) == pytest.approx([0.8])
    assert disagreement(student, student) == pytest.approx([0])


def test_disagreement_of_several_labels_is_their_mean():
    assert disagreement(np.array([[0.9, 0.2]]), np.array([[1.0, 1.0]]), is_exclusive=False) == pytest.approx([0.45])


@pytest.mark.parametrize(("how", "expected"), [("mean", [2.0, 5.0]), ("sum", [6.0, 5.0]), ("max", [3.0, 5.0])])
def test_token_scores_become_document_scores(how, expected):
    assert reduce_tokens([1, 3, 2, 5], [3, 1], how).tolist() == expected


@pytest.mark.parametrize(
    ("scores", "lengths", "how", "message"),
    [
        ([1, 2], [1, 0, 1], "mean", "numbers >= 1"),
        ([1, 2], [1], "sum", "add up to 2 tokens"),
        ([1, math.nan], [2], "max", "nan or infinity"),
        ([1, 2], [2], "median", "found `median`"),
    ],
)
def test_token_scores_that_do_not_fit_are_refused(scores, lengths, how, message):
    with pytest.raises(ValueError, match=message):
        reduce_tokens(scores, lengths, how)
