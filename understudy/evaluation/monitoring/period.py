"""How often a labeller is right in one period, from a small random sample of gold of that period.

Sees what the checks without labels cannot: that labels have come to mean something else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.inference import Share, powered_share
from understudy.evaluation.intervals import LEVEL, Interval
from understudy.evaluation.monitoring.teacher_drift import spent_level
from understudy.evaluation.subgroups import newcombe

FEWEST_OF_PERIOD = 30
"""Gold texts of a period below which nothing is estimated."""


@dataclass(frozen=True, slots=True)
class PeriodQuality:
    """One labeller in one period.

    Attributes
    ----------
    accuracy : share of right labels among the period's texts: corrected (PPI++), or from gold alone where that is
        refused; `naive` is what the labeller's own confidence promises.
    n : gold texts of the period.
    before, n_before : share of right labels on the gold texts from before, and their number; nan without.
    change : interval of accuracy now minus before, gold alone (Newcombe); undefined without texts from before.
    p_value : Fisher's exact test of no change; nan without.
    level : below which this look alarms.
    """

    accuracy: Share
    n: int
    before: float
    n_before: int
    change: Interval
    p_value: float
    level: float

    @property
    def is_alarm(self) -> bool:
        """Whether the labeller has become worse beyond chance."""
        return self.p_value < self.level and self.accuracy.gold_only.value < self.before

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "accuracy": self.accuracy.estimate.to_json(),
            "gold_only": self.accuracy.gold_only.to_json(),
            "by_its_own_confidence": self.accuracy.naive.to_json(),
            "refusal": self.accuracy.refusal,
            "n": self.n,
            "before": finite_or_none(self.before),
            "n_before": self.n_before,
            "change_interval": self.change.to_json(),
            "p_value": finite_or_none(self.p_value),
            "level": self.level,
            "is_alarm": self.is_alarm,
        }


def period_quality(
    right: ArrayLike, confidence: ArrayLike, confidence_rest: ArrayLike, right_before: ArrayLike, *, look: int = 1
) -> PeriodQuality:
    """Accuracy of a labeller in a period, and whether it has changed since it was judged.

    Parameters
    ----------
    right : bool, shape (n,), n >= 30: whether it is right about each gold text, drawn by lot from the period's texts.
    confidence : in [0, 1], shape (n,): any guess of how probably it is right, from the text alone.
    confidence_rest : shape (N,), N >= 2: the same of the period's other texts.
    right_before : bool, shape (m,): whether it was right about the gold texts that judged it; may be empty.
    look : 1 for the first period, 2 for the second, ...; all looks together alarm falsely with at most 1 %.

    Raises
    ------
    ValueError
        If there are fewer than 30 gold texts, or shapes do not fit.

    Examples
    --------
    >>> found = period_quality([True] * 25 + [False] * 25, [0.9] * 50, [0.9] * 500, [True] * 90 + [False] * 10)
    >>> found.accuracy.estimate.value, found.before, found.is_alarm
    (0.5, 0.9, True)
    """
    now, earlier = np.asarray(right, dtype=bool), np.asarray(right_before, dtype=bool)
    if now.ndim != 1 or len(now) < FEWEST_OF_PERIOD:
        raise ValueError(f"right: expected {FEWEST_OF_PERIOD} or more gold texts of the period, found {now.shape}.")
    k, n, k_before, n_before = int(now.sum()), len(now), int(earlier.sum()), len(earlier)
    p_value = math.nan
    if n_before:
        p_value = float(stats.fisher_exact([[k, n - k], [k_before, n_before - k_before]]).pvalue)
    return PeriodQuality(
        accuracy=powered_share(now, confidence, confidence_rest, name="right label"),
        n=n,
        before=k_before / n_before if n_before else math.nan,
        n_before=n_before,
        change=newcombe(k, n, k_before, n_before, LEVEL),
        p_value=p_value,
        level=spent_level(look),
    )
