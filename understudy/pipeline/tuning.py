"""Decision thresholds and scores of a student on gold dev, as every training step needs them. Trains nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import best_threshold, headline_score, label_thresholds
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Document, Value

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]


def headline_f1(project: Project, documents: Sequence[Document], values: Sequence[Value]) -> float:
    """Headline F1 of values against the human ones; nan where undefined."""
    return headline_score(count_values(project.task, documents, values), headline_of(project.task)).f1


def tuned_thresholds(project: Project, on_dev: FloatArray, dev: Sequence[Document]) -> FloatArray:
    """Thresholds of shape (K,), chosen on gold dev; nan without dev, or where the task or the settings want none."""
    task = project.task
    thresholds = np.full(len(task.labels), np.nan)
    if not dev or task.marks_spans or not project.settings.student.tune_threshold:
        return thresholds
    truth = task.encode([document.value for document in dev])
    if not task.is_exclusive:
        return label_thresholds(on_dev, truth)
    if task.positive is not None:
        thresholds[task.positive] = best_threshold(on_dev, truth, headline_of(task))
    return thresholds
