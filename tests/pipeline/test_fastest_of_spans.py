"""A fine-tuned student of spans labels files in the fastest form that leaves its spans as they are."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from understudy.pipeline import Project, copy_demo_project, fastest
from understudy.pipeline.fastest import FORM_FILE, in_fastest_form
from understudy.records import Document, Role, Span
from understudy.student import Labelled, load_student
from understudy.student.forms import forms_here

pytest.importorskip("onnxruntime")

LABELS = {"cat": "person", "dog": "person", "red": "place", "green": "place"}
WORDS = [*LABELS, "the", "film", "was", "very"]
ARM = "human-120"
CAT = (Span(0, 3, "person", "cat"),)


class Said:
    """A listener that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def progress(self, what, done, total, detail=""):
        """Not kept."""

    def say(self, line):
        self.lines.append(line)


def row(number, words):
    """A JSON line of a text whose names are single words; its number makes it unique."""
    text, spans = "", []
    for word in words:
        if word in LABELS:
            spans.append({"start": len(text), "end": len(text) + len(word), "label": LABELS[word], "text": word})
        text += f"{word} "
    return {"id": f"t{number}", "text": f"{text}{number}", "label": spans}


def write(path, rows):
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_bert):
    folder = tmp_path_factory.mktemp("spans") / "project"
    copy_demo_project(folder, "entities")
    rng = np.random.default_rng(0)
    rows = [row(number, rng.choice(WORDS, 6).tolist()) for number in range(310)]
    write(folder / "gold.jsonl", rows[:300])
    write(folder / "pool.jsonl", rows[300:])
    open_in(folder, tiny_bert).train()
    return folder


def open_in(folder, model):
    settings = {
        "student.kind": "encoder", "student.encoder.model": str(model), "student.encoder.epochs": "10",
        "student.encoder.learning_rate": "3e-3", "student.encoder.batch_size": "8", "student.seeds": "1",
        "student.quantise": "true", "arms.human": "[120]", "arms.teacher": "[]", "arms.all_teacher": "false",
        "arms.teacher_human": "false", "embedding.model": json.dumps(str(model)),
    }  # fmt: skip
    return Project.open(folder, settings, Said())


@pytest.fixture
def project(trained, tiny_bert, tmp_path):
    shutil.copytree(trained, tmp_path / "project")
    return open_in(tmp_path / "project", tiny_bert)


def folder_of(project) -> Path:
    return project.folder / "students" / ARM


class Saying:
    """A student in a form that says something else."""

    def __init__(self, student, change):
        self.task, self._student, self._change = student.task, student, change

    def label(self, documents):
        values, probabilities = self._student.label(documents)
        return Labelled([self._change(document, value) for document, value in zip(documents, values, strict=True)],
                        probabilities)  # fmt: skip


def say_in_forms(monkeypatch, change):
    monkeypatch.setattr("understudy.student.forms.in_form", lambda student, *_, **__: Saying(student, change))


def test_a_file_is_labelled_in_a_form_that_finds_the_same_spans(project, monkeypatch, tmp_path):
    """The stopwatch is made to find each form twice as fast as the one before."""
    seconds, real = iter(2.0**-n for n in range(10)), fastest._labelled
    monkeypatch.setattr(fastest, "_labelled", lambda *given: (real(*given)[0], next(seconds)))
    words = [["the", "cat", "was", "red"], ["very"] * 200 + ["dog"], ["film"]]
    texts = [*(row(number, each)["text"] for number, each in enumerate(words)), "\u200d red \u202ecat", " "]
    write(tmp_path / "new.jsonl", [{"id": str(number), "text": text} for number, text in enumerate(texts)])
    project.predict(tmp_path / "new.jsonl", tmp_path / "out.jsonl", student=ARM)
    (said,) = [line for line in project.listener.lines if line.startswith("computed in")]
    assert said.startswith("computed in int8 by ONNX Runtime, ")
    assert "as judged on 60 gold dev texts" in said
    kept = json.loads((folder_of(project) / FORM_FILE).read_text(encoding="utf-8"))
    assert (kept["form"], kept["sentence"]) == ("int8", said)
    assert tuple(kept["tried"]) == forms_here(load_student(folder_of(project)), may_quantise=True)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    quotes = [None if each["label"] is None else [span["text"] for span in each["label"]] for each in rows]
    assert quotes[:3] == [["cat", "red"], ["dog"], []]
    assert quotes[4] is None
    for each in rows[:4]:
        assert all(each["text"][span["start"] : span["end"]] == span["text"] for span in each["label"])


def test_int8_that_loses_spans_is_refused_in_words(project, monkeypatch):
    say_in_forms(monkeypatch, lambda _, value: value[1:])
    chosen = fastest._choose(project, load_student(folder_of(project)), ("onnx", "int8"))
    assert chosen.form == "torch"
    assert "onnx not: the same answer on" in chosen.sentence
    assert "int8 not: it loses" in chosen.sentence


@pytest.mark.parametrize(("n_differing", "refused"), [(1, False), (2, True)])
def test_the_share_of_texts_with_the_same_spans_decides(project, n_differing, refused):
    """Of 200 texts 1 differs, 99.5 %, or 2; a border moved by one code point is another span."""
    documents = [Document(str(i), "cat red", ()) for i in range(200)]
    base = [CAT] * 200
    moved = [(Span(0, 2, "person", "ca"),)] * n_differing
    refusal = fastest._refusal(project, documents, "onnx", base, [*moved, *base[n_differing:]])
    assert refusal == ("the same answer on 99.0% of the texts only" if refused else "")


@pytest.mark.parametrize(
    ("form", "given", "refusal"),
    [
        ("int8", (), "it loses 0.8 points of F1"),
        ("onnx", (), "the same answer on 98.5% of the texts only"),
        ("int8", (*CAT, Span(4, 7, "place", "red")), "it loses 0.7 points of F1"),
        ("int8", CAT, ""),
    ],
)
def test_int8_is_measured_by_the_points_of_f1_that_it_loses(project, form, given, refusal):
    """Three of 200 texts with a span each. Found in 197, F1 is 394 / 397 = 0.992; with three false ones, 400 / 403."""
    documents = [Document(str(i), "cat red", CAT) for i in range(200)]
    assert fastest._refusal(project, documents, form, [CAT] * 200, [given] * 3 + [CAT] * 197) == refusal


def test_int8_that_is_wrong_in_another_way_loses_nothing(project):
    """Every text has a false span in either form, of another label: 0 texts agree and F1 is 0 for both."""
    documents = [Document(str(i), "cat red", ()) for i in range(200)]
    base, given = [CAT] * 200, [(Span(0, 3, "place", "cat"),)] * 200
    assert fastest._refusal(project, documents, "int8", base, given) == ""
    assert "0.0% of the texts" in fastest._refusal(project, documents, "bf16", base, given)


def test_without_the_setting_int8_is_not_tried(project, tiny_bert):
    student = load_student(folder_of(project))
    _, sentence = in_fastest_form(
        Project.open(project.folder, {"student.quantise": "false"}), folder_of(project), student
    )
    assert "int8" not in sentence
    assert "cascade" not in json.loads((folder_of(project) / FORM_FILE).read_text(encoding="utf-8"))["tried"]
    assert len(project.gold_of(Role.DEV)) == 60
