"""Automatic reweighting of all examples at once, for students that train in one go (Ren et al. 2018).

Uses the closed form for a linear classifier; the step of a training loop is `student.reweighting`.
"""

from __future__ import annotations

import numpy as np

from understudy.student.noise.held_out import quick_student
from understudy.student.noise.labels import FloatArray, Human, NoisyLabels
from understudy.student.reweighting import linear_weights

N_ROUNDS = 10
KEPT = 0.7
FLOOR = 0.05
ENOUGH = 5.0
"""Human examples of a label at which half of what they say about its examples is believed."""


def reweighted(labels: NoisyLabels, human: Human, rounds: int = N_ROUNDS) -> FloatArray:
    """Weights by whether each label pulls the quick student where human labels pull it, shape (n,), mean 1.

    Each round trains, weighs, and keeps 0.7 of the former weights; no weight falls below 0.05 of the mean. If every
    example pulls against the human labels, the weights stay as they were. Examples of labels that people gave seldom
    are drawn towards the mean weight, by 5 / (5 + n), and keep it where people never gave the label: a gradient of
    others would only say that the label is rare.
    """
    lesson, known = labels.as_given(), _known(labels, human)
    for _ in range(rounds):
        student = quick_student(labels, lesson)
        found = linear_weights(
            student.probabilities(labels.vectors) - labels.shares,
            labels.vectors,
            student.probabilities(human.vectors) - human.targets,
            human.vectors,
        )
        if not found.any():
            break
        lesson = lesson.with_weights(_remembered(lesson.weights, known * len(found) * found + 1 - known))
    return lesson.weights


def _known(labels: NoisyLabels, human: Human) -> FloatArray:
    """How far human labels can speak about each example, n / (n + 5): n of its label, or the mean over its labels."""
    n_given = labels.given.sum(axis=1)
    n = (labels.given @ human.targets.sum(axis=0)) / np.maximum(n_given, 1)
    n = np.where(n_given > 0, n, len(human.targets))
    share: FloatArray = n / (n + ENOUGH)
    return share


def _remembered(former: FloatArray, found: FloatArray) -> FloatArray:
    weights: FloatArray = np.maximum(KEPT * former + (1 - KEPT) * found, FLOOR)
    weights /= weights.mean()
    return weights
