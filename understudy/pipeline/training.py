"""The step that trains the students of every arm: several runs each, tuned on gold dev, never on test."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.evaluation import best_threshold, headline_score, label_thresholds
from understudy.pipeline.arms import Arm, plan_arms
from understudy.pipeline.kept import Run, Said, TrainedArm, fingerprint, kept_arm, write_arm
from understudy.pipeline.sources import human_set
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Document, Role, Value

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]


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
    runs = []
    for run in range(n_seeds):
        project.listener.progress("training", position * n_seeds + run, n_arms * n_seeds, arm.name)
        runs.append(train_once(project, arm, run))
    trained = _describe(project, arm, runs, time.monotonic() - started)
    write_arm(project, trained, runs)
    project.listener.progress("training", (position + 1) * n_seeds, n_arms * n_seeds, arm.name)
    return trained


def train_once(project: Project, arm: Arm, run: int) -> Run:
    """One training run of an arm, and what its student says about gold dev and test; keeps nothing."""
    from understudy.student import make_student

    seed = project.settings.project.seed
    drawn = arm.draw(np.random.default_rng([seed, 4, run]))
    dev = project.gold_of(Role.DEV)
    may_tune = bool(dev) and not arm.learns(dev)
    student = make_student(project.settings.student, project.task, project.encoder, seed + run)
    student.fit(drawn.documents, drawn.targets, dev=(dev, human_set(project, dev).targets) if may_tune else None)
    on_dev = student.predict_proba(dev)
    student.set_thresholds(_thresholds(project, on_dev, dev if may_tune else ()))
    said = Said(tuple(student.decode(on_dev)), on_dev)
    on_test = student.predict_proba(project.gold_of(Role.TEST))
    dev_f1 = _score(project, dev, said.values) if may_tune else np.nan
    return Run(student, said, Said(tuple(student.decode(on_test)), on_test), student.thresholds_, dev_f1)


def _score(project: Project, documents: Sequence[Document], values: Sequence[Value]) -> float:
    return headline_score(count_values(project.task, documents, values), headline_of(project.task)).f1


def _thresholds(project: Project, on_dev: FloatArray, dev: Sequence[Document]) -> FloatArray:
    """Chosen on gold dev; none without dev."""
    task = project.task
    thresholds = np.full(len(task.labels), np.nan)
    if not dev or not project.settings.student.tune_threshold:
        return thresholds
    truth = task.encode([document.value for document in dev])
    if not task.is_exclusive:
        return label_thresholds(on_dev, truth)
    if task.positive is not None:
        thresholds[task.positive] = best_threshold(on_dev, truth, headline_of(task))
    return thresholds


def _describe(project: Project, arm: Arm, runs: Sequence[Run], train_s: float) -> TrainedArm:
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
    )
