"""Kinds of wrong spans by hand, and that nothing is counted twice or lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.evaluation.span_errors import KINDS, direction_errors, opposite_of, span_errors
from understudy.records import Span


def span(start, end, label="per"):
    return Span(start, end, label, "x" * (end - start))


def kinds(truth, said):
    return {kind: n for kind, n in span_errors([truth], [said]).totals().items() if n}


@pytest.mark.parametrize(
    ("truth", "said", "expected"),
    [
        ((span(0, 4),), (span(0, 4),), {"exact": 1}),
        ((span(0, 4),), (span(0, 5),), {"boundary": 1}),
        ((span(0, 4),), (span(0, 4, "loc"),), {"label": 1}),
        ((span(0, 4),), (span(1, 4, "loc"),), {"both": 1}),
        ((span(0, 4),), (span(4, 8),), {"missed": 1, "spurious": 1}),  # they touch and do not overlap
        ((span(0, 4),), (), {"missed": 1}),
        ((span(0, 4),), None, {"missed": 1}),
        ((), (span(0, 4),), {"spurious": 1}),
        # one true span, two halves: the larger is its border error, the other is invented
        ((span(0, 9),), (span(0, 3), span(4, 9)), {"boundary": 1, "spurious": 1}),
        # the exact answer is taken first, although another of the same label overlaps too
        ((span(0, 4),), (span(0, 3), span(0, 4)), {"exact": 1, "spurious": 1}),
        # the same words twice: each mention is its own span
        ((span(0, 3), span(10, 13)), (span(10, 13),), {"exact": 1, "missed": 1}),
        ((), (), {}),
    ],
)
def test_kinds(truth, said, expected):
    assert kinds(truth, said) == expected


def test_overlap_f1_by_hand():
    # found: 1 exact + 1 boundary = 2; true spans 3, answers 3: 2 * 2 / (3 + 3)
    errors = span_errors([(span(0, 4), span(5, 9), span(20, 22))], [(span(0, 4), span(5, 8), span(30, 31))])
    assert errors.overlap_f1 == pytest.approx(4 / 6)
    assert np.isnan(span_errors([()], [()]).overlap_f1)


spans = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 5), st.sampled_from(["per", "loc"])).map(
        lambda drawn: span(drawn[0], drawn[0] + drawn[1], drawn[2])
    ),
    max_size=6,
    unique=True,
).map(tuple)


@given(spans, spans)
def test_every_span_is_in_one_kind(truth, said):
    totals = span_errors([truth], [said]).totals()
    paired = sum(totals[kind] for kind in ("exact", "boundary", "label", "both"))
    assert paired + totals["missed"] == len(truth)
    assert paired + totals["spurious"] == len(said)
    assert totals["exact"] == len(set(truth) & set(said))
    turned = span_errors([said], [truth]).totals()
    assert [turned[kind] for kind in KINDS[:1]] == [totals[kind] for kind in KINDS[:1]]


def test_directions():
    labels = ["Cause(e1,e2)", "Cause(e2, e1)", "Part(e1,e2)", "Other"]
    assert [opposite_of(label, labels) for label in labels] == ["Cause(e2, e1)", "Cause(e1,e2)", None, None]
    truths = ["Cause(e1,e2)", "Cause(e2, e1)", "Part(e1,e2)", "Other", "Cause(e1,e2)"]
    said = ["Cause(e2, e1)", "Cause(e2, e1)", "Cause(e1,e2)", None, None]
    assert direction_errors(truths, said, labels).tolist() == [1, 0, 0, 0, 0]
    assert np.isnan(direction_errors(["a"], ["b"], ["a", "b"])).all()
