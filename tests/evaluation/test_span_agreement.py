"""Agreement of annotators on spans and relations, by hand."""

import math

import numpy as np
import pytest

from understudy.evaluation.span_agreement import relation_agreement, span_agreement
from understudy.records import Span

A, LONG_A, B = Span(0, 3, "x", "Ana"), Span(0, 6, "x", "Ana Li"), Span(7, 9, "y", "Bo")


def rng():
    return np.random.default_rng(0)


def test_two_annotators_by_hand():
    answers = [[(A, B), (A,)], [(A,), (LONG_A,)], [(), ()]]
    # exact: shared 1, only the first 2, only the second 1: 2 / (2 + 2 + 1); overlap: shared 2, only the first 1
    exact = span_agreement(answers, rng(), n_resamples=50)
    assert exact.value == pytest.approx(2 / 5)
    assert (exact.n_pairs, exact.n_documents) == (1, 3)
    assert exact.interval.low <= exact.value <= exact.interval.high
    assert span_agreement(answers, rng(), overlap=True, n_resamples=50).value == pytest.approx(4 / 5)


def test_three_annotators_are_the_mean_of_their_pairs():
    # 1 and 2: 1; 1 and 3, 2 and 3: 2 * 1 / (2 + 1) in the first document; the second was seen by 1 and 2 only
    answers = [[(A, B), (A, B), (A,)], [(B,), (B,), None]]
    assert span_agreement(answers, rng(), n_resamples=50).value == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_agreement_does_not_depend_on_the_order_of_annotators():
    answers = [[(A, B), (A,)], [(A,), (LONG_A, B)]]
    swapped = [row[::-1] for row in answers]
    assert span_agreement(answers, rng(), n_resamples=50).value == span_agreement(swapped, rng(), n_resamples=50).value


@pytest.mark.parametrize("answers", [[], [[(A,)]], [[(A,), None], [None, (A,)]], [[(), ()]]])
def test_without_anything_in_common_it_is_undefined(answers):
    found = span_agreement(answers, rng(), n_resamples=20)
    assert math.isnan(found.value)
    assert found.to_json()["value"] is None


def test_rows_of_unlike_length_are_refused():
    with pytest.raises(ValueError, match="one entry per annotator"):
        span_agreement([[(A,), (A,)], [(A,)]], rng())


def test_relations_leave_the_null_label_out():
    answers = [["r", "r"], ["none", "none"], ["r", "none"], ["r", "q"], ["r", None]]
    # both r: 1; r against none: one miss; r against q: one of each: 2 / (2 + 1 + 2); none twice does not count
    assert relation_agreement(answers, rng(), null="none", n_resamples=50).value == pytest.approx(2 / 5)
    # with none as a label like any other: 2 shared, 2 of 4 wrong on each side
    assert relation_agreement(answers, rng(), n_resamples=50).value == pytest.approx(4 / 8)
