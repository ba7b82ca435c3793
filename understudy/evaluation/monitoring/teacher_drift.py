"""Whether a teacher still answers as it did: frozen texts with human labels, asked again period after period.

References
----------
McNemar (1947), Psychometrika 12; spending of the error rate over looks: Lan and DeMets (1983), Biometrika 70.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from understudy.evaluation.comparison import mcnemar_exact
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import Interval, wilson
from understudy.records import Value

ALARM_LEVEL = 0.01
"""Chance of a false alarm over all looks together."""


@dataclass(frozen=True, slots=True)
class DriftCheck:
    """One look at the canaries.

    Attributes
    ----------
    n : canaries with an answer then and now.
    n_lost, n_won : canaries right then and wrong now, and the other way round.
    flips : share of canaries with another label than then, with its interval.
    p_value : exact McNemar test of equal accuracy then and now.
    level : below which this look alarms.
    usual_flips : share of flips between two passes of the unchanged teacher; nan if unknown.
    """

    n: int
    n_lost: int
    n_won: int
    flips: float
    interval: Interval
    p_value: float
    level: float
    usual_flips: float = math.nan

    @property
    def has_changed_accuracy(self) -> bool:
        """Whether accuracy changed beyond chance."""
        return self.p_value < self.level

    @property
    def flips_unusually(self) -> bool:
        """Whether more labels flip than is usual for the unchanged teacher, by 3 standard errors."""
        if math.isnan(self.usual_flips) or not self.n:
            return False
        return self.flips > self.usual_flips + 3 * math.sqrt(self.usual_flips * (1 - self.usual_flips) / self.n)

    @property
    def is_alarm(self) -> bool:
        """Either of the two."""
        return self.has_changed_accuracy or self.flips_unusually

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "n": self.n,
            "n_lost": self.n_lost,
            "n_won": self.n_won,
            "flips": finite_or_none(self.flips),
            "flips_interval": self.interval.to_json(),
            "p_value": finite_or_none(self.p_value),
            "level": self.level,
            "usual_flips": finite_or_none(self.usual_flips),
            "is_alarm": self.is_alarm,
        }


def check_canaries(
    truth: Sequence[Value],
    then: Sequence[Value | None],
    now: Sequence[Value | None],
    *,
    look: int = 1,
    usual_flips: float = math.nan,
) -> DriftCheck:
    """Compare what a teacher says about frozen texts with what it said when it was validated.

    Parameters
    ----------
    truth : human labels of n canaries.
    then, now : the teacher's; a canary without an answer on either side is left out.
    look : 1 for the first comparison, 2 for the second, ...
    usual_flips : see `DriftCheck`.

    Raises
    ------
    ValueError
        If the lengths differ or `look` is below 1.

    Examples
    --------
    >>> found = check_canaries(["a"] * 30, ["a"] * 30, ["a"] * 18 + ["b"] * 12)
    >>> found.n_lost, found.is_alarm
    (12, True)
    """
    asked = [(t, a, b) for t, a, b in zip(truth, then, now, strict=True) if a is not None and b is not None]
    lost = sum(a == t != b for t, a, b in asked)
    won = sum(b == t != a for t, a, b in asked)
    flipped = sum(a != b for _, a, b in asked)
    return DriftCheck(
        n=len(asked),
        n_lost=lost,
        n_won=won,
        flips=flipped / len(asked) if asked else math.nan,
        interval=wilson(flipped, len(asked)),
        p_value=mcnemar_exact([a == t for t, a, _ in asked], [b == t for t, _, b in asked]).p,
        level=spent_level(look),
        usual_flips=usual_flips,
    )


def spent_level(look: int, alarm_level: float = ALARM_LEVEL) -> float:
    """The level of one look, so that all looks ever taken add up to at most `alarm_level`.

    ``alarm_level * 6 / (pi look)^2``: the sum over all looks of 1 / look^2 is pi^2 / 6.
    """
    if look < 1:
        raise ValueError(f"look: expected 1 or more, found {look}.")
    return alarm_level * 6 / (math.pi * look) ** 2
