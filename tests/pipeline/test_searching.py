"""Searches over settings: gold dev or held-out labels choose, no run is made twice, test is not read."""

import json

import pytest
from small_project import SmallProject

from understudy import Project
from understudy.errors import UserError
from understudy.pipeline import searching
from understudy.pipeline.arms import plan_arms
from understudy.pipeline.searching import search
from understudy.pipeline.space import with_parameters
from understudy.records import Role
from understudy.settings import LinearSettings, StudentSettings

WEAK, STRONG = [1e-6], [100.0]
"""Values of `c`: with the first, a student hardly looks at the text."""


@pytest.fixture
def project(tmp_path, tiny_bert):
    small = SmallProject(
        tmp_path / "project", tiny_bert, codebook='positive = "pos"', values=("pos", "neg", "neg"), n_gold=90
    )
    small.settings |= {
        "arms.human": "[24]",
        "arms.teacher": "[]",
        "arms.all_teacher": "false",
        "arms.teacher_human": "false",
        "student.linear.ngrams": "false",
        "student.tune_threshold": "false",
        "student.search.method": "grid",
        "student.search.space": f"{{c = [{WEAK}, {STRONG}]}}",
    }
    return small


def opened(project, **settings):
    project.settings |= {name.replace("__", "."): value for name, value in settings.items()}
    return project.open()


def arm_of(found):
    return next(iter(plan_arms(found)))


@pytest.fixture
def fits(monkeypatch):
    """The values of `c` of every training run of a search, in order."""
    seen = []

    def fit_on(lessons, *arguments, **named):
        seen.append(list(lessons.project.settings.student.linear.c))
        return real(lessons, *arguments, **named)

    real = searching.fit_on
    monkeypatch.setattr(searching, "fit_on", fit_on)
    return seen


def test_off_by_default(project):
    assert StudentSettings().search.method == "off"
    found = opened(project, student__search__method="off")
    assert search(found, arm_of(found)) is None


@pytest.mark.parametrize("method", ["grid", "tpe"])
def test_what_does_best_on_gold_dev_is_chosen_and_trained_with(project, method):
    result = opened(project, student__search__method=method, student__search__trials="6").run()
    (found,) = result.to_json()["search"]
    assert found["chosen"] == {"c": STRONG}
    assert found["judged_on"] == "gold dev"
    f1 = {str(trial["parameters"]["c"]): trial["f1"] for trial in found["trials"]}
    assert f1[str(WEAK)] == 0.0 < 0.8 < f1[str(STRONG)]
    assert len(found["seed_f1"]) == 2
    stored = json.loads((project.folder / "students" / found["arm"] / "understudy-student.json").read_text("utf-8"))
    assert stored["parameters"]["c"] == STRONG


def test_every_combination_of_the_grid_is_tried_once(project, fits):
    found = opened(project, student__search__space="{c = [[1.0], [10.0]], folds = [2, 3]}")
    result = search(found, arm_of(found))
    assert [t.parameters for t in result.trials] == [
        {"c": [c], "folds": folds} for c in (1.0, 10.0) for folds in (2, 3)
    ]
    assert len(fits) == 4


def test_equal_combinations_go_to_the_one_named_first(project):
    found = opened(project, student__search__space="{c = [[100.0], [100.0, 100.5]]}")
    result = search(found, arm_of(found))
    assert result.trials[0].f1 == result.trials[1].f1
    assert result.chosen == {"c": [100.0]}


@pytest.mark.parametrize("method", ["grid", "tpe"])
def test_runs_that_were_finished_are_not_trained_again(project, fits, monkeypatch, method):
    found = opened(project, student__search__method=method, student__search__runs="2", student__search__trials="6")
    real = searching._Trials._attempt

    def killed(trials, parameters, run):
        if len(fits) == 3:
            raise KeyboardInterrupt
        return real(trials, parameters, run)

    with monkeypatch.context() as patch:
        patch.setattr(searching._Trials, "_attempt", killed)
        with pytest.raises(KeyboardInterrupt):
            search(found, arm_of(found))
    resumed = search(project.open(), arm_of(found))
    assert len(fits) == 4  # two combinations, two runs each
    assert search(project.open(), arm_of(found)) == resumed
    assert len(fits) == 4


