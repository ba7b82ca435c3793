import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Document, Outcome
from understudy.teacher import RecordedTeacher

ONE = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"), Label(name="no"), Label(name="None"))))
MANY = task_of(Codebook(kind="multilabel", labels=(Label(name="a"), Label(name="b"))))


def annotate(answers, task=ONE):
    (annotation,) = RecordedTeacher(task, "old", answers, "cb", "pr").annotate([Document("1", "text")])
    return annotation


@pytest.mark.parametrize(
    ("answers", "outcome", "value", "consistency"),
    [
        ({}, Outcome.SKIPPED, None, None),
        ({"2": ("pos",)}, Outcome.SKIPPED, None, None),
        ({"1": ()}, Outcome.SKIPPED, None, None),
        ({"1": (None,)}, Outcome.UNPARSED, None, None),
        ({"1": (None, None)}, Outcome.UNPARSED, None, None),
        ({"1": ("",)}, Outcome.UNPARSED, None, None),
        ({"1": ("Pos",)}, Outcome.UNPARSED, None, None),
        ({"1": ("positive",)}, Outcome.UNPARSED, None, None),
        ({"1": ("no",)}, Outcome.LABELLED, "no", 1.0),
        ({"1": ("None",)}, Outcome.LABELLED, "None", 1.0),
        ({"1": ("pos", "neg", "neg")}, Outcome.LABELLED, "neg", 2 / 3),
        ({"1": ("pos", None, "rubbish")}, Outcome.LABELLED, "pos", 1.0),
        ({"1": ("neg", "pos")}, Outcome.LABELLED, "pos", 0.5),  # a tie goes to codebook order
    ],
)
def test_one_outcome_whatever_is_on_file(answers, outcome, value, consistency):
    annotation = annotate(answers)
    assert (annotation.outcome, annotation.value, annotation.consistency) == (outcome, value, consistency)
    assert annotation.n_asked == len(answers.get("1", ()))
    assert annotation.cost_usd == 0.0


def test_reason_says_what_is_wrong():
    assert "`Pos` is not in the codebook" in annotate({"1": ("Pos",)}).reason
    assert annotate({}).reason == "no recorded answer"
    assert "equally frequent" in annotate({"1": ("neg", "pos")}).reason
    assert "1 of 3 answers without a value (unparsed" in annotate({"1": ("pos", None, "pos")}).reason
    assert annotate({"1": ("pos", "pos")}).reason == ""


def test_sets_of_labels_are_compared_whole():
    annotation = annotate({"1": ("a|b", '["b", "a"]', "[]")}, MANY)
    assert annotation.value == ("a", "b")
    assert annotation.answers == (("a", "b"), ("a", "b"), ())
    assert annotation.consistency == pytest.approx(2 / 3)


def test_every_document_once_in_order_and_with_provenance():
    documents = [Document(str(i), "same text") for i in range(5)]
    annotations = list(RecordedTeacher(ONE, "old", {"3": ("pos",)}, "cb", "pr").annotate(documents))
    assert [a.document_id for a in annotations] == ["0", "1", "2", "3", "4"]
    assert {(a.provenance.teacher, a.provenance.codebook, a.provenance.prompt) for a in annotations} == {
        ("old", "cb", "pr")
    }
