from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from small_project import SmallProject

from understudy.pipeline import cascading, fastest
from understudy.pipeline.fastest import FORM_FILE, in_fastest_form
from understudy.records import Role
from understudy.student import AutoStudent, EncoderStudent, Labelled, TfidfStudent
from understudy.student.auto import Member
from understudy.student.forms import forms_here, in_form


class Said:
    """A listener that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def progress(self, what, done, total, detail=""):
        """Not kept."""

    def say(self, line):
        self.lines.append(line)


@pytest.fixture
def project(tmp_path, tiny_bert):
    small = SmallProject(tmp_path, tiny_bert, n_gold=240)
    small.settings |= {
        "student.kind": "encoder", "student.encoder.model": str(tiny_bert), "student.encoder.epochs": "6",
        "student.encoder.learning_rate": "2e-3", "student.seeds": "1", "arms.human": "[60]", "arms.teacher": "[]",
        "arms.teacher_human": "false",
    }  # fmt: skip
    opened = small.open(Said())
    opened.train()
    return opened


def folder_of(project) -> Path:
    return project.folder / "students" / "human-60"


def student_of(project):
    from understudy.student import load_student

    return load_student(folder_of(project))


def test_the_choice_is_kept_and_is_not_judged_again(project, monkeypatch):
    student = student_of(project)
    _, sentence = in_fastest_form(project, folder_of(project), student)
    kept = json.loads((folder_of(project) / FORM_FILE).read_text(encoding="utf-8"))
    assert tuple(kept["tried"]) == forms_here(student)
    assert kept["sentence"] == sentence
    monkeypatch.setattr(fastest, "_choose", lambda *_: pytest.fail("judged again"))
    assert in_fastest_form(project, folder_of(project), student)[1] == sentence


def test_another_set_of_forms_is_judged_anew(project):
    (folder_of(project) / FORM_FILE).write_text('{"form": "int8", "tried": ["int8"], "sentence": "old"}')
    _, sentence = in_fastest_form(project, folder_of(project), student_of(project))
    assert sentence != "old"


def test_a_form_that_answers_otherwise_is_refused_in_words(project, monkeypatch):
    class Contrary:
        def __init__(self, student):
            self.task, self.decode, self._student = student.task, student.decode, student

        def label(self, documents):
            probabilities = 1 - self._student.predict_proba(documents)
            return Labelled(self.decode(probabilities), probabilities)

    monkeypatch.setattr("understudy.student.forms.in_form", lambda student, form, **_: Contrary(student))
    monkeypatch.setattr("understudy.student.forms.forms_here", lambda *_, **__: ("bf16", "int8"))
    chosen = fastest._choose(project, student_of(project), ("bf16", "int8"))
    assert chosen.form == "torch"
    assert "the same answer on" in chosen.sentence
    assert "points of F1" in chosen.sentence


def test_few_gold_texts_judge_nothing(project, monkeypatch):
    monkeypatch.setattr(fastest, "FEWEST_TEXTS", 1000)
    chosen = fastest._choose(project, student_of(project), ("onnx",))
    assert chosen.form == "torch"
    assert "gold dev texts" in chosen.sentence


def test_a_cascade_says_how_much_it_computes_twice_and_keeps_its_bound(project, monkeypatch):
    """The stopwatch is made to find the last form the fastest; its bound is far out, so that all is done again."""
    seconds, real = iter([2.0, 1.0]), fastest._labelled
    monkeypatch.setattr(fastest, "_labelled", lambda *given: (real(*given)[0], next(seconds)))
    monkeypatch.setattr("understudy.student.forms.forms_here", lambda *_, **__: ("cascade",))
    monkeypatch.setattr(cascading, "_refuse_few", lambda _: None)
    monkeypatch.setattr(cascading, "cascade_bound", lambda *_: 1e9)
    labeller, sentence = in_fastest_form(project, folder_of(project), student_of(project))
    assert "then in single precision for 100.0% of" in sentence
    assert labeller.bound == 1e9
    again, _ = in_fastest_form(project, folder_of(project), student_of(project))
    assert again.bound == 1e9


def test_a_cascade_needs_texts_to_compare_on(project, monkeypatch):
    """72 gold dev and 24 pool texts are fewer than 598; nothing is computed to find that out."""
    monkeypatch.setattr("understudy.student.cascade.export", lambda _: pytest.fail("exported"))
    chosen = fastest._choose(project, student_of(project), ("cascade",))
    assert chosen.form == "torch"
    assert "cascade not: " in chosen.sentence
    assert "too few" in chosen.sentence


def test_texts_that_judge_the_student_are_not_compared(project):
    compared = {document.id for document in cascading._compared(project)}
    assert compared >= {document.id for document in project.gold_of(Role.DEV)}
    assert not compared & {document.id for document in project.gold_of(Role.TEST)}


def test_predict_says_which_form_it_used(project, tmp_path):
    source, target = tmp_path / "new.csv", tmp_path / "labels.csv"
    source.write_text("id,text\n1,the film was good\n2,the film was awful\n", encoding="utf-8")
    project.predict(source, target, student="human-60")
    assert any(line.startswith("computed in") for line in project.listener.lines)
    with target.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 2


def test_half_precision_leaves_the_student_alone(project):
    student = student_of(project)
    assert isinstance(student, EncoderStudent)
    documents = project.gold[:20]
    before = student.predict_proba(documents)
    half = in_form(student, "bf16")
    np.testing.assert_allclose(half.predict_proba(documents), before, atol=0.05)
    np.testing.assert_array_equal(student.predict_proba(documents), before)


def test_a_joint_answer_is_computed_in_the_form_of_the_networks_behind_it(project):
    encoder, documents = student_of(project), project.gold[:40]
    targets = project.task.encode([document.value for document in documents])
    words = TfidfStudent(project.task).fit(documents, targets)
    joint = AutoStudent(project.task, None)
    joint.members_ = (Member("encoder", encoder, 0.7), Member("tfidf-linear", words, 0.3))
    joint.thresholds_ = np.full(2, np.nan)
    assert set(forms_here(joint)) == set(forms_here(encoder)) - {"cascade"}
    half = in_form(joint, "bf16")
    expected = 0.7 * in_form(encoder, "bf16").predict_proba(documents) + 0.3 * words.predict_proba(documents)
    np.testing.assert_allclose(half.predict_proba(documents), expected)
    assert joint.members_[0].student is encoder
    with pytest.raises(ValueError, match="kind auto has no cascade"):
        in_form(joint, "cascade")


def test_students_without_other_forms_label_as_they_are(project):
    sentinel = object()
    assert in_fastest_form(project, folder_of(project), sentinel) == (sentinel, "")  # type: ignore[arg-type]
