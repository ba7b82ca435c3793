"""The alternative-annotator test: may a machine take the place of one of several human annotators?

Passing says that it agrees with the others about as well as one of them does, not that it is accurate. The answer
depends strongly on the tolerance epsilon, so the smallest passing one is always given.

References
----------
Calderon, Reichart and Dror (2025), ACL, arXiv 2501.10970; Benjamini and Yekutieli (2001), Annals of Statistics 29.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from understudy.evaluation.counts import FloatArray
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, N_RESAMPLES, Interval, percentile_interval
from understudy.evaluation.resampling import resampled_weights

FALSE_DISCOVERIES = 0.05
PASSING_RATE = 0.5
FEWEST_FOR_T = 30
"""Items of an annotator below which Wilcoxon's signed-rank test takes the place of the t-test."""

SMALLEST_STEP = 1e-4


@dataclass(frozen=True, slots=True)
class AnnotatorContest:
    """The machine against one human, each scored by agreement with the others on the human's items.

    Attributes
    ----------
    annotator : name or column number.
    n_items : items that this human and at least one other rated; 0 if left out.
    advantage : share of them on which the machine agrees with the others at least as well as the human.
    p_value : of the hypothesis that the human is better by epsilon or more; nan if left out.
    is_won : whether that hypothesis is rejected, corrected for the number of humans.
    """

    annotator: str
    n_items: int
    advantage: float
    p_value: float
    is_won: bool


@dataclass(frozen=True, slots=True)
class ReplacementTest:
    """The whole test.

    Attributes
    ----------
    winning_rate : omega, share of the contests won; nan without a contest.
    passes : whether it is at least 0.5.
    advantage : rho, mean over annotators of their `advantage`; compares machines.
    interval : of rho, bootstrap over items.
    smallest_epsilon : the smallest tolerance in [0, 1] at which it passes, to 0.0001; nan if at none.
    n_abstained : items on which the machine said nothing; counted as disagreement.
    """

    epsilon: float
    contests: tuple[AnnotatorContest, ...]
    winning_rate: float
    passes: bool
    advantage: float
    interval: Interval
    smallest_epsilon: float
    n_abstained: int

    @property
    def left_out(self) -> tuple[str, ...]:
        """Annotators who share no item with another one."""
        return tuple(contest.annotator for contest in self.contests if not contest.n_items)

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "epsilon": self.epsilon,
            "winning_rate": finite_or_none(self.winning_rate),
            "passes": self.passes,
            "advantage": finite_or_none(self.advantage),
            "advantage_interval": self.interval.to_json(),
            "smallest_epsilon": finite_or_none(self.smallest_epsilon),
            "n_abstained": self.n_abstained,
            "annotators": [
                {"annotator": c.annotator, "n_items": c.n_items, "advantage": finite_or_none(c.advantage),
                 "p_value": finite_or_none(c.p_value), "is_won": c.is_won}
                for c in self.contests
            ],
        }  # fmt: skip


def replacement_test(
    machine: ArrayLike,
    humans: ArrayLike,
    rng: np.random.Generator,
    *,
    epsilon: float = 0.15,
    names: Sequence[str] | None = None,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
) -> ReplacementTest:
    """Test whether the machine may replace one of the annotators.

    For human j and an item i, S(x) is the share of the other humans on i who say x. The machine wins the item if
    S(machine) >= S(human), the human if S(human) >= S(machine); d is the difference of the two wins, in {-1, 0, 1}.
    Human j is beaten if mean(d) < epsilon, by a one-sided t-test (Wilcoxon below 30 items; where d never varies, by
    mean(d) alone), over all humans at a false discovery rate of 0.05 (Benjamini and Yekutieli).

    Parameters
    ----------
    machine : codes of shape (n,), nan where it said nothing.
    humans : codes of shape (n, m), nan where missing; m >= 2.
    epsilon : how much better a human may be, for the money saved: 0.2 for experts, 0.15 skilled, 0.1 crowd workers.
    names : of the annotators; their column numbers without.

    Raises
    ------
    ValueError
        If shapes do not fit, or epsilon is not in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> humans = [[0, 0, 0], [1, 1, 1], [0, 0, 1]] * 20
    >>> found = replacement_test([0, 1, 0] * 20, humans, np.random.default_rng(0))
    >>> found.winning_rate, found.advantage, round(found.smallest_epsilon, 3)
    (1.0, 1.0, 0.0)
    """
    codes, ratings = np.asarray(machine, dtype=np.float64), np.asarray(humans, dtype=np.float64)
    if ratings.ndim != 2 or ratings.shape[1] < 2 or codes.shape != ratings.shape[:1]:
        raise ValueError(
            f"humans: expected shape (n, m >= 2) and n machine codes, found {ratings.shape}, {codes.shape}."
        )
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon: expected a number in [0, 1], found {epsilon}.")
    wins = [_wins(codes, ratings, j) for j in range(ratings.shape[1])]
    titles = list(names) if names is not None else [str(j) for j in range(ratings.shape[1])]
    contests = _contests(wins, titles, epsilon)
    omega = _winning_rate(contests)
    return ReplacementTest(
        epsilon=epsilon,
        contests=contests,
        winning_rate=omega,
        passes=omega >= PASSING_RATE,
        advantage=_mean([contest.advantage for contest in contests]),
        interval=_advantage_interval(wins, rng, n_resamples, level),
        smallest_epsilon=_smallest_epsilon(wins, titles),
        n_abstained=int(np.isnan(codes).sum()),
    )


