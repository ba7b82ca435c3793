"""Confidence sequences: intervals that stay valid however often one looks, so that people may stop knowing enough.

Items must come in random order. An interval of fixed n that is looked at after every label excludes the truth far more
often than it says.

References
----------
Waudby-Smith and Ramdas (2024), Journal of the Royal Statistical Society B 86 (betting, hedged capital, predictable
plug-in; sampling without replacement).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from understudy.evaluation.counts import FloatArray
from understudy.evaluation.intervals import LEVEL, Interval

GRID = np.linspace(0, 1, 1001)
LARGEST_BET = 0.75
METHOD = "confidence sequence"


@dataclass(frozen=True, eq=False)
class ConfidenceSequence:
    """Intervals after each item.

    Attributes
    ----------
    low, high : shape (n,): each interval lies within the one before; on a grid of 0.001.
    level : the chance that all of them hold the truth is at least that.
    """

    low: FloatArray
    high: FloatArray
    level: float

    @property
    def last(self) -> Interval:
        """The interval after all items; [0, 1] before the first."""
        if not len(self.low):
            return Interval(0.0, 1.0, METHOD, self.level)
        return Interval(float(self.low[-1]), float(self.high[-1]), METHOD, self.level)

    def first_excluding(self, bar: float) -> int | None:
        """How many items were needed to exclude a number; None if it is not excluded."""
        return _first((self.low > bar) | (self.high < bar))

    def first_within(self, half_width: float) -> int | None:
        """How many items were needed for a half-width; None if it is not reached."""
        return _first((self.high - self.low) / 2 <= half_width)


def mean_sequence(values: ArrayLike, *, n_population: int | None = None, level: float = LEVEL) -> ConfidenceSequence:
    """Intervals for a mean of values in [0, 1], valid at every look.

    For each candidate mean m two gamblers bet on every next value being above or below it, with the fraction
    ``min(sqrt(2 ln(2 / alpha) / (s2 i ln(i + 1))), 0.75 / m)`` of their capital (0.75 / (1 - m) below), s2 the running
    variance; m is excluded once their mean capital reaches 1 / alpha.

    Parameters
    ----------
    values : shape (n,), in random order.
    n_population : of how many items these are drawn without replacement; None for very many.

    Raises
    ------
    ValueError
        If a value is not in [0, 1], or there are more values than items.

    Examples
    --------
    >>> mean_sequence([1.0] * 60).last.low > 0.9
    True
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not np.all((x >= 0) & (x <= 1)):
        raise ValueError("values: expected numbers in [0, 1] in one row.")
    if n_population is not None and len(x) > n_population:
        raise ValueError(f"values: {len(x)} drawn of only {n_population} items.")
    bets = _bets(x, 1 - level)
    above, below = np.zeros(len(GRID)), np.zeros(len(GRID))
    alive = np.ones(len(GRID), dtype=bool)
    low, high = np.empty(len(x)), np.empty(len(x))
    seen = 0.0
    for i, value in enumerate(x):
        mean = _next_mean(seen, i, n_population)
        possible = (mean >= 0) & (mean <= 1)
        candidate = np.clip(mean, 1e-9, 1 - 1e-9)
        above += np.log1p(np.minimum(bets[i], LARGEST_BET / candidate) * (value - candidate))
        below += np.log1p(-np.minimum(bets[i], LARGEST_BET / (1 - candidate)) * (value - candidate))
        alive &= possible & (np.logaddexp(above, below) - np.log(2) < -np.log(1 - level))
        low[i], high[i] = _ends(alive, low[i - 1] if i else 0.0, high[i - 1] if i else 1.0)
        seen += value
    return ConfidenceSequence(low, high, level)


def f1_sequence(truth: ArrayLike, predicted: ArrayLike, *, level: float = LEVEL) -> ConfidenceSequence:
    """Intervals for the F1 of one label, one after each document that is in truth or predicted to have it.

    Among those documents the share that is both is the Jaccard index J, and F1 = 2J / (1 + J).

    Parameters
    ----------
    truth, predicted : bool, shape (n,), documents in random order.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    actual, said = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    if actual.shape != said.shape:
        raise ValueError(f"predicted: expected shape {actual.shape}, found {said.shape}.")
    jaccard = mean_sequence((actual & said)[actual | said].astype(np.float64), level=level)
    return ConfidenceSequence(2 * jaccard.low / (1 + jaccard.low), 2 * jaccard.high / (1 + jaccard.high), level)


def _bets(x: FloatArray, alpha: float) -> FloatArray:
    """The fraction to bet on each value, from the values before it."""
    i = np.arange(1, len(x) + 1)
    means = (0.5 + np.cumsum(x)) / (i + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (i + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.asarray(np.sqrt(2 * np.log(2 / alpha) / (before * i * np.log(i + 1))))


def _next_mean(seen: float, n_seen: int, n_population: int | None) -> FloatArray:
    """What the next value is on average, for each candidate mean of the population."""
    if n_population is None:
        return GRID
    return np.asarray((n_population * GRID - seen) / (n_population - n_seen))


def _ends(alive: np.ndarray[tuple[int], np.dtype[np.bool_]], low: float, high: float) -> tuple[float, float]:
    """Ends of what is not excluded, half a step of the grid wider; an empty set keeps the last ends."""
    kept = GRID[alive]
    if not len(kept):
        return low, high
    step = GRID[1] / 2
    return max(low, float(kept[0]) - step), min(high, float(kept[-1]) + step)


def _first(reached: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int | None:
    positions = np.flatnonzero(reached)
    return int(positions[0]) + 1 if positions.size else None