def test_a_larger_space_trains_only_what_is_new(project, fits):
    found = opened(project)
    search(found, arm_of(found))
    wider = opened(project, student__search__space=f"{{c = [{WEAK}, {STRONG}, [10.0]]}}")
    search(wider, arm_of(wider))
    assert fits[2:] == [[10.0]]


def test_other_labels_are_another_search(project, fits):
    found = opened(project)
    search(found, arm_of(found))
    other = opened(project, arms__human="[6]")
    search(other, arm_of(other))
    assert len(fits) == 4


def test_a_run_that_fails_is_kept_said_and_tried_again(project, monkeypatch):
    found = opened(project)
    real = searching.fit_on

    def fit_on(lessons, *arguments, **named):
        if list(lessons.project.settings.student.linear.c) == WEAK:
            raise RuntimeError("out of memory")
        return real(lessons, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(searching, "fit_on", fit_on)
        result = search(found, arm_of(found))
    weak, strong = result.trials
    assert (weak.f1, weak.reason, strong.reason) == (None, "out of memory", "")
    again = search(found, arm_of(found))
    assert [t.f1 for t in again.trials] == [0.0, strong.f1]
    with found.journal() as journal:
        rows = journal.trials(searching._Trials(found, arm_of(found)).key)
    assert sorted((row.parameters, row.f1, row.reason) for row in rows if row.f1 is None) == [
        (json.dumps({"c": WEAK}), None, "out of memory")
    ]
    assert {row.arm for row in rows} == {arm_of(found).name}
    assert all(row.train_s >= 0 and row.at for row in rows)


def test_a_search_in_which_everything_fails_says_why(project, monkeypatch):
    def fit_on(*_arguments, **_named):
        raise UserError("no such model", "Get it.")

    monkeypatch.setattr(searching, "fit_on", fit_on)
    found = opened(project)
    with pytest.raises(UserError, match=r"no combination .* has an F1 \(no such model"):
        search(found, arm_of(found))


def test_held_out_labels_judge_where_the_arm_learns_from_dev(project):
    found = opened(project, gold__share_demo_dev="true")
    result = search(found, arm_of(found))
    assert result.judged_on == "held-out training labels"
    assert result.n == arm_of(found).n_labels
    assert result.chosen == {"c": STRONG}


def test_gold_test_has_no_part(project):
    """With every label of gold test turned round, the search finds the same and the journal keeps the same."""
    found = opened(project)
    before = search(found, arm_of(found))
    judged = {document.id for document in found.gold_of(Role.TEST)}
    for row in project.gold:
        if row["id"] in judged:
            row["label"] = {"pos": "neg", "neg": "pos"}[row["label"]]
    project.write()
    turned = project.open()
    assert {d.id for d in turned.gold_of(Role.TEST)} == judged
    after = search(turned, arm_of(turned))
    assert [(t.parameters, t.f1) for t in after.trials] == [(t.parameters, t.f1) for t in before.trials]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"student.search.space": "{learning_rat = [1e-5]}", "student.kind": "encoder"}, "no such setting"),
        ({"student.search.space": "{learning_rate = [-1.0]}", "student.kind": "encoder"}, "greater than 0, found -1"),
        ({"student.search.space": "{epochs = [1.5]}", "student.kind": "encoder"}, "valid integer"),
        ({"student.search.space": "{}"}, "has nothing to try"),
        ({"student.search.space": "{c = []}"}, "has nothing to try"),
        ({"student.kind": "auto"}, "settings of one student"),
        ({"student.search.method": "gird"}, "grid"),
    ],
)
def test_a_space_that_the_student_does_not_know_is_refused_at_once(project, settings, complaint):
    project.settings |= settings
    with pytest.raises(UserError, match=complaint):
        Project.open(project.folder, project.settings)


def test_values_go_into_the_tables_of_the_student():
    found = with_parameters(StudentSettings(), {"c": [3], "max_terms": 50})
    assert found.linear == LinearSettings(c=(3.0,))
    assert found.ngrams.max_terms == 50


def test_without_optuna_the_install_line_is_named(project, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    found = opened(project)
    with pytest.raises(UserError, match="needs optuna") as caught:
        search(found, arm_of(found))
    assert "understudy[search]" in caught.value.hint
