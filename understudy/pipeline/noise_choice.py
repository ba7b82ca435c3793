"""Which recipe against label noise an arm is trained with: one that wins on gold dev, or none.

Every recipe is judged on texts whose human labels had no part in it; gold test is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.evaluation import Counts, compare
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.resampling import group_index
from understudy.pipeline.lessons import Lessons, Taught
from understudy.pipeline.sources import human_set
from understudy.pipeline.tuning import decided_out_of_fold
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Role, Value
from understudy.report.data import NoiseTrial
from understudy.student.base import Labelled

if TYPE_CHECKING:
    from understudy.pipeline.arms import Arm
    from understudy.pipeline.project import Project
    from understudy.student import Student
    from understudy.student.noise import Recipe

N_FOLDS = 5
FEWEST_UNITS = 2 * N_FOLDS
LEVEL = 0.90
"""A two-sided interval whose lower end is a one-sided 95 % bound."""

FEWEST_LABELS = 2
PLAIN = "plain"

BoolArray = NDArray[np.bool_]


def choose_recipe(project: Project, arm: Arm) -> tuple[NoiseTrial, ...]:
    """Try the recipes that the settings name on the first run's labels of an arm; at most one is used.

    A recipe wins if the lower end of the one-sided 95 % interval of its gain in headline F1 on gold dev (paired
    bootstrap, the same texts) is above 0; of several winners, the one with the highest lower end is used.

    Returns
    -------
    tuple of NoiseTrial
        One a recipe, in the order tried; empty if `student.noise` is ``off``, the arm has human labels, or its texts
        were written for it.

    Raises
    ------
    UserError
        If a named recipe needs a library that is not installed.
    """
    names = _names(project)
    if not names or arm.human_labels or arm.is_written:
        return ()
    dev = project.gold_of(Role.DEV)
    if arm.learns(dev) or len(np.unique(group_index([d.group for d in dev], len(dev)))) < FEWEST_UNITS:
        return tuple(
            _untried(arm.name, name, "gold dev has too few texts, or the arm learns from them") for name in names
        )
    drawn = arm.draw(np.random.default_rng([project.settings.project.seed, 4, 0]))
    return with_winner(_try_all(Lessons(project, drawn, 0), arm.name, names))


def used_recipe(trials: Sequence[NoiseTrial]) -> str | None:
    """The name of the recipe that is used; None for plain training."""
    return next((trial.name for trial in trials if trial.is_used), None)


def fit_on(lessons: Lessons, recipe: Recipe | None, may_learn: BoolArray, workspace: Path | None = None) -> Student:
    """A student of one run, taught by the recipe; early stopping and recipe see the allowed part of gold dev only.

    In the `workspace`, a killed training is gone on with.
    """
    return fit_taught(lessons, None if recipe is None else lessons.teach(recipe, may_learn), may_learn, workspace)


def fit_taught(lessons: Lessons, taught: Taught | None, may_learn: BoolArray, workspace: Path | None = None) -> Student:
    """A student of what a recipe made of the labels; of the labels as they are if that is None."""
    from understudy.student import make_student

    project = lessons.project
    student = make_student(
        project.settings.student, project.task, project.encoder, project.settings.project.seed + lessons.run
    )
    allowed = [lessons.dev[row] for row in np.flatnonzero(may_learn)]
    dev = (allowed, human_set(project, allowed).targets) if allowed else None
    labels, weights = (lessons.drawn, None) if taught is None else (taught.labels, taught.weights)
    return student.fit(
        labels.documents, labels.targets, weights, dev=dev, workspace=workspace, answers=labels.answers,
        uncertain=labels.uncertain,
    )  # fmt: skip


def held_out_on_dev(lessons: Lessons, recipe: Recipe) -> Labelled:
    """What is said about gold dev, of each text by a student whose recipe had not seen its label."""
    found = np.zeros((len(lessons.dev), len(lessons.project.task.labels)))
    values: dict[int, Value] = {}
    folds = dev_folds(lessons)
    for fold in np.unique(folds):
        out = folds == fold
        rows = np.flatnonzero(out)
        said = fit_on(lessons, recipe, ~out).label([lessons.dev[row] for row in rows])
        found[out] = said.probabilities
        values |= zip(rows.tolist(), said.values, strict=True)
    return Labelled([values[row] for row in range(len(values))], found)


def dev_folds(lessons: Lessons) -> NDArray[np.intp]:
    """The fold of each text of gold dev; groups stay whole."""
    units = group_index([document.group for document in lessons.dev], len(lessons.dev))
    members = np.unique(units, return_inverse=True)[1]
    rng = np.random.default_rng([lessons.project.settings.project.seed, 15])
    n_units = int(members.max(initial=-1)) + 1
    return np.asarray(rng.permutation(n_units)[members] % N_FOLDS, dtype=np.intp)


def judge_recipe(lessons: Lessons, arm: str, name: str, taught: Labelled, plain: Labelled) -> NoiseTrial:
    """A recipe against plain training, from what their students say about gold dev.

    Parameters
    ----------
    arm, name : of the arm and of the recipe.
    taught, plain : of all texts of gold dev; out of fold where a recipe learns from dev.
    """
    project = lessons.project
    groups = [document.group for document in lessons.dev]
    counts = [_counts(lessons, on_dev) for on_dev in (taught, plain)]
    rng = np.random.default_rng([project.settings.project.seed, 16])
    gain = compare(name, [counts[0]], PLAIN, [counts[1]], headline_of(project.task), rng, groups=groups, level=LEVEL)
    return NoiseTrial(
        arm=arm,
        name=name,
        title=recipe_called(name).title,
        n=gain.n,
        f1=finite_or_none(gain.score_a),
        plain_f1=finite_or_none(gain.score_b),
        gain=finite_or_none(gain.difference),
        gain_interval=(gain.interval.low, gain.interval.high) if gain.interval.is_defined else None,
        is_better=gain.better == name,
    )


def on_dev(lessons: Lessons, recipe: Recipe) -> Labelled:
    """What a recipe's students say about gold dev, out of fold where the recipe learns from dev."""
    if lessons.learns_from_dev(recipe):
        return held_out_on_dev(lessons, recipe)
    return _of_everything(lessons, recipe)


