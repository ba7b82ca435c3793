"""Recipes against noise where labels are spans: the same gate, answers and stretches instead of targets."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.pipeline import Project, copy_demo_project
from understudy.pipeline.arms import plan_arms
from understudy.pipeline.lessons import N_ANSWERS, Lessons, _pretended
from understudy.pipeline.noise_choice import choose_recipe, held_out_on_dev
from understudy.records import Role, Span
from understudy.student.noise import AUTO_OF_SPANS, RECIPES, Lesson, Recipe

WORDS = ("cat", "very", "film", "the", "film", "dog")
LABEL_OF = {"cat": "person", "dog": "person", "film": "place"}


def notice(identifier, number, *, wrong=False):
    """Cats and dogs are persons and films are places; a wrong label calls films persons, too."""
    words = [WORDS[(number * 7 + place * (1 + number % 4)) % 6] for place in range(6)]
    start, spans = 0, []
    for word in words:
        if word in LABEL_OF:
            label = "person" if wrong else LABEL_OF[word]
            spans.append({"start": start, "end": start + len(word), "label": label, "text": word})
        start += len(word) + 1
    return {"id": identifier, "text": f"{' '.join(words)} {number}", "label": spans}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def opened(tmp_path, tiny_bert):
    """A teacher that is wrong about two films in three."""
    folder = tmp_path / "demo"
    copy_demo_project(folder, "entities")
    write(folder / "gold.jsonl", [notice(f"g{i}", i) for i in range(100)])
    write(
        folder / "pool.jsonl", [{k: v for k, v in notice(f"p{i}", 900 + i).items() if k != "label"} for i in range(60)]
    )
    asked = [*((f"g{i}", i) for i in range(100)), *((f"p{i}", 900 + i) for i in range(60))]
    answers = [{"id": name, "teacher": notice(name, i, wrong=i % 3 > 0)["label"]} for name, i in asked]
    write(folder / "recorded.jsonl", answers)
    settings = {
        "teacher.kind": "recorded", "teacher.model": "gpt-0", "teacher.recorded": '["recorded.jsonl"]',
        "embedding.model": json.dumps(str(tiny_bert)), "student.seeds": "1", "arms.human": "[]", "gate.min_f1": "0",
        "arms.teacher": "[60]", "arms.all_teacher": "false", "arms.teacher_human": "false", "gold.demo": "0.3",
        "arms.teacher_on_demo": "false", "gold.dev": "0.5", "student.linear.c": "[1.0]", "student.linear.folds": "2",
        "student.linear.ngrams": "false",
    }  # fmt: skip

    def make(**more):
        project = Project.open(folder, settings | {name.replace("__", "."): value for name, value in more.items()})
        project.annotate()
        return project

    return make


@pytest.fixture
def lessons(opened):
    project = opened()
    return Lessons(project, teacher_arm(project).source, 0)


def teacher_arm(project):
    return next(arm for arm in plan_arms(project) if arm.name.startswith("teacher-"))


def teacher_labels(project):
    source = teacher_arm(project).source
    return source.documents, source.answers


def test_a_recipe_that_wins_is_used_and_the_others_say_what_they_gained(opened):
    result = opened(student__noise='["gold-x16", "reweighting", "gce", "filter"]').run()
    trials = {trial["name"]: trial for trial in result.to_json()["noise"]}
    assert trials["gold-x16"]["is_used"]
    assert trials["gold-x16"]["gain_interval"][0] > 0
    assert trials["reweighting"]["n"] == trials["gold-x16"]["n"] > 0
    assert trials["gce"]["reason"] == RECIPES["gce"].not_for_spans
    assert "do not differ" in trials["filter"]["reason"]
    page = Path(result.report).read_text(encoding="utf-8")
    assert RECIPES["gold-x16"].title in page
    assert RECIPES["gce"].not_for_spans in page


def test_auto_tries_what_makes_sense_for_spans(opened):
    project = opened(student__noise="auto", student__seeds="1")
    trials = choose_recipe(project, teacher_arm(project))
    assert tuple(trial.name for trial in trials) == AUTO_OF_SPANS
    assert [trial.reason for trial in trials if trial.reason] == []


def test_labels_that_reweighting_distrusts_are_kept_with_the_arm(opened, monkeypatch):
    project = opened(student__noise='["reweighting"]')
    monkeypatch.setattr("understudy.pipeline.training.used_recipe", lambda trials: "reweighting")
    arm = next(found for found in project.train() if found.name.startswith("teacher-"))
    said = {document.id: answers[0] for document, answers in zip(*teacher_labels(project), strict=True)}
    wrong = {name for name, spans in said.items() if any((s.text, s.label) == ("film", "person") for s in spans)}
    distrusted = {label.document_id for label in arm.distrusted}
    assert {label.visits for label in arm.distrusted} == {10}
    assert len(distrusted & wrong) / len(distrusted) > len(wrong) / len(said) + 0.15
    page = Path(project.report().report).read_text(encoding="utf-8")
    listed = page.split("Labels that gold distrusts")[1].split("</table>")[0]
    assert all(f'<th scope="row">{name}</th>' in listed for name in distrusted)


def test_gold_is_mixed_in_with_its_own_spans(lessons):
    taught = lessons.teach(RECIPES["gold-x4"], np.ones(len(lessons.dev), dtype=np.bool_))
    gold = lessons.project.gold_of(Role.DEMO)
    n = len(lessons.drawn.documents)
    assert taught.labels.documents[n:] == gold
    assert taught.labels.answers[n:] == tuple((document.value,) for document in gold)
    assert len(taught.labels.uncertain) == len(taught.weights) == n + len(gold)


def test_spans_stand_in_the_share_of_answers_that_they_are_trusted(lessons):
    taught = lessons.teach(RECIPES["soft-targets"], np.ones(len(lessons.dev), dtype=np.bool_))
    share = {"film": [], "cat": []}
    for answers in taught.labels.answers:
        assert len(answers) == N_ANSWERS
        for span in answers[0]:
            share.get(span.text, []).append(np.mean([span in answer for answer in answers]))
    assert np.mean(share["cat"]) > np.mean(share["film"]) + 0.4


def test_doubtful_spans_are_uncertain_stretches(lessons):
    taught = lessons.teach(RECIPES["doubtful-spans"], np.ones(len(lessons.dev), dtype=np.bool_))
    said = [a.value for a in lessons._drawn_annotations]
    assert [answers[0] for answers in taught.labels.answers] == said
    doubted = [span for stretches in taught.labels.uncertain for span in stretches]
    assert doubted
    assert {(span.text, span.label) for span in doubted} == {("film", "person")}


def test_trust_of_spans_for_a_fold_does_not_know_its_labels(lessons):
    may_learn = np.arange(len(lessons.dev)) % 2 == 0
    before = lessons.teach(RECIPES["soft-targets"], may_learn).labels.answers
    weights = lessons.teach(RECIPES["reweighting"], may_learn).weights
    turned = tuple(d if may else replace(d, value=()) for d, may in zip(lessons.dev, may_learn, strict=True))
    other = Lessons(lessons.project, lessons.drawn, 0)
    other.__dict__["dev"] = turned
    assert other.teach(RECIPES["soft-targets"], may_learn).labels.answers == before
    assert other.teach(RECIPES["reweighting"], may_learn).weights == pytest.approx(weights)


def test_without_a_span_of_the_teacher_in_gold_dev_every_span_holds(lessons):
    taught = lessons.teach(RECIPES["soft-targets"], np.zeros(len(lessons.dev), dtype=np.bool_))
    assert all(len(set(answers)) == 1 for answers in taught.labels.answers)


def test_what_is_said_out_of_fold_are_spans(lessons):
    said = held_out_on_dev(lessons, Recipe("plain", lambda known: known.labels.as_given()))
    assert len(said.values) == len(lessons.dev) == len(said.probabilities)
    for document, value in zip(lessons.dev, said.values, strict=True):
        lessons.project.task.check_in(value, document)


def test_pretended_answers_hold_spans_in_the_nearest_share():
    first, second, third = (Span(i, i + 1, "a", "x") for i in range(3))
    answers = _pretended((first, second, third), np.array([0.26, 1.0, np.nan]))
    assert [first in answer for answer in answers] == [True] * 3 + [False] * 7
    assert all(second in answer and third in answer for answer in answers)


def test_lessons_with_shares_keep_what_they_had():
    lesson = Lesson(np.eye(2), np.array([1.0, 2.0])).with_span_shares(np.array([0.5]))
    assert lesson.weights.tolist() == [1, 2]
    assert lesson.span_shares.tolist() == [0.5]
