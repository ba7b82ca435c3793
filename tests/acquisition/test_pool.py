from __future__ import annotations

import numpy as np
import pytest

from understudy.acquisition import PoolView
from understudy.acquisition.pool import check_array, check_rows, row_blocks


def test_blocks_cover_every_row_once():
    assert [(b.start, b.stop) for b in row_blocks(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert list(row_blocks(0)) == []


def test_the_number_of_documents_is_the_number_of_rows():
    assert len(PoolView(draws=np.zeros((2, 5, 3)), trust=np.zeros(5))) == 5


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (PoolView(), "found no array at all"),
        (PoolView(trust=np.zeros(3), scores=np.zeros(4)), "found trust 3, scores 4"),
        (PoolView(draws=np.zeros((4, 3, 2)), scores=np.zeros(4)), "found draws 3, scores 4"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(pool, message):
    with pytest.raises(ValueError, match=message):
        len(pool)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("embeddings", np.zeros(3), "expected 2 dimensions"),
        ("embeddings", np.zeros((3, 2), dtype=int), "expected floating-point"),
        ("trust", np.array([0.5, 1.5]), r"\[0, 1\], found 0.5 to 1.5"),
        ("probabilities", np.array([[-0.1, 1.1]]), r"\[0, 1\]"),
        ("probabilities", np.array([[0.5, 0.4]]), "add up to 1"),
        ("draws", np.array([[[0.5, 0.5]], [[0.9, 0.3]]]), "add up to 1"),
        ("teacher", np.array([[np.nan, np.nan]]), "A failed document has no score"),
    ],
)
def test_bad_arrays_are_refused(name, array, message):
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        check_array(PoolView(**{name: array}), name)


def test_a_bad_number_in_the_last_block_is_found():
    embeddings = np.zeros((40_000, 1), dtype=np.float32)
    embeddings[-1] = np.nan
    with pytest.raises(ValueError, match="nan"):
        check_array(PoolView(embeddings=embeddings), "embeddings")


def test_half_precision_probabilities_may_miss_one_by_rounding():
    p = np.random.default_rng(0).dirichlet(np.ones(50), 100).astype(np.float16)
    assert check_array(PoolView(probabilities=p), "probabilities") is p


def test_rows_come_back_ascending():
    assert check_rows([5, 0, 2], 6, "labelled").tolist() == [0, 2, 5]
    assert check_rows([], 0, "labelled").tolist() == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([0, 6], "expected rows in 0..5, found 0 to 6"),
        ([-1], "found -1 to -1"),
        ([1, 1, 2, 2], "found 2 repeated"),
        ([0.5], "found shape"),
        ([True, False], "found shape"),
        ([[1]], "found shape"),
    ],
)
def test_bad_rows_are_refused(rows, message):
    with pytest.raises(ValueError, match=f"labelled: .*{message}"):
        check_rows(rows, 6, "labelled")
