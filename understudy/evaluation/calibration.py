"""Do stated probabilities come true, and what is left out gained? Measures calibration, never changes it.

References
----------
Naeini, Cooper and Hauskrecht (2015), AAAI (ECE); Brier (1950), Monthly Weather Review 78; Geifman and El-Yaniv (2017),
NeurIPS (risk-coverage).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from understudy.evaluation.counts import FloatArray
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, Interval, wilson

N_BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Documents of similar confidence.

    Attributes
    ----------
    n : documents, >= 1.
    confidence : their mean confidence.
    accuracy : share of them answered rightly, with its Wilson interval.
    """

    n: int
    confidence: float
    accuracy: float
    interval: Interval

    def to_json(self) -> dict[str, Any]:
        """Strict JSON."""
        return {
            "n": self.n,
            "confidence": self.confidence,
            "accuracy": self.accuracy,
            "interval": self.interval.to_json(),
        }


def reliability(
    confidence: ArrayLike, correct: ArrayLike, n_bins: int = N_BINS, level: float = LEVEL
) -> tuple[Bin, ...]:
    """The reliability curve: accuracy in bins of equal mass, from the least to the most confident.

    Parameters
    ----------
    confidence : array of shape (n,), in [0, 1].
    correct : array of shape (n,), in [0, 1]; fractional where averaged over seeds.
    n_bins : at most so many. Documents of one confidence are never torn apart, so the order of the documents does not
        matter, and confidences with few values (thirds) give few bins.

    Returns
    -------
    tuple of Bin
        Empty without documents.

    Raises
    ------
    ValueError
        If lengths differ or a number is outside [0, 1] or nan.
    """
    stated, right = _check_pair(confidence, correct)
    if n_bins < 1:
        raise ValueError(f"n_bins: expected at least 1, found {n_bins}.")
    order = np.argsort(stated, kind="stable")
    cuts = equal_mass_cuts(stated[order], n_bins)
    return tuple(_bin(stated[rows], right[rows], level) for rows in np.split(order, cuts) if rows.size)


def expected_calibration_error(confidence: ArrayLike, correct: ArrayLike, n_bins: int = N_BINS) -> float:
    """Mean distance of confidence and accuracy over `reliability` bins, weighted by their documents.

    In [0, 1]; nan without documents. Biased upward on few documents: noise counts as miscalibration. Arguments and
    errors as in `reliability`.

    Examples
    --------
    >>> expected_calibration_error([0.5, 0.5, 1.0, 1.0], [1, 0, 1, 0])  # (2 * 0 + 2 * 0.5) / 4
    0.25
    """
    bins = reliability(confidence, correct, n_bins)
    n = sum(one.n for one in bins)
    return sum(one.n * abs(one.confidence - one.accuracy) for one in bins) / n if n else math.nan


def brier(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Mean over documents of the squared distance of the probabilities from the truth, summed over labels.

    Parameters
    ----------
    probabilities : array of shape (n, K), in [0, 1], columns in label order.
    truth : bool array of shape (n, K).

    Returns
    -------
    float in [0, 2] where labels exclude each other, in [0, K] otherwise; nan without documents

    Raises
    ------
    ValueError
        If the shapes differ or a probability is outside [0, 1] or nan.
    """
    stated, actual = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if stated.ndim != 2 or stated.shape != actual.shape:
        raise ValueError(f"truth: expected shape {stated.shape} as the probabilities, found {actual.shape}.")
    _check_shares("probabilities", stated)
    return float(((stated - actual) ** 2).sum(axis=1).mean()) if len(stated) else math.nan


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """What is gained by answering only where confidence is high.

    Attributes
    ----------
    coverage : array of shape (m,), rising to 1: share of documents answered. One point per distinct confidence.
    risk : array of shape (m,): share of wrong answers among them.
    threshold : array of shape (m,), falling: the lowest confidence answered.
    aurc : mean risk over coverage 1/n, 2/n, .. 1; nan without documents. Lower is better; documents of equal
        confidence enter with their mean error, as if in random order.
    """

    coverage: FloatArray
    risk: FloatArray
    threshold: FloatArray
    aurc: float

    def to_json(self) -> dict[str, Any]:
        """Strict JSON."""
        return {
            "coverage": self.coverage.tolist(),
            "risk": self.risk.tolist(),
            "threshold": self.threshold.tolist(),
            "aurc": finite_or_none(self.aurc),
        }


def risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """Risk against coverage as the confidence that is asked for falls; arguments and errors as in `reliability`."""
    stated, right = _check_pair(confidence, correct)
    if not len(stated):
        return RiskCoverage(np.empty(0), np.empty(0), np.empty(0), math.nan)
    falling, place, size = np.unique(-stated, return_inverse=True, return_counts=True)
    wrong = np.bincount(place, weights=1 - right) / size
    errors = np.cumsum(np.repeat(wrong, size))
    answered = np.arange(1, len(stated) + 1)
    last = np.cumsum(size) - 1
    return RiskCoverage(
        coverage=answered[last] / len(stated),
        risk=(errors / answered)[last],
        threshold=-falling,
        aurc=float((errors / answered).mean()),
    )


def equal_mass_cuts(ordered: FloatArray, n_bins: int) -> NDArray[np.intp]:
    """Where to cut rising confidences: equal masses, each cut moved to the nearest change of value."""
    changes = np.flatnonzero(np.diff(ordered) > 0) + 1
    wanted = len(ordered) * np.arange(1, n_bins) / n_bins
    if not changes.size:
        return changes
    nearest = np.abs(changes[:, None] - wanted[None, :]).argmin(axis=0)
    return np.unique(changes[nearest])


def _bin(confidence: FloatArray, correct: FloatArray, level: float) -> Bin:
    interval = wilson(min(float(correct.sum()), float(len(correct))), len(correct), level)
    return Bin(len(correct), float(confidence.mean()), float(correct.mean()), interval)


def _check_pair(confidence: ArrayLike, correct: ArrayLike) -> tuple[FloatArray, FloatArray]:
    stated, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if stated.ndim != 1 or stated.shape != right.shape:
        raise ValueError(f"correct: expected one number per confidence, {stated.shape}, found shape {right.shape}.")
    _check_shares("confidence", stated)
    _check_shares("correct", right)
    return stated, right


def _check_shares(name: str, values: FloatArray) -> None:
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"{name}: expected numbers in [0, 1], found one outside or nan; leave such documents out.")
