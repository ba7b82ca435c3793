import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.corpus import text_digest
from understudy.errors import TeacherError
from understudy.journal import Journal
from understudy.records import Document, Outcome, Role
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, PromptPlan, Scripted
from understudy.teacher.provider import CallError, Then

LABELS = (Label(name="pos"), Label(name="neg"))
ONE = task_of(Codebook(labels=LABELS))
MANY = task_of(Codebook(kind="multilabel", labels=LABELS))


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        yield journal


def annotate(journal, answers, texts, task=ONE, choose=None, data=None, repair=True, **settings):
    chosen = TeacherSettings(kind="openai", model="m", concurrency=settings.pop("concurrency", 1), **settings)
    plan = PromptPlan("5f0c9a77e2b1d304", choose or (lambda some: [()] * len(some)), repair, "cb", "pr")
    teacher = LanguageModelTeacher(
        task, Scripted(answers), journal, plan, chosen, data or DataSettings(), np.random.default_rng(0)
    )
    return list(teacher.annotate([Document(f"d{i}", text) for i, text in enumerate(texts)]))


def test_no_documents_no_calls(journal):
    assert annotate(journal, [], []) == []


def test_blank_and_overlong_texts_are_skipped_and_not_sent(journal):
    data = DataSettings(max_characters=5)
    annotations = annotate(journal, ["pos"], ["", "\u200b \n", "123456", "12345"], data=data)
    assert [a.outcome for a in annotations] == [*[Outcome.SKIPPED] * 3, Outcome.LABELLED]
    assert annotations[2].reason == "the text has more than 5 characters"
    assert annotations[0].cost_usd == 0.0
    assert journal.counts()["requests"] == 1


def test_overlong_texts_are_cut_or_kept_as_set(journal):
    asked = []

    def answer(messages):
        asked.append(messages[-1].content)
        return "pos"

    (cut,) = annotate(journal, answer, ["12345678"], data=DataSettings(max_characters=5, overlong="truncate"))
    (kept,) = annotate(journal, answer, ["12345678"], data=DataSettings(max_characters=5, overlong="keep"))
    assert "12345\n" in asked[0]
    assert "12345678\n" in asked[1]
    assert cut.reason == "only the first 5 characters were sent"
    assert cut.text_sha256 == kept.text_sha256 == text_digest("12345678")
    assert kept.reason == ""


def test_unreadable_answer_is_asked_about_once(journal):
    (repaired,) = annotate(journal, ["dunno", "neg"], ["a"])
    assert repaired.value == "neg"
    assert len(repaired.provenance.request_keys) == 2
    (given_up,) = annotate(journal, ["dunno", "still"], ["b"])
    assert (given_up.outcome, given_up.value) == (Outcome.UNPARSED, None)
    assert given_up.reason
    (at_once,) = annotate(journal, ["dunno"], ["c"], repair=False)
    assert at_once.outcome is Outcome.UNPARSED


def test_replicates_vote_and_ties_are_declared(journal):
    (annotation,) = annotate(journal, ["neg", "pos", "neg"], ["a"], replicates=3)
    assert (annotation.value, annotation.answers) == ("neg", ("neg", "pos", "neg"))
    assert annotation.consistency == pytest.approx(2 / 3)
    (tied,) = annotate(journal, ["neg", "pos"], ["b"], replicates=2)
    assert (tied.value, tied.consistency) == ("pos", 0.5)
    assert "equally frequent" in tied.reason


def test_unusable_replicates_are_named_and_do_not_vote(journal):
    (annotation,) = annotate(journal, ["neg", "x", "unsure"], ["a"], replicates=3, repair=False)
    assert (annotation.value, annotation.consistency, annotation.n_asked) == ("neg", 1.0, 3)
    assert "2 of 3 answers without a value" in annotation.reason


def test_abstaining_is_not_a_label(journal):
    (annotation,) = annotate(journal, ["unsure"], ["a"])
    assert (annotation.outcome, annotation.value) == (Outcome.ABSTAINED, None)


def test_sets_of_labels(journal):
    annotations = annotate(journal, ["pos | neg", "none"], ["a", "b"], task=MANY)
    assert [a.value for a in annotations] == [("pos", "neg"), ()]


def test_demonstrations_are_shown_and_recorded(journal):
    shown = (Document("x", "far", "neg", role=Role.DEMO), Document("y", "near", "pos", role=Role.DEMO))
    seen = []

    def answer(messages):
        seen.append([message.role for message in messages])
        return "pos"

    annotations = annotate(journal, answer, ["a"] * 600, choose=lambda some: [shown] * len(some))
    assert len(annotations) == 600
    assert seen == [["system", "user", "assistant", "user", "assistant", "user"]]  # 600 equal texts are one question
    assert annotations[0].provenance.demonstrations == ("x", "y")


def test_what_is_stored_is_not_asked_again(journal):
    first = annotate(journal, lambda _: "pos", ["a", "b"])
    again = annotate(journal, [], ["a", "b"])
    assert [(a.value, a.provenance.request_keys) for a in first] == [
        (a.value, a.provenance.request_keys) for a in again
    ]


def test_stopping_yields_what_is_finished_first(journal):
    plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some))
    settings = TeacherSettings(kind="openai", model="m", concurrency=1)
    teacher = LanguageModelTeacher(
        ONE, Scripted(["pos", "neg"]), journal, plan, settings, DataSettings(), np.random.default_rng(0)
    )
    annotations = teacher.annotate([Document(f"d{i}", f"text {i}") for i in range(9)])
    assert [next(annotations).value for _ in range(2)] == ["pos", "neg"]
    with pytest.raises(TeacherError, match="the script has no answer"):
        next(annotations)
    assert journal.counts()["failures"] == 1


def test_one_document_given_up_does_not_stop_the_others(journal):
    def answer(messages):
        if "text 3\n" in messages[-1].content:
            raise CallError("odd", "the server did not like it", Then.GIVE_UP)
        return "neg"

    annotations = annotate(journal, answer, [f"text {i}" for i in range(30)], concurrency=4)
    assert {a.document_id: a.outcome for a in annotations}["d3"] is Outcome.FAILED
    assert sum(a.value == "neg" for a in annotations) == 29


def test_failure_of_choosing_demonstrations_reaches_the_caller(journal):
    def choose(some):
        raise RuntimeError("no encoder")

    with pytest.raises(RuntimeError, match="no encoder"):
        annotate(journal, ["pos"], ["a", "b"], choose=choose, concurrency=3)


def test_lone_surrogates_and_nul_are_asked_about_and_stored(journal):
    annotations = annotate(journal, lambda _: "pos", ["half \ud83d pair", "nul \x00 inside"])
    assert [a.value for a in annotations] == ["pos", "pos"]
    assert [a.text_sha256 for a in annotations] == [text_digest("half \ud83d pair"), text_digest("nul \x00 inside")]
