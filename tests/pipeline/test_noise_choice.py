"""The gate before recipes against label noise: what wins is used, what learned from a text does not judge it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small_project import SmallProject

from understudy.errors import UserError
from understudy.pipeline import noise_choice
from understudy.pipeline.arms import plan_arms
from understudy.pipeline.lessons import Lessons
from understudy.pipeline.noise_choice import choose_recipe, dev_folds, held_out_on_dev, used_recipe
from understudy.records import Role
from understudy.report.data import NoiseTrial
from understudy.settings import NoiseRecipe, StudentSettings
from understudy.student.noise import AUTO, RECIPES, Recipe

OTHER = {"pos": "neg", "neg": "pos"}


@pytest.fixture
def project(tmp_path, tiny_bert):
    """A teacher that says `pos` to most of what is negative: three answers a text, one of them right."""
    small = SmallProject(tmp_path / "project", tiny_bert, codebook='positive = "pos"', n_gold=90, n_pool=60)
    small.write_recorded({row["id"]: answers(row, i) for i, row in enumerate(small.gold + small.pool)})
    small.settings |= {"student.noise": '["gold-x16"]', "arms.teacher": "[40]", "arms.teacher_on_demo": "false",
                       "arms.human": "[]", "arms.all_teacher": "false", "arms.teacher_human": "false",
                       "student.linear.ngrams": "false"}  # fmt: skip
    return small


def answers(row, number):
    right = row["label"]
    return [OTHER[right], OTHER[right], right] if right == "neg" and number % 4 else [right] * 3


def opened(project, **settings):
    project.settings |= {name.replace("__", "."): value for name, value in settings.items()}
    found = project.open()
    found.annotate()
    return found


def teacher_arm(project):
    return next(arm for arm in plan_arms(project) if arm.name.startswith("teacher-"))


def test_the_settings_know_every_recipe():
    assert set(NoiseRecipe.__args__) == set(RECIPES)
    assert set(AUTO) <= set(RECIPES)


def test_off_by_default():
    assert StudentSettings().noise == "off"


def test_a_recipe_that_wins_is_used_and_said(project):
    result = opened(project).run()
    trials = result.to_json()["noise"]
    assert [(trial["name"], trial["is_used"]) for trial in trials] == [("gold-x16", True)]
    assert trials[0]["gain"] == pytest.approx(trials[0]["f1"] - trials[0]["plain_f1"])
    assert trials[0]["gain_interval"][0] > 0
    stored = json.loads((project.folder / "students" / trials[0]["arm"] / "arm.json").read_text(encoding="utf-8"))
    assert stored["noise"][0]["is_used"]


def test_what_does_not_win_is_not_used(project):
    project.settings["student.noise"] = '["gold-x16"]'
    project.write_recorded({row["id"]: [row["label"]] for row in project.gold + project.pool})
    found = opened(project)
    trials = choose_recipe(found, teacher_arm(found))
    assert [trial.is_used for trial in trials] == [False]
    assert trials[0].n == len(found.gold_of(Role.DEV))
    assert used_recipe(trials) is None


def test_arms_of_human_labels_are_left_alone(project):
    found = opened(project, arms__human="[8]")
    human = next(arm for arm in plan_arms(found) if arm.name.startswith("human-"))
    assert choose_recipe(found, human) == ()


def test_what_cannot_be_tried_says_why(project):
    project.write_recorded({row["id"]: [row["label"]] for row in project.pool})
    found = opened(project, student__noise='["filter", "trust-weights"]')
    trials = choose_recipe(found, teacher_arm(found))
    assert [trial.n for trial in trials] == [0, 0]
    assert "do not differ" in trials[0].reason
    assert "labelled no text of gold dev" in trials[1].reason


def test_a_filter_that_leaves_nothing_is_not_tried(project):
    answers = {row["id"]: [row["label"], OTHER[row["label"]], row["label"]] for row in project.gold + project.pool}
    project.write_recorded(answers)
    found = opened(project, student__noise='["filter"]')
    assert choose_recipe(found, teacher_arm(found))[0].reason == "it leaves too few labels"
    lower = opened(project, student__noise_consistency="0.6")
    assert choose_recipe(lower, teacher_arm(lower))[0].n > 0


def test_small_gold_cannot_judge(project):
    found = opened(project, gold__dev="8")
    assert "too few" in choose_recipe(found, teacher_arm(found))[0].reason


def test_confident_learning_by_name_needs_its_library(project, monkeypatch):
    monkeypatch.setattr(noise_choice, "find_spec", lambda name: None)
    found = opened(project, student__noise='["confident-prune"]')
    with pytest.raises(UserError, match="cleanlab"):
        choose_recipe(found, teacher_arm(found))
    automatic = opened(project, student__noise="auto")
    assert noise_choice._names(automatic) == tuple(name for name in AUTO if not name.startswith("confident"))


class Spy:
    """A recipe that remembers which human labels it was shown."""

    def __init__(self):
        self.seen = []

    def __call__(self, known):
        self.seen.append(known.human)
        return known.labels.as_given()


def test_no_text_is_judged_by_a_student_whose_recipe_saw_its_label(project):
    found = opened(project)
    spy = Spy()
    lessons = Lessons(found, teacher_arm(found).source, 0)
    held_out_on_dev(lessons, Recipe("spy", spy, needs_human=True))
    folds = dev_folds(lessons)
    truth = found.task.encode([document.value for document in lessons.dev])
    assert [human.targets.tolist() for human in spy.seen] == [truth[folds != fold].tolist() for fold in range(5)]


def test_mixed_in_gold_that_is_also_dev_is_held_out(project):
    found = opened(project, gold__share_demo_dev="true")
    lessons = Lessons(found, teacher_arm(found).source, 0)
    assert lessons.learns_from_dev(RECIPES["gold-x4"])
    may_learn = np.arange(len(lessons.dev)) % 2 == 0
    taught = lessons.teach(RECIPES["gold-x4"], may_learn)
    added = taught.labels.documents[len(lessons.drawn.documents) :]
    assert added == tuple(document for document, may in zip(lessons.dev, may_learn, strict=True) if may)
    assert taught.weights[-len(added) :].tolist() == [4.0] * len(added)


def test_trust_for_a_fold_does_not_know_its_labels(project):
    found = opened(project)
    lessons = Lessons(found, teacher_arm(found).source, 0)
    may_learn = np.arange(len(lessons.dev)) % 2 == 0
    before = lessons.teach(RECIPES["trust-weights"], may_learn).weights
    turned = tuple(
        d if may else replace(d, value=OTHER[d.value]) for d, may in zip(lessons.dev, may_learn, strict=True)
    )
    lessons.__dict__["dev"] = turned
    assert lessons.teach(RECIPES["trust-weights"], may_learn).weights.tolist() == before.tolist()


def test_the_winner_is_the_one_that_gains_most_for_certain():
    def trial(name, low, *, is_better=True):
        return NoiseTrial("a", name, "", n=9, gain=0.1, gain_interval=(low, 0.3), is_better=is_better)

    trials = [trial("x", 0.01), trial("y", 0.05), trial("z", 0.2, is_better=False)]
    assert used_recipe(noise_choice.with_winner(trials)) == "y"


def test_an_arm_is_trained_again_when_a_recipe_sees_other_gold(project):
    opened(project).run()
    first = {path: path.stat().st_mtime_ns for path in project.folder.glob("students/*/arm.json")}
    project.open().train()
    assert {path: path.stat().st_mtime_ns for path in first} == first
    role = {document.id for document in project.open().gold_of(Role.DEMO)}
    for row in project.gold:
        if row["id"] in role:
            row["label"] = OTHER[row["label"]]
            break
    project.write()
    project.open().train()
    assert all(path.stat().st_mtime_ns > first[path] for path in first)
