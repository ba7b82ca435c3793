"""Automatic reweighting of all examples at once, for students that train in one go (Ren et al. 2018).

Uses the closed form for a linear classifier; the step of a training loop is `student.reweighting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from understudy.student.logistic import Logistic
from understudy.student.noise.decisions import Layers, of_texts, pulls
from understudy.student.noise.held_out import fitted_quickly
from understudy.student.noise.labels import FloatArray, Human, NoisyLabels
from understudy.student.reweighting import WeightHistory, normalised

N_ROUNDS = 10
KEPT = 0.7
FLOOR = 0.05
ENOUGH = 5.0
"""Human examples of a label at which half of what they say about its examples is believed."""


@dataclass(frozen=True, eq=False)
class Reweighted:
    """What human labels make of noisy ones.

    Attributes
    ----------
    weights : shape (n,), mean 1, to train with.
    given : shape (rounds, n), the weight that each round gave; 1 is that of plain training.
    """

    weights: FloatArray
    given: FloatArray


def reweighted(labels: NoisyLabels, human: Human, rounds: int = N_ROUNDS) -> Reweighted:
    """Weights by whether each text pulls the quick student where human labels pull it; of spans, all its words do.

    Each round trains, weighs, and keeps 0.7 of the former weights; no weight falls below 0.05 of the mean. If every
    example pulls against the human labels, the weights stay as they were. Examples of labels that people gave seldom
    are drawn towards the mean weight, by 5 / (5 + n), and keep it where people never gave the label: a gradient of
    others would only say that the label is rare.
    """
    noisy, true = _layers(labels, human)
    weights, known = np.ones(labels.n), _known(labels, human, noisy)
    students: list[Logistic | None] = [None] * len(noisy)
    given: list[FloatArray] = []
    for _ in range(rounds):
        fitted = [fitted_quickly(layer, weights, start) for layer, start in zip(noisy, students, strict=True)]
        students = [*fitted]
        found = np.asarray(normalised(torch.from_numpy(pulls(fitted, noisy, true, labels.n))))
        if not found.any():
            break
        given.append(known * len(found) * found + 1 - known)
        weights = _remembered(weights, given[-1])
    return Reweighted(weights, np.array(given).reshape(len(given), labels.n))


def history_of(ids: Sequence[str], given: FloatArray) -> WeightHistory:
    """What each round gave each text, kept as by a training loop; every round is a visit of all texts.

    Parameters
    ----------
    given : shape (rounds, n), 1 as in plain training.
    """
    history, positions = WeightHistory(ids), range(len(ids))
    for row in given:
        history.record(positions, torch.from_numpy(row / len(ids)))
    return history


def _layers(labels: NoisyLabels, human: Human) -> tuple[Layers, Layers]:
    if labels.words is not None and human.words is not None:
        return labels.words, human.words
    return (
        of_texts(labels.vectors, labels.shares, is_exclusive=labels.is_exclusive),
        of_texts(human.vectors, human.targets, is_exclusive=labels.is_exclusive),
    )


def _known(labels: NoisyLabels, human: Human, noisy: Layers) -> FloatArray:
    """How far human labels can speak about each example, n / (n + 5): n of its label, or the mean over its labels."""
    n_given = labels.given.sum(axis=1)
    n = (labels.given @ human.targets.sum(axis=0)) / np.maximum(n_given, 1)
    n = np.where(n_given > 0, n, len(human.targets))
    decides = np.add.reduce([layer.per_text for layer in noisy]) > 0
    share: FloatArray = np.where(decides, n / (n + ENOUGH), 0.0)
    return share


def _remembered(former: FloatArray, found: FloatArray) -> FloatArray:
    weights: FloatArray = np.maximum(KEPT * former + (1 - KEPT) * found, FLOOR)
    weights /= weights.mean()
    return weights
