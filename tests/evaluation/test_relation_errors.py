"""Verdicts on relations, direction errors above all."""

import pytest

from understudy.evaluation.relation_errors import RelationErrors, judge_relations, relation_errors, reverse_of
from understudy.records import Document, Span

ANA, LI = Span(0, 3, "", "Ana"), Span(8, 10, "", "Li")


def pair(label, head=ANA, tail=LI, text="Ana and Li"):
    return Document("d", text, label, head=head, tail=tail)


@pytest.mark.parametrize(
    ("label", "reverse"),
    [
        ("Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)"),
        ("Cause-Effect(e2,e1)", "Cause-Effect(e1,e2)"),
        ("Cause-Effect", None),
        ("x(e1,e1)", None),
        ("(e1,e2) x", None),
    ],
)
def test_a_reverse_is_declared_by_name(label, reverse):
    assert reverse_of(label) == reverse


@pytest.mark.parametrize(
    ("truth", "answer", "verdict"),
    [
        ("r(e1,e2)", "r(e1,e2)", "right"),
        ("none", "none", "right"),
        ("r(e1,e2)", "r(e2,e1)", "direction"),
        ("r(e2, e1)", "r(e1,e2)", "direction"),
        ("r(e1,e2)", "r(e2, e1)", "direction"),
        ("r(e1,e2)", "q(e2,e1)", "other"),
        ("r(e1,e2)", "none", "missed"),
        ("none", "r(e1,e2)", "spurious"),
        ("r(e1,e2)", None, "unanswered"),
        ("none", None, "unanswered"),
    ],
)
def test_verdicts_by_hand(truth, answer, verdict):
    assert list(judge_relations([pair(truth)], [answer], "none")) == [verdict]


def test_the_label_of_the_swapped_pair_is_a_direction_error():
    documents = [pair("parent"), pair("none", LI, ANA), pair("none", LI, ANA, "Ana or Li.")]
    # Ana is the parent; the answer says that Li is. In the third text nobody said so.
    assert list(judge_relations(documents, ["none", "parent", "parent"], "none")) == ["missed", "direction", "spurious"]


def test_without_a_null_label_nothing_is_missed():
    assert relation_errors([pair("a"), pair("b"), pair("a")], ["b", "b", None]) == RelationErrors(
        right=1, other=1, unanswered=1
    )
    assert relation_errors([], []) == RelationErrors()
