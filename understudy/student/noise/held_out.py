"""What a quick student of the other examples thinks of each example: the second opinion that several recipes need.

The student is a logistic regression on the texts' vectors, whatever student is trained in the end.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from understudy.student.logistic import Logistic, Problem, fit_logistic, stratified_folds
from understudy.student.noise.decisions import Decisions, of_texts
from understudy.student.noise.labels import BoolArray, FloatArray, Lesson, NoisyLabels

N_FOLDS = 5
STRENGTH = 1.0
"""C of the regression: strong enough against noise that it does not learn single labels by heart."""


def held_out_probabilities(labels: NoisyLabels, lesson: Lesson, rng: np.random.Generator) -> FloatArray:
    """Probabilities of shape (n, K) that students of the other folds give to each example.

    With fewer than four examples, too few to hold any out, the targets themselves.
    """
    folds = stratified_folds(lesson.targets, N_FOLDS, rng)
    found = lesson.targets.copy()
    if len(np.unique(folds)) < 2:
        return found
    for fold in np.unique(folds):
        out = folds == fold
        found[out] = quick_student(labels, lesson, ~out).probabilities(labels.vectors[out])
    return found


def quick_student(labels: NoisyLabels, lesson: Lesson, rows: BoolArray | None = None) -> Logistic:
    """The regression on the examples of `rows` (all if None) whose weight is above 0."""
    chosen = np.flatnonzero(lesson.weights > 0 if rows is None else rows & (lesson.weights > 0))
    layer = of_texts(labels.vectors[chosen], lesson.targets[chosen], is_exclusive=labels.is_exclusive)[0]
    return fitted_quickly(layer, lesson.weights[chosen])


def fitted_quickly(layer: Decisions, weights: FloatArray, start: Logistic | None = None) -> Logistic:
    """The regression that decides as in these texts, each of whose decisions weighs as much as its text.

    Parameters
    ----------
    weights : shape (n,), > 0, of the texts.
    start : where to begin; changes only the time it takes.
    """
    own = weights[layer.text]
    problem = Problem(layer.features, layer.targets, own / own.mean(), layer.is_exclusive)
    with threadpool_limits(limits=1, user_api="blas"):
        return fit_logistic(problem, np.full(layer.targets.shape[1], STRENGTH), start, tolerance=1e-4)
