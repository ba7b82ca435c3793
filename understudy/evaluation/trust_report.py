"""Is trust a better statement of being right than raw consistency? Measures both on the same documents; fits nothing.

References
----------
Hanley and McNeil (1982), Radiology 143 (area under the ROC curve); Naeini, Cooper and Hauskrecht (2015), AAAI (ECE);
Brier (1950), Monthly Weather Review 78.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from understudy.evaluation.calibration import (
    N_BINS,
    Bin,
    RiskCoverage,
    equal_mass_cuts,
    reliability,
    risk_coverage,
)
from understudy.evaluation.counts import FloatArray
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, N_RESAMPLES, Interval, percentile_interval
from understudy.evaluation.resampling import group_index, resampled_weights

Measure = Callable[[FloatArray], FloatArray]
"""Values of shape (b,) from how often each document counts, shape (b, n)."""


@dataclass(frozen=True, slots=True)
class TrustMeasure:
    """One measure of trust and of consistency on the same documents.

    Attributes
    ----------
    trust, consistency : its value; nan where undefined.
    interval : paired bootstrap over documents of ``trust - consistency``.
    """

    trust: float
    consistency: float
    interval: Interval

    @property
    def difference(self) -> float:
        """``trust - consistency``."""
        return self.trust - self.consistency

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "trust": finite_or_none(self.trust),
            "consistency": finite_or_none(self.consistency),
            "difference": finite_or_none(self.difference),
            "interval": self.interval.to_json(),
        }


@dataclass(frozen=True, eq=False)
class TrustReport:
    """Trust beside raw consistency, both read as the probability that the teacher is right.

    Attributes
    ----------
    n, n_right : documents, and those on which the teacher is right.
    auroc : chance that a right value has more of it than a wrong one; higher is better, 0.5 says nothing.
    ece : expected calibration error, 10 bins of equal mass; lower is better.
    brier : mean squared distance from 0 or 1; lower is better.
    trust_bins, consistency_bins : the reliability curves.
    trust_risk, consistency_risk : what is left out gained.
    """

    n: int
    n_right: int
    auroc: TrustMeasure
    ece: TrustMeasure
    brier: TrustMeasure
    trust_bins: tuple[Bin, ...]
    consistency_bins: tuple[Bin, ...]
    trust_risk: RiskCoverage
    consistency_risk: RiskCoverage

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "n": self.n,
            "n_right": self.n_right,
            "auroc": self.auroc.to_json(),
            "ece": self.ece.to_json(),
            "brier": self.brier.to_json(),
            "trust_bins": [one.to_json() for one in self.trust_bins],
            "consistency_bins": [one.to_json() for one in self.consistency_bins],
            "trust_risk": self.trust_risk.to_json(),
            "consistency_risk": self.consistency_risk.to_json(),
        }


def report_trust(
    trust: ArrayLike,
    consistency: ArrayLike,
    correct: ArrayLike,
    rng: np.random.Generator,
    *,
    groups: Sequence[str | None] | None = None,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
) -> TrustReport:
    """Compare trust with raw consistency on n >= 1 documents.

    Parameters
    ----------
    trust : array of shape (n,), in [0, 1]; of a model that did not see these documents (`TrustModel.out_of_fold`).
    consistency : array of shape (n,), in [0, 1]: share of all answers equal to the value.
    correct : array of shape (n,), 0 or 1.
    groups : n names; documents of one group are resampled together.

    Notes
    -----
    The bins of the calibration error are those of the documents as they are, and stay through the resamples.
    Resampling adds noise to every bin, which raises small errors more than large ones: where trust is the better
    calibrated, the interval of the difference errs towards 0.

    Raises
    ------
    ValueError
        If there are no documents, lengths differ, or a number is outside [0, 1] or nan.
    """
    ours, raw, right = (np.asarray(values, dtype=np.float64) for values in (trust, consistency, correct))
    trust_bins, consistency_bins = reliability(ours, right), reliability(raw, right)
    if not len(right):
        raise ValueError("trust: expected at least one document, found none.")
    pairs = [(make(ours, right), make(raw, right)) for make in (_auroc, _ece, _brier)]
    draws = _resampled(pairs, group_index(groups, len(right)), n_resamples, rng)
    once = np.ones((1, len(right)))
    auroc, ece, brier = (
        TrustMeasure(float(a(once)[0]), float(b(once)[0]), percentile_interval(drawn, "paired bootstrap", level))
        for (a, b), drawn in zip(pairs, draws, strict=True)
    )
    return TrustReport(
        n=len(right),
        n_right=int(right.sum()),
        auroc=auroc,
        ece=ece,
        brier=brier,
        trust_bins=trust_bins,
        consistency_bins=consistency_bins,
        trust_risk=risk_coverage(ours, right),
        consistency_risk=risk_coverage(raw, right),
    )


def auroc(score: ArrayLike, correct: ArrayLike) -> float:
    """Chance that a right document has a higher score than a wrong one; a tie counts half.

    Parameters
    ----------
    score : array of shape (n,), any finite scale.
    correct : array of shape (n,), 0 or 1.

    Returns
    -------
    float in [0, 1]; nan if all or none are right

    Raises
    ------
    ValueError
        If lengths differ or a score is not finite.

    Examples
    --------
    >>> auroc([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0])  # pairs (0.9, both) 2, (0.5, 0.5) 1/2, (0.5, 0.1) 1; of 4
    0.875
    """
    scores, right = np.asarray(score, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if scores.ndim != 1 or scores.shape != right.shape:
        raise ValueError(f"correct: expected one number per score, {scores.shape}, found shape {right.shape}.")
    if not np.isfinite(scores).all():
        raise ValueError("score: expected finite numbers, found nan or infinity.")
    return float(_auroc(scores, right)(np.ones((1, len(right))))[0]) if len(right) else float("nan")


def _resampled(
    pairs: Sequence[tuple[Measure, Measure]], members: np.ndarray, n_resamples: int, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """Differences of each pair of measures over the same resamples."""
    drawn = [
        [ours(times) - raw(times) for ours, raw in pairs]
        for weights in resampled_weights(int(members.max()) + 1, n_resamples, rng)
        for times in [weights[:, members]]
    ]
    return (np.concatenate(one) for one in zip(*drawn, strict=True))


def _auroc(score: FloatArray, right: FloatArray) -> Measure:
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf) > 0)

    def measure(times: FloatArray) -> FloatArray:
        sorted_times, good = times[:, order], right[order]
        goods = np.add.reduceat(sorted_times * good, starts, axis=1)
        bads = np.add.reduceat(sorted_times * (1 - good), starts, axis=1)
        beaten = (goods * (np.cumsum(bads, axis=1) - bads / 2)).sum(axis=1)
        n_pairs = goods.sum(axis=1) * bads.sum(axis=1)
        result: FloatArray = np.divide(beaten, n_pairs, out=np.full(len(times), np.nan), where=n_pairs > 0)
        return result

    return measure


def _ece(score: FloatArray, right: FloatArray) -> Measure:
    order = np.argsort(score, kind="stable")
    starts = np.concatenate([[0], equal_mass_cuts(score[order], N_BINS)]).astype(np.intp)
    excess = (score - right)[order]

    def measure(times: FloatArray) -> FloatArray:
        sums = np.add.reduceat(times[:, order] * excess, starts, axis=1)
        result: FloatArray = np.abs(sums).sum(axis=1) / times.sum(axis=1)
        return result

    return measure


def _brier(score: FloatArray, right: FloatArray) -> Measure:
    squares = (score - right) ** 2

    def measure(times: FloatArray) -> FloatArray:
        result: FloatArray = times @ squares / times.sum(axis=1)
        return result

    return measure
