"""Whether the texts that come in are still those of the training, and how accurate a student probably is on them.

Without human labels a change in what labels mean (concept shift) cannot be seen; the estimates say so by assuming none.

References
----------
Lopez-Paz and Oquab (2017), ICLR (classifier two-sample test); Siddiqi (2006), Credit Risk Scorecards (population
stability index); Kivimaki, Bialek, Nurminen and Kuberski (2024), arXiv 2401.08348 (performance from calibrated
probabilities).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from understudy.evaluation.counts import FloatArray
from understudy.evaluation.intervals import LEVEL, Interval, z_value
from understudy.evaluation.trust_report import auroc

N_FOLDS = 5
N_PERMUTATIONS = 199
RIDGE = 10.0
ALARM_SHIFT = 0.2
"""Of the population stability index: the customary bar of a significant shift."""


@dataclass(frozen=True, slots=True)
class InputDrift:
    """The classifier two-sample test.

    Attributes
    ----------
    auroc : how well a classifier tells the new texts from the old ones, out of fold; 0.5 if they are alike.
    p_value : share of random relabellings that are told apart as well.
    n_old, n_new : texts.
    """

    auroc: float
    p_value: float
    n_old: int
    n_new: int

    @property
    def is_alarm(self) -> bool:
        """Whether the texts differ beyond chance (0.01) and enough to matter (AUROC above 0.6)."""
        return self.p_value < 0.01 and self.auroc > 0.6


def input_drift(
    old: ArrayLike, new: ArrayLike, rng: np.random.Generator, *, n_permutations: int = N_PERMUTATIONS
) -> InputDrift:
    """Whether a classifier can tell new texts from old ones by their embeddings.

    A ridge classifier scored out of fold; its smoother matrix is the same for every relabelling, so that the
    permutations cost one matrix product each.

    Parameters
    ----------
    old, new : shapes (n, d) and (m, d), n, m >= 10; a random sample of at most some thousand of each is enough.

    Raises
    ------
    ValueError
        If one side has fewer than 10 texts, or widths differ.
    """
    one, other = np.asarray(old, dtype=np.float64), np.asarray(new, dtype=np.float64)
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or min(len(one), len(other)) < 10:
        raise ValueError(f"new: expected 10 or more vectors on both sides, found {one.shape} and {other.shape}.")
    x = np.concatenate([one, other])
    is_new = np.arange(len(x)) >= len(one)
    fold = rng.permutation(len(x)) % N_FOLDS
    labels = np.array([is_new, *(rng.permutation(is_new) for _ in range(n_permutations))], dtype=np.float64)
    scores = _out_of_fold(x, labels.T, fold)
    found = [auroc(scores[:, column], labels[column].astype(bool)) for column in range(len(labels))]
    p_value = (1 + sum(value >= found[0] for value in found[1:])) / (1 + n_permutations)
    return InputDrift(found[0], p_value, len(one), len(other))


@dataclass(frozen=True, eq=False)
class ShareShift:
    """How predicted shares of labels have moved.

    Attributes
    ----------
    index : population stability index, >= 0.
    old, new : shares, shape (K,).
    """

    index: float
    old: FloatArray
    new: FloatArray

    @property
    def is_alarm(self) -> bool:
        """Whether the index is above 0.2."""
        return self.index > ALARM_SHIFT


def share_shift(old: ArrayLike, new: ArrayLike) -> ShareShift:
    """Population stability index of predicted labels: ``sum (q - p) ln(q / p)``, half a document added to every count.

    Parameters
    ----------
    old, new : how many documents were predicted to have each label, shape (K,).

    Raises
    ------
    ValueError
        If shapes differ or a side has no document.

    Examples
    --------
    >>> share_shift([50, 50], [50, 50]).index, share_shift([90, 10], [50, 50]).is_alarm
    (0.0, True)
    """
    before, after = np.asarray(old, dtype=np.float64), np.asarray(new, dtype=np.float64)
    if before.shape != after.shape or before.sum() <= 0 or after.sum() <= 0:
        raise ValueError(f"new: expected counts of the same labels, found {before.shape} and {after.shape}.")
    p, q = ((counts + 0.5) / (counts + 0.5).sum() for counts in (before, after))
    return ShareShift(float(np.sum((q - p) * np.log(q / p))), before / before.sum(), after / after.sum())


@dataclass(frozen=True, slots=True)
class EstimatedAccuracy:
    """Accuracy without labels: right only if probabilities are calibrated and labels still mean the same."""

    value: float
    interval: Interval
    n: int


def estimate_accuracy(
    probabilities: ArrayLike, predicted: NDArray[np.intp], *, level: float = LEVEL
) -> EstimatedAccuracy:
    """Expected share of right labels: the mean calibrated probability of the predicted one.

    The interval is that of a sum of independent coin tosses with these probabilities; it knows nothing of a
    miscalibration.

    Parameters
    ----------
    probabilities : shape (n, K), calibrated, rows sum to 1.
    predicted : shape (n,), columns.

    Examples
    --------
    >>> found = estimate_accuracy([[0.9, 0.1], [0.3, 0.7]], np.array([0, 1]))
    >>> round(found.value, 2)
    0.8
    """
    p = np.asarray(probabilities, dtype=np.float64)[np.arange(len(predicted)), predicted]
    if not len(p):
        return EstimatedAccuracy(math.nan, Interval(math.nan, math.nan, "Poisson binomial", level), 0)
    reach = z_value(level) * math.sqrt(float(np.sum(p * (1 - p)))) / len(p)
    interval = Interval(max(0.0, p.mean() - reach), min(1.0, p.mean() + reach), "Poisson binomial", level)
    return EstimatedAccuracy(float(p.mean()), interval, len(p))


def _out_of_fold(x: FloatArray, labels: FloatArray, fold: NDArray[np.intp]) -> FloatArray:
    """Ridge scores of shape (n, columns) of several labellings at once."""
    scores = np.empty_like(labels)
    for number in range(N_FOLDS):
        inside, outside = fold == number, fold != number
        centre, means = x[outside].mean(axis=0), labels[outside].mean(axis=0)
        centred = x[outside] - centre
        slopes = np.linalg.solve(
            centred.T @ centred + RIDGE * np.eye(x.shape[1]), centred.T @ (labels[outside] - means)
        )
        scores[inside] = (x[inside] - centre) @ slopes + means
    return scores
