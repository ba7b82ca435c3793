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


def reweighted(labels: NoisyLabels, human: Human, rounds: int = N_ROUNDS) -> FloatArray:
    """Weights by whether each label pulls the quick student where human labels pull it, shape (n,), mean 1.

    Each round trains, weighs, and keeps 0.7 of the former weights; no weight falls below 0.05 of the mean. If every
    example pulls against the human labels, the weights stay as they were.
    """
    lesson = labels.as_given()
    for _ in range(rounds):
        student = quick_student(labels, lesson)
        found = linear_weights(
            student.probabilities(labels.vectors) - labels.shares,
            labels.vectors,
            student.probabilities(human.vectors) - human.targets,
            human.vectors,
        )
        lesson = lesson.with_weights(_remembered(lesson.weights, found))
    return lesson.weights


def _remembered(former: FloatArray, found: FloatArray) -> FloatArray:
    if not found.any():
        return former
    weights: FloatArray = np.maximum(KEPT * former + (1 - KEPT) * len(found) * found, FLOOR)
    weights /= weights.mean()
    return weights
