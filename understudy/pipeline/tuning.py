"""Decision thresholds and scores of a student on gold dev, as every training step needs them. Trains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import (
    best_threshold,
    brier,
    expected_calibration_error,
    headline_score,
    label_thresholds,
    prevalence_threshold,
)
from understudy.evaluation.resampling import group_index
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Document, Value

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]
N_FOLDS = 5


def headline_f1(project: Project, documents: Sequence[Document], values: Sequence[Value]) -> float:
    """Headline F1 of values against the human ones; nan where undefined."""
    return headline_score(count_values(project.task, documents, values), headline_of(project.task)).f1


@dataclass(frozen=True)
class Calibration:
    """What temperature scaling did, measured out of fold on gold dev.

    Attributes
    ----------
    temperature : from all of gold dev.
    ece, brier : calibration error and Brier score, before and after.
    """

    temperature: float
    n: int
    ece: tuple[float, float]
    brier: tuple[float, float]

    def sentence(self) -> str:
        """The figures in words."""
        return (
            f"probabilities calibrated on {self.n:,} gold dev texts (temperature {self.temperature:.2f}): calibration "
            f"error {self.ece[0]:.3f} before, {self.ece[1]:.3f} after, Brier score {self.brier[0]:.3f} and "
            f"{self.brier[1]:.3f} (out of fold)"
        )


def calibrated(project: Project, on_dev: FloatArray, dev: Sequence[Document]) -> Calibration | None:
    """The temperature of a student from gold dev; None without enough of it, for spans, or if the settings say so."""
    from understudy.student.temperature import FEWEST_TEXTS, fit_temperature, temper

    task = project.task
    if len(dev) < FEWEST_TEXTS or task.marks_spans or not project.settings.student.calibrate:
        return None
    truth = task.encode([document.value for document in dev]).astype(np.float64)
    fold = np.random.default_rng([project.settings.project.seed, 7]).permutation(len(dev)) % N_FOLDS
    after = np.empty_like(on_dev)
    for number in range(N_FOLDS):
        inside, outside = fold == number, fold != number
        own = fit_temperature(on_dev[outside], truth[outside], is_exclusive=task.is_exclusive)
        after[inside] = temper(on_dev[inside], own, is_exclusive=task.is_exclusive)
    errors = [_errors(stated, truth, is_exclusive=task.is_exclusive) for stated in (on_dev, after)]
    temperature = fit_temperature(on_dev, truth, is_exclusive=task.is_exclusive)
    return Calibration(temperature, len(dev), (errors[0][0], errors[1][0]), (errors[0][1], errors[1][1]))


def _errors(stated: FloatArray, truth: FloatArray, *, is_exclusive: bool) -> tuple[float, float]:
    """Calibration error of the likeliest label, or of every label where several may hold, and Brier score."""
    if is_exclusive:
        rows, columns = np.arange(len(stated)), stated.argmax(axis=1)
        confidence, correct = stated[rows, columns], truth[rows, columns]
    else:
        confidence, correct = stated.ravel(), truth.ravel()
    return expected_calibration_error(confidence, correct), brier(stated, truth)


def tuned_thresholds(project: Project, on_dev: FloatArray, dev: Sequence[Document]) -> FloatArray:
    """Thresholds of shape (K,), chosen on gold dev; nan without dev, or where the task or the settings want none."""
    task = project.task
    thresholds = np.full(len(task.labels), np.nan)
    if not dev or task.marks_spans or not project.settings.student.tune_threshold:
        return thresholds
    truth = task.encode([document.value for document in dev])
    if project.settings.student.threshold_for == "prevalence":
        return _thresholds_for_prevalence(project, on_dev, truth)
    if not task.is_exclusive:
        return label_thresholds(on_dev, truth)
    if task.positive is not None:
        thresholds[task.positive] = best_threshold(on_dev, truth, headline_of(task))
    return thresholds


def decided_out_of_fold(project: Project, on_dev: FloatArray, dev: Sequence[Document]) -> list[Value]:
    """Values for gold dev from probabilities of shape (n, K), with thresholds chosen on the texts of other folds.

    Groups stay whole.
    """
    units = group_index([document.group for document in dev], len(dev))
    members = np.unique(units, return_inverse=True)[1]
    rng = np.random.default_rng([project.settings.project.seed, 15])
    folds = rng.permutation(int(members.max(initial=-1)) + 1)[members] % N_FOLDS
    values: dict[int, Value] = {}
    for fold in np.unique(folds):
        out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        thresholds = tuned_thresholds(project, on_dev[rest], [dev[row] for row in rest.tolist()])
        values |= zip(out.tolist(), project.task.decode(on_dev[out], thresholds), strict=True)
    return [values[row] for row in range(len(dev))]


def _thresholds_for_prevalence(project: Project, on_dev: FloatArray, truth: NDArray[np.bool_]) -> FloatArray:
    """Thresholds with which labels are as frequent on gold dev as people give them."""
    positive = project.task.positive
    wanted = range(truth.shape[1]) if not project.task.is_exclusive else [] if positive is None else [positive]
    thresholds = np.full(truth.shape[1], np.nan)
    for column in wanted:
        thresholds[column] = prevalence_threshold(on_dev[:, column], truth[:, column])
    return thresholds