def with_winner(trials: Sequence[NoiseTrial]) -> tuple[NoiseTrial, ...]:
    """The trials; of those that are better, the one whose gain has the highest lower end is used."""
    winners = [trial for trial in trials if trial.is_better and trial.gain_interval is not None]
    best = max(winners, key=_lower_end, default=None)
    return tuple(replace(trial, is_used=trial is best) for trial in trials)


def recipe_called(name: str) -> Recipe:
    """The recipe of a name that the settings have checked."""
    from understudy.student.noise import RECIPES

    return RECIPES[name]


def _try_all(lessons: Lessons, arm: str, names: Sequence[str]) -> list[NoiseTrial]:
    listener = lessons.project.listener
    plain = _of_everything(lessons, None)
    found = []
    for number, name in enumerate(names):
        listener.progress("noise recipes", number, len(names), f"{arm}: {name}")
        recipe = recipe_called(name)
        reason = lessons.why_not(recipe) or _too_little(lessons, recipe)
        found.append(
            _untried(arm, name, reason) if reason else judge_recipe(lessons, arm, name, on_dev(lessons, recipe), plain)
        )
    listener.progress("noise recipes", len(names), len(names), arm)
    return found


def _of_everything(lessons: Lessons, recipe: Recipe | None) -> Labelled:
    return fit_on(lessons, recipe, np.ones(len(lessons.dev), dtype=np.bool_)).label(lessons.dev)


def _too_little(lessons: Lessons, recipe: Recipe) -> str:
    weights = lessons.teach(recipe, np.ones(len(lessons.dev), dtype=np.bool_)).weights
    return "" if (weights > 0).sum() >= FEWEST_LABELS else "it leaves too few labels"


def _counts(lessons: Lessons, said: Labelled) -> Counts:
    """Counts of values whose thresholds, where there are any, were chosen on the texts of other folds."""
    project, dev = lessons.project, lessons.dev
    values = said.values if project.task.marks_spans else decided_out_of_fold(project, said.probabilities, dev)
    return count_values(project.task, dev, values)


def _names(project: Project) -> tuple[str, ...]:
    from understudy.student.noise import AUTO, AUTO_OF_SPANS

    wanted = project.settings.student.noise
    has_cleanlab = find_spec("cleanlab") is not None
    if wanted == "off":
        return ()
    if wanted == "auto":
        automatic = AUTO_OF_SPANS if project.task.marks_spans else AUTO
        return tuple(name for name in automatic if has_cleanlab or not _needs_cleanlab(name))
    if not has_cleanlab and any(map(_needs_cleanlab, wanted)):
        raise UserError(
            "`student.noise` names confident learning, which needs cleanlab.",
            'Install it: pip install "understudy[noise]"',
        )
    return tuple(dict.fromkeys(wanted))


def _needs_cleanlab(name: str) -> bool:
    return name.startswith("confident")


def _untried(arm: str, name: str, reason: str) -> NoiseTrial:
    return NoiseTrial(arm=arm, name=name, title=recipe_called(name).title, reason=reason)


def _lower_end(trial: NoiseTrial) -> float:
    return -np.inf if trial.gain_interval is None else trial.gain_interval[0]
