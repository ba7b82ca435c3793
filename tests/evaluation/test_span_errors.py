"""Kinds of error of spans, worked out by hand, and what must always add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.codebook import Codebook, Label, task_of
from understudy.evaluation.span_errors import overlap_counts, span_errors
from understudy.records import Span

TEXT = "abcdefghijklmnopqrstuvwxyz"


def span(start, end, label="A"):
    return Span(start, end, label, TEXT[start:end])


@pytest.mark.parametrize(
    ("truth", "answer", "expected"),
    [
        ([], [], {}),
        ([span(0, 3)], [span(0, 3)], {"exact": 1}),
        ([span(0, 3)], [span(0, 2)], {"boundary": 1}),
        ([span(0, 3)], [span(0, 3, "B")], {"wrong_label": 1}),
        ([span(0, 3)], [span(2, 5, "B")], {"both": 1}),
        ([span(0, 3)], [span(3, 5)], {"missed": 1, "spurious": 1}),
        ([span(0, 3)], None, {"missed": 1}),
        # one answer over two true spans finds one, the one that it shares more with
        ([span(0, 2), span(3, 8)], [span(0, 8)], {"boundary": 1, "missed": 1}),
        # two answers within one true span: one finds it, the other is too many
        ([span(0, 8)], [span(0, 2), span(3, 8)], {"boundary": 1, "spurious": 1}),
        # the exact answer is taken although a longer one shares as much
        ([span(0, 3)], [span(0, 9), span(0, 3)], {"exact": 1, "spurious": 1}),
        # a right label with wrong edges goes before right edges with a wrong label
        ([span(0, 5)], [span(0, 5, "B"), span(0, 4)], {"boundary": 1, "spurious": 1}),
    ],
)
def test_kinds_by_hand(truth, answer, expected):
    found = span_errors([truth], [answer]).totals()
    assert {kind: number for kind, number in found.items() if number} == expected


def test_overlap_is_counted_label_by_label():
    truths = [[span(0, 3), span(4, 8, "B")], [span(0, 3)]]
    answers = [[span(1, 3), span(4, 8)], None]
    counts = overlap_counts(truths, answers, ("A", "B"))
    np.testing.assert_array_equal(counts.tp, [[1, 0], [0, 0]])
    np.testing.assert_array_equal(counts.fp, [[1, 0], [0, 0]])
    np.testing.assert_array_equal(counts.fn, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(counts.correct, [0, 0])
    assert overlap_counts([[]], [[]], ("A",)).correct[0] == 1
    assert overlap_counts([[]], [None], ("A",)).correct[0] == 0


spans = st.sets(
    st.tuples(st.integers(0, 20), st.integers(1, 6), st.sampled_from("AB")).map(
        lambda s: span(s[0], s[0] + s[1], s[2])
    ),
    max_size=6,
).map(lambda found: sorted(found, key=lambda one: (one.start, one.end, one.label)))


@settings(max_examples=100, deadline=None)
@given(spans, spans)
def test_every_span_is_of_one_kind_and_overlap_is_never_below_exact(truth, answer):
    found = span_errors([truth], [answer]).totals()
    shared = found["exact"] + found["boundary"] + found["wrong_label"] + found["both"]
    assert (shared + found["missed"], shared + found["spurious"]) == (len(truth), len(answer))
    task = task_of(Codebook(kind="entities", nested=True, labels=(Label(name="A"), Label(name="B"))))
    exact = task.count([tuple(truth)], [tuple(answer)]).tp.sum()
    overlapping = overlap_counts([truth], [answer], task.labels)
    assert exact == found["exact"]
    assert overlapping.tp.sum() == found["exact"] + found["boundary"] >= exact
    swapped = overlap_counts([answer], [truth], task.labels)
    assert swapped.fp.sum() - swapped.fn.sum() == overlapping.fn.sum() - overlapping.fp.sum()
