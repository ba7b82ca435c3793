"""Relations: a classification that leaves its null label out of the score."""

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, codebook_digest, lint, task_of
from understudy.errors import UserError
from understudy.records import Document, Span


def task(null=None, **types):
    return task_of(Codebook(kind="relations", null=null, labels=(Label(name="none"), Label(name="made", **types))))


@pytest.mark.parametrize(("null", "excluded"), [("none", (0,)), (None, ())])
def test_the_null_label_is_left_out(null, excluded):
    assert (task(null).headline, task(null).positive, task(null).excluded) == ("micro", None, excluded)


def test_count_keeps_the_null_column():
    tally = task("none").count(["made", "none", "made", "none"], ["made", "made", None, "none"])
    np.testing.assert_array_equal(tally.tp, [[0, 1], [0, 0], [0, 0], [1, 0]])
    np.testing.assert_array_equal(tally.fp, [[0, 0], [0, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(tally.fn, [[0, 0], [1, 0], [0, 1], [0, 0]])
    np.testing.assert_array_equal(tally.correct, [1, 0, 0, 1])


def test_digest_tells_type_constraints_apart():
    assert codebook_digest(task(heads=("person",)).codebook) != codebook_digest(task().codebook)


def pair(head_type="", tail_type=""):
    return Document("d", "Ana made it", head=Span(0, 3, head_type, "Ana"), tail=Span(9, 11, tail_type, "it"))


def test_a_relation_needs_a_head_and_a_tail():
    assert task().check_in("made", pair()) == "made"
    with pytest.raises(UserError, match="without a head"):
        task().check_in("made", Document("d", "Ana made it"))


@pytest.mark.parametrize(
    ("head", "tail", "is_allowed"),
    [
        ("person", "thing", True),
        ("", "", True),
        ("person", "", True),
        ("thing", "thing", False),
        ("person", "x", False),
    ],
)
def test_types_are_enforced_where_both_sides_state_them(head, tail, is_allowed):
    typed = task(heads=("person", "group"), tails=("thing",))
    assert typed.allows("made", pair(head, tail)) == is_allowed
    assert typed.allows("none", pair(head, tail))
    if not is_allowed:
        with pytest.raises(UserError, match="do not allow"):
            typed.check_in("made", pair(head, tail))


def messages(kind="relations", null=None, **fields):
    labels = (Label(name="none", definition="d"), Label(name="made", definition="d", **fields))
    findings = lint(Codebook(kind=kind, null=null, instructions="i", labels=labels))
    return [(finding.message, finding.is_error) for finding in findings]


@pytest.mark.parametrize("verbalised", ["", "creation", "{head} made {tail}", "{tail} was made by {head}"])
def test_placeholders_stand_once_each_or_not_at_all(verbalised):
    assert messages(verbalised=verbalised) == []


@pytest.mark.parametrize(
    "verbalised", ["{head} made it", "{head} made {head}", "{subject} {head} {tail}", "{head} {tail"]
)
def test_other_placeholders_are_errors(verbalised):
    ((message, is_error),) = messages(verbalised=verbalised)
    assert is_error
    assert "{head} and {tail} once each" in message


def test_types_that_cannot_work_are_told():
    assert "differ only in case" in messages(heads=("person",), tails=("Person",))[0][0]
    assert messages("classification", heads=("person",))[0][1]
    assert "null label" in messages(null="made", heads=("person",))[0][0]