def _wins(machine: FloatArray, humans: FloatArray, j: int) -> FloatArray:
    """Shape (n, 2): whether machine and human j win each item; nan where the item does not count."""
    others = np.delete(humans, j, axis=1)
    n_others = (~np.isnan(others)).sum(axis=1)
    counts = ~np.isnan(humans[:, j]) & (n_others > 0)
    by_machine = (others == machine[:, None]).sum(axis=1)
    by_human = (others == humans[:, j, None]).sum(axis=1)
    found = np.column_stack([by_machine >= by_human, by_human >= by_machine]).astype(np.float64)
    found[~counts] = np.nan
    return found


def _contests(wins: Sequence[FloatArray], names: Sequence[str], epsilon: float) -> tuple[AnnotatorContest, ...]:
    found = [_contest(rows[~np.isnan(rows[:, 0])], name, epsilon) for rows, name in zip(wins, names, strict=True)]
    bar = _rejection_bar([contest.p_value for contest in found if contest.n_items])
    return tuple(replace(contest, is_won=bool(contest.p_value <= bar)) for contest in found)


def _contest(rows: FloatArray, name: str, epsilon: float) -> AnnotatorContest:
    if not len(rows):
        return AnnotatorContest(name, 0, math.nan, math.nan, False)
    return AnnotatorContest(
        name, len(rows), float(rows[:, 0].mean()), _p_value(rows[:, 1] - rows[:, 0], epsilon), False
    )


def _p_value(differences: FloatArray, epsilon: float) -> float:
    excess = differences - epsilon
    if np.ptp(differences) == 0:
        return 0.0 if excess[0] < 0 else 1.0
    if len(differences) < FEWEST_FOR_T:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ties: the normal approximation is what is wanted then
            return float(stats.wilcoxon(excess, alternative="less").pvalue)
    return float(stats.ttest_1samp(excess, 0.0, alternative="less").pvalue)


def _rejection_bar(p_values: Sequence[float]) -> float:
    """The largest p-value that is rejected under dependence; -1 if none is."""
    ordered = np.sort(np.asarray(p_values, dtype=np.float64))
    ranks = np.arange(1, len(ordered) + 1)
    bars = ranks * FALSE_DISCOVERIES / (max(len(ordered), 1) * np.sum(1 / ranks))
    return float(np.max(ordered[ordered <= bars], initial=-1.0))


def _winning_rate(contests: Sequence[AnnotatorContest]) -> float:
    return _mean([float(contest.is_won) for contest in contests if contest.n_items])


def _smallest_epsilon(wins: Sequence[FloatArray], names: Sequence[str]) -> float:
    """By bisection: with a larger tolerance it never wins less."""

    def passes(epsilon: float) -> bool:
        return _winning_rate(_contests(wins, names, epsilon)) >= PASSING_RATE

    if passes(0.0) or not passes(1.0):
        return 0.0 if passes(0.0) else math.nan
    low, high = 0.0, 1.0
    while high - low > SMALLEST_STEP:
        middle = (low + high) / 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def _advantage_interval(
    wins: Sequence[FloatArray], rng: np.random.Generator, n_resamples: int, level: float
) -> Interval:
    won = np.column_stack([rows[:, 0] for rows in wins])
    counted = (~np.isnan(won)).astype(np.float64)
    if not counted.any():
        return Interval(math.nan, math.nan, "bootstrap", level)
    draws = []
    for weights in resampled_weights(len(won), n_resamples, rng):
        totals = weights @ counted
        with np.errstate(invalid="ignore"):
            rates = np.where(totals > 0, weights @ np.nan_to_num(won) / totals, np.nan)
        draws.append(np.nanmean(rates[(totals > 0).any(axis=1)], axis=1))
    return percentile_interval(np.concatenate(draws), "bootstrap", level)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
