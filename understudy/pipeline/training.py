"""The step that trains the students of every arm: several runs each, tuned on gold dev, never on test."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import UserError
from understudy.pipeline.arms import Arm, plan_arms
from understudy.pipeline.kept import (
    DistrustedLabel,
    Run,
    Said,
    TrainedArm,
    fingerprint,
    kept_arm,
    workspace_of,
    write_arm,
)
from understudy.pipeline.lessons import Lessons
from understudy.pipeline.noise_choice import choose_recipe, fit_taught, held_out_on_dev, recipe_called, used_recipe
from understudy.pipeline.searching import search, searched
from understudy.pipeline.tuning import calibrated, headline_f1, tuned_thresholds
from understudy.records import Document, Role
from understudy.report.data import NoiseTrial, SearchResult

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.student import Student

MOST_DISTRUSTED = 20
DISTRUSTED_BELOW = 0.5
"""Of the weight that plain training gives."""


def train(project: Project) -> tuple[TrainedArm, ...]:
    """Train the students of every arm; an arm whose fingerprint is unchanged is kept."""
    with project.journal():  # so that no other process trains the same arms meanwhile
        planned = list(plan_arms(project))
        if not planned:
            raise UserError(
                "There is nothing to train on: no gold `demo` text and no teacher label.",
                "Give more gold texts, or run `understudy annotate` first.",
            )
        return tuple(_train_or_keep(project, arm, i, len(planned)) for i, arm in enumerate(planned))


def _train_or_keep(project: Project, arm: Arm, position: int, n_arms: int) -> TrainedArm:
    kept = kept_arm(project, arm)
    if kept is not None:
        return kept
    started = time.monotonic()
    n_seeds = project.settings.student.seeds
    found = search(project, arm)
    tuned = searched(project, found)
    trials = choose_recipe(tuned, arm)
    runs = []
    for run in range(n_seeds):
        project.listener.progress("training", position * n_seeds + run, n_arms * n_seeds, arm.name)
        runs.append(train_once(tuned, arm, run, used_recipe(trials), workspace_of(project, arm.name, run)))
    trained = replace(
        _describe(project, arm, runs, trials, time.monotonic() - started), search=_with_seeds(found, runs)
    )
    write_arm(project, trained, runs)
    project.listener.progress("training", (position + 1) * n_seeds, n_arms * n_seeds, arm.name)
    return trained


def _with_seeds(found: SearchResult | None, runs: Sequence[Run]) -> SearchResult | None:
    """A search with what its winner's students reached on gold dev, run by run."""
    if found is None:
        return None
    return replace(found, seed_f1=tuple(None if np.isnan(run.dev_f1) else float(run.dev_f1) for run in runs))


def train_once(
    project: Project, arm: Arm, run: int, recipe_name: str | None = None, workspace: Path | None = None
) -> Run:
    """One training run of an arm, and what its student says about gold dev and test; keeps nothing.

    What a student says about gold dev stays out of fold where its recipe learned from dev's labels.

    Parameters
    ----------
    recipe_name : the recipe against label noise to train with; None trains on the labels as they are.
    workspace : folder in which a killed run is gone on with; None starts anew.
    """
    recipe = None if recipe_name is None else recipe_called(recipe_name)
    drawn = arm.draw(np.random.default_rng([project.settings.project.seed, 4, run]))
    lessons = Lessons(project, drawn, run)
    may_tune = bool(lessons.dev) and not arm.learns(lessons.dev)
    may_learn = np.full(len(lessons.dev), may_tune)
    taught = None if recipe is None else lessons.teach(recipe, may_learn)
    student = fit_taught(lessons, taught, may_learn, workspace)
    said = _said(student, lessons.dev)
    if recipe is not None and lessons.learns_from_dev(recipe):
        held_out = held_out_on_dev(lessons, recipe)
        said = Said(tuple(held_out.values), held_out.probabilities)
    tuning_texts = lessons.dev if may_tune else ()
    calibration = calibrated(project, said.probabilities, tuning_texts)
    if calibration is not None:
        student.set_temperature(calibration.temperature)
        student.remarks_ = (*student.remarks_, calibration.sentence())
        said = Said(said.values, student.tempered(said.probabilities))
    student.set_thresholds(tuned_thresholds(project, said.probabilities, tuning_texts))
    if not project.task.marks_spans:
        said = Said(tuple(student.decode(said.probabilities)), said.probabilities)
    dev_f1 = headline_f1(project, lessons.dev, said.values) if may_tune else np.nan
    weighed = student if taught is None or taught.given is None else taught
    test = _said(student, project.gold_of(Role.TEST))
    return Run(student, said, test, student.thresholds_, dev_f1, tuple(weighed.distrusted(MOST_DISTRUSTED)))


def _said(student: Student, documents: Sequence[Document]) -> Said:
    found = student.label(documents)
    return Said(tuple(found.values), found.probabilities)


def _describe(
    project: Project, arm: Arm, runs: Sequence[Run], trials: tuple[NoiseTrial, ...], train_s: float
) -> TrainedArm:
    dev_f1 = [run.dev_f1 for run in runs]
    order = np.argsort(np.nan_to_num(dev_f1, nan=-1.0), kind="stable")
    deployed_run = int(order[len(order) // 2])
    return TrainedArm(
        name=arm.name,
        description=arm.description,
        student_kind=project.settings.student.kind,
        n_labels=arm.n_labels,
        n_seeds=len(runs),
        human_labels=arm.human_labels,
        cost_usd=arm.cost_usd,
        train_s=train_s,
        fingerprint=fingerprint(project, arm),
        dev_f1=tuple(None if np.isnan(f1) else float(f1) for f1 in dev_f1),
        thresholds=tuple(tuple(None if np.isnan(t) else float(t) for t in run.thresholds) for run in runs),
        deployed_run=deployed_run,
        remarks=tuple(runs[deployed_run].student.remarks_),
        noise=trials,
        distrusted=tuple(_distrusted(project, arm, runs[deployed_run])),
        is_written=arm.is_written,
    )


def _distrusted(project: Project, arm: Arm, run: Run) -> Iterator[DistrustedLabel]:
    """The labels below `DISTRUSTED_BELOW` that weigh least in the run's training."""
    rows = {document.id: row for row, document in enumerate(arm.source.documents)}
    for found in run.distrusted:
        if found.weight < DISTRUSTED_BELOW:
            row = rows[found.id]
            said = project.task.to_json(project.task.vote(arm.source.answers[row]).value)
            yield DistrustedLabel(found.id, said, found.weight, found.visits, found.zeros)
