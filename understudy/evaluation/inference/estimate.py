"""An estimated quantity with its interval, and why it is refused where it is. Computes none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scipy import stats

from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, Interval, z_value


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number about a population.

    Attributes
    ----------
    name : what is estimated, such as a regression's term.
    value, standard_error : nan where undefined.
    interval : at its own level.
    tuning : weight of the machine labels, in [0, 1]: 0 uses gold alone; nan where there is none.
    n_gold, n_machine : documents with a human label, and further ones with a machine label only.
    """

    name: str
    value: float
    standard_error: float
    interval: Interval
    n_gold: int
    n_machine: int = 0
    tuning: float = math.nan

    @property
    def p_value(self) -> float:
        """Two-sided, of the value 0, from the normal distribution; nan without a standard error."""
        if not self.standard_error > 0:
            return math.nan
        return float(2 * stats.norm.sf(abs(self.value) / self.standard_error))

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "name": self.name,
            "value": finite_or_none(self.value),
            "standard_error": finite_or_none(self.standard_error),
            "interval": self.interval.to_json(),
            "n_gold": self.n_gold,
            "n_machine": self.n_machine,
            "tuning": finite_or_none(self.tuning),
        }


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a label, corrected where gold allows it.

    Attributes
    ----------
    estimate : corrected, or from gold alone where `refusal` says why it could not be corrected.
    naive : the share among machine labels, whose interval ignores their mistakes; shown to warn, not to use.
    gold_only : from gold alone.
    refusal : "" if the estimate is corrected.
    """

    estimate: Estimate
    naive: Estimate
    gold_only: Estimate
    refusal: str = ""

    @property
    def effective_gain(self) -> float:
        """How many times more gold the same width would take without machine labels; nan where undefined."""
        own, gold = self.estimate.interval.half_width, self.gold_only.interval.half_width
        return (gold / own) ** 2 if own > 0 else math.nan


def normal_interval(value: float, standard_error: float, method: str, n: int, level: float = LEVEL) -> Interval:
    """Normal interval, or Student's t below 60 gold documents, where the normal one is too short."""
    quantile = z_value(level) if n >= FEWEST_FOR_NORMAL else float(stats.t.ppf((1 + level) / 2, max(n - 1, 1)))
    return Interval(value - quantile * standard_error, value + quantile * standard_error, method, level)


FEWEST_FOR_NORMAL = 60
