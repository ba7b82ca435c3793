"""The weights of the rounds' labels: those that contradict gold dev count less."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small_project import KNOWN_BY, SmallProject

from understudy.pipeline import Project, copy_demo_project
from understudy.pipeline.annotation import teach
from understudy.pipeline.learning.pupils import School
from understudy.pipeline.sources import human_set, labelled_set
from understudy.records import Role


class Words:
    """An encoder that knows good words from bad ones, and nothing else."""

    def encode(self, texts):
        is_good = [any(word in text.split() for word in KNOWN_BY["pos"].split()) for text in texts]
        return np.array([[1.0, 0.0] if good else [0.0, 1.0] for good in is_good], dtype=np.float32)


def test_labels_that_contradict_gold_dev_weigh_less(tmp_path, tiny_bert):
    project = SmallProject(tmp_path / "project", tiny_bert, n_gold=160, n_pool=80)
    answers = {row["id"]: row["label"] for row in (*project.pool, *project.gold)}
    wrong = {row["id"] for i, row in enumerate(project.pool) if i % 5 == 0}
    answers |= {i: "neg" if answers[i] == "pos" else "pos" for i in wrong}
    project.write_recorded(answers)
    project.settings |= {"learn.enabled": "true", "learn.reweight": "true", "gold.dev": "0.5"}
    opened = project.open()
    opened.encoder = Words()
    lessons = labelled_set(opened, opened.candidates, teach(opened, opened.candidates))
    weights = School(opened).weights(lessons)
    is_wrong = np.array([document.id in wrong for document in lessons.documents])
    assert weights.mean() == pytest.approx(1)
    assert weights[is_wrong].max() < 0.5 * weights[~is_wrong].min()
    project.settings |= {"learn.reweight": "false"}
    assert School(project.open()).weights(lessons) is None


def notice(number, labels):
    """Cats are the first label, films the second; every other word is none."""
    words = [("cat", "very", "film", "the", "and")[(number * 7 + place * (1 + number % 3)) % 5] for place in range(6)]
    label_of, start, spans = {"cat": labels[0], "film": labels[1]}, 0, []
    for word in words:
        if word in label_of:
            spans.append({"start": start, "end": start + len(word), "label": label_of[word], "text": word})
        start += len(word) + 1
    return {"id": f"n{number}", "text": f"{' '.join(words)} {number}", "label": spans}


def test_texts_whose_spans_contradict_gold_dev_weigh_less(tmp_path, tiny_bert):
    """Cats are called films, and films cats, in every fifth text."""
    copy_demo_project(tmp_path / "demo", "entities")
    settings = {"embedding.model": json.dumps(str(tiny_bert)), "learn.reweight": "true", "gold.dev": "0.5",
                "student.linear.c": "[1.0]", "student.linear.folds": "2"}  # fmt: skip
    labels = Project.open(tmp_path / "demo").task.labels
    rows = [json.dumps(notice(number, labels)) for number in range(160)]
    (tmp_path / "demo" / "gold.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    project = Project.open(tmp_path / "demo", settings)
    right = human_set(project, [document for document in project.gold_of(Role.DEMO) if document.value])
    other = {labels[0]: labels[1], labels[1]: labels[0]}
    is_wrong = np.arange(len(right.documents)) % 5 == 0
    said = [
        tuple(replace(span, label=other[span.label]) for span in value) if wrong else value
        for (value,), wrong in zip(right.answers, is_wrong, strict=True)
    ]
    school = School(project)
    lessons = replace(right, answers=tuple((value,) for value in said))
    weights = school.weights(lessons)
    assert weights.mean() == pytest.approx(1)
    assert weights[is_wrong].max() < 0.5 * weights[~is_wrong].min()
    assert any(school.train(lessons, 0).predict(right.documents))
