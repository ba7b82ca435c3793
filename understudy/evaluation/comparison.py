"""Is one labeller better than another on the same documents, or can these documents not tell?

Judges differences only; the scores themselves come from `metrics`.

References
----------
Efron and Tibshirani (1993), An Introduction to the Bootstrap; McNemar (1947), Psychometrika 12; Holm (1979),
Scandinavian Journal of Statistics 6; Satterthwaite (1946), Biometrics Bulletin 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from understudy.evaluation.counts import BoolArray, Counts, FloatArray
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, Interval, Spread, headline_f1, percentile_interval, z_value
from understudy.evaluation.metrics import Headline, headline_score
from understudy.evaluation.planning import documents_to_decide
from understudy.evaluation.resampling import group_index, resampled_totals

N_PAIRED_RESAMPLES = 5000
"""The smallest p is 2/5001, so that a table of 100 comparisons can still decide after Holm's correction."""

FEWEST_DIFFERENCES = 6
"""Two labellers that answer differently on fewer documents are not told apart: even if one wins all five, an exact
sign test gives p = 2 * 0.5**5 = 0.06."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two labellers on the same documents; the difference is A's headline F1 minus B's.

    Attributes
    ----------
    a, b : their names.
    score_a, score_b : headline F1 of the counts averaged over seeds.
    difference : score_a - score_b; nan where either is undefined.
    interval : paired bootstrap over documents with the spread of seeds added.
    p : two-sided, from the same draws; nan where the difference is undefined.
    p_adjusted : after `adjust_for_table`; equal to p before.
    n : documents.
    n_different : documents on which the two were not equally right.
    n_informative : documents that say something about the headline, for either labeller.
    margin : differences inside +-margin do not matter to the user; None if not stated.
    standard_error : of the difference, from sampling documents alone.
    seed_variance : of the difference, because there are few seeds.
    """

    a: str
    b: str
    score_a: float
    score_b: float
    difference: float
    interval: Interval
    p: float
    p_adjusted: float
    n: int
    n_different: int
    n_informative: int
    margin: float | None
    standard_error: float
    seed_variance: float

    @property
    def better(self) -> str | None:
        """The better one's name; None if these documents cannot tell.

        Decided if the interval excludes 0, the adjusted p is below 1 - level, and at least 6 documents differ.
        """
        is_clear = self.interval.excludes(0.0) and self.p_adjusted < 1 - self.interval.level
        if not is_clear or self.n_different < FEWEST_DIFFERENCES:
            return None
        return self.a if self.difference > 0 else self.b

    @property
    def n_to_decide(self) -> int | None:
        """Documents, in all, that would probably (80 %) decide if the difference is what it seems.

        None if it is decided, or if no number below 100,000 would: no difference, or seeds that scatter too much.
        """
        if self.better is not None or math.isnan(self.difference) or self.n_different == 0:
            return None
        level = 1 - (1 - self.interval.level) * self.p / self.p_adjusted
        half_width = z_value(level) * self.standard_error
        documents = documents_to_decide(
            self.n, half_width, self.difference, seed_variance=self.seed_variance, level=level
        )
        fewest = math.ceil(self.n * FEWEST_DIFFERENCES / self.n_different)
        return None if documents is None else max(documents, fewest)

    @property
    def is_equivalent(self) -> bool:
        """Whether the whole interval lies inside the margin, on enough documents to have seen a difference.

        Enough is 3 / margin informative documents: fewer without one differing answer leave a true share of differing
        answers as large as the margin possible (rule of three).
        """
        if self.margin is None or not self.interval.is_defined:
            return False
        is_inside = -self.margin < self.interval.low and self.interval.high < self.margin
        return is_inside and self.n_informative * self.margin >= 3

    @property
    def verdict(self) -> str:
        """The result in words."""
        if math.isnan(self.difference):
            return f"{self.a} and {self.b} cannot be compared: F1 is undefined with n = {self.n}"
        if self.is_equivalent:
            return f"{self.a} and {self.b} are equivalent within ±{self.margin:g} ({self._difference_in_words(1)})"
        if self.better is not None:
            sign = 1 if self.better == self.a else -1
            other = self.b if self.better == self.a else self.a
            return f"{self.better} is better than {other} (by {self._difference_in_words(sign)})"
        return f"not decidable with n = {self.n} ({self._difference_in_words(1)}); {self._what_would_decide()}"

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "a": self.a,
            "b": self.b,
            "score_a": finite_or_none(self.score_a),
            "score_b": finite_or_none(self.score_b),
            "difference": finite_or_none(self.difference),
            "interval": self.interval.to_json(),
            "p": finite_or_none(self.p),
            "p_adjusted": finite_or_none(self.p_adjusted),
            "n": self.n,
            "n_different": self.n_different,
            "n_to_decide": self.n_to_decide,
            "margin": self.margin,
            "better": self.better,
            "equivalent": self.is_equivalent,
            "verdict": self.verdict,
        }

    def _difference_in_words(self, sign: int) -> str:
        low, high = sorted((sign * self.interval.low, sign * self.interval.high))
        return f"{sign * self.difference:.3f} [{low:.3f}, {high:.3f}]"

    def _what_would_decide(self) -> str:
        if self.n_to_decide is None:
            return "no realistic number of documents would decide"
        return f"about {_two_digits(self.n_to_decide):,} documents would probably decide"


def compare(
    a: str,
    counts_a: Sequence[Counts],
    b: str,
    counts_b: Sequence[Counts],
    headline: Headline,
    rng: np.random.Generator,
    *,
    groups: Sequence[str | None] | None = None,
    margin: float | None = None,
    n_resamples: int = N_PAIRED_RESAMPLES,
    level: float = LEVEL,
) -> Comparison:
    """Paired bootstrap of the difference in headline F1.

    Documents are resampled, the same ones for both labellers, whose counts are averaged over their seeds before. The
    spread between seeds is added to every draw, at Satterthwaite's degrees of freedom (as `intervals.with_seed_spread`
    does for one labeller).

    Parameters
    ----------
    counts_a, counts_b : one run per seed, all on the same n documents in the same order; seeds may differ in number.
    groups : n names; documents of one group are resampled together. None is a group of its own.
    margin : half-width of "no difference that matters", > 0; without it, equivalence is never claimed.

    Raises
    ------
    ValueError
        If the documents or labels differ, or margin is not positive.
    """
    mean_a, mean_b = Counts.mean(counts_a), Counts.mean(counts_b)
    if mean_a.tp.shape != mean_b.tp.shape:
        raise ValueError(f"{b}: expected counts of shape {mean_a.tp.shape} as {a}, found {mean_b.tp.shape}.")
    if margin is not None and not margin > 0:
        raise ValueError(f"margin: expected a number > 0, found {margin}.")
    pair = (headline.reduce(mean_a), headline.reduce(mean_b))
    scores = (headline_score(mean_a, headline).f1, headline_score(mean_b, headline).f1)
    spread = _spread(counts_a, headline).plus(_spread(counts_b, headline))
    sampling = _paired_draws(pair, rng, n_resamples, groups)
    draws = _with_spread(sampling, scores[0] - scores[1], spread, level, rng)
    p = _two_sided_p(draws)
    return Comparison(
        a=a,
        b=b,
        score_a=scores[0],
        score_b=scores[1],
        difference=scores[0] - scores[1],
        interval=percentile_interval(draws, "paired bootstrap", level),
        p=p,
        p_adjusted=p,
        n=mean_a.n,
        n_different=_n_different(pair, groups),
        n_informative=_n_informative(pair),
        margin=margin,
        standard_error=float(np.std(sampling)) if sampling.size else math.nan,
        seed_variance=spread.variance,
    )


def adjust_for_table(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """The same comparisons with p adjusted for standing in one table (Holm)."""
    adjusted = holm([comparison.p for comparison in comparisons])
    return tuple(replace(one, p_adjusted=float(p)) for one, p in zip(comparisons, adjusted, strict=True))


@dataclass(frozen=True, slots=True)
class McNemar:
    """Exact McNemar test of two accuracies on the same documents.

    Attributes
    ----------
    only_a, only_b : documents that only A, only B answered rightly.
    p : two-sided; 1 where the two are never right and wrong apart.
    """

    only_a: int
    only_b: int
    p: float


def mcnemar_exact(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Test whether two labellers are equally often right.

    Parameters
    ----------
    correct_a, correct_b : bool arrays of shape (n,), the same documents in the same order; one run each.

    Raises
    ------
    ValueError
        If the shapes differ, or a number is neither 0 nor 1 (an average over seeds cannot be counted).
    """
    right_a, right_b = _right_or_wrong(correct_a), _right_or_wrong(correct_b)
    if right_a.shape != right_b.shape:
        raise ValueError(f"correct_b: expected shape {right_a.shape} as correct_a, found {right_b.shape}.")
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    tail = float(stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5))
    return McNemar(only_a, only_b, min(1.0, 2 * tail))


def holm(p_values: ArrayLike) -> FloatArray:
    """Holm's adjusted p-values, in the order given; nan (no test was made) stays nan and does not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])  # 3 * 0.01; 2 * 0.03; max(0.06, 1 * 0.04)
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    stepped = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return adjusted


def _spread(runs: Sequence[Counts], headline: Headline) -> Spread:
    estimates = [headline_score(run, headline).f1 for run in runs]
    return Spread.of([estimate for estimate in estimates if not math.isnan(estimate)])


def _paired_draws(
    pair: tuple[Counts, Counts], rng: np.random.Generator, n_resamples: int, groups: Sequence[str | None] | None
) -> FloatArray:
    """Resampled differences that are defined."""
    if pair[0].n == 0:
        return np.empty(0)
    chunks = resampled_totals(pair, rng, n_resamples, groups)
    draws: FloatArray = np.concatenate([headline_f1(a) - headline_f1(b) for a, b in chunks])
    return draws[np.isfinite(draws)]


def _with_spread(
    draws: FloatArray, centre: float, spread: Spread, level: float, rng: np.random.Generator
) -> FloatArray:
    """The draws with seed noise added and stretched from normal to t, so that their percentiles hold both."""
    if spread.variance == 0 or draws.size == 0:
        return draws
    df = spread.df * ((float(np.var(draws)) + spread.variance) / spread.variance) ** 2
    stretch = float(stats.t.ppf((1 + level) / 2, df)) / z_value(level)
    noisy = draws + rng.normal(0.0, math.sqrt(spread.variance), draws.size)
    return np.clip(centre + stretch * (noisy - centre), -1.0, 1.0)


def _two_sided_p(draws: FloatArray) -> float:
    if draws.size == 0:
        return math.nan
    rarer = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (draws.size + 1))


def _n_different(pair: tuple[Counts, Counts], groups: Sequence[str | None] | None) -> int:
    """Independent units, documents or groups, in which the two were not equally right about the headline."""
    a, b = pair
    changed = np.abs(a.tp - b.tp) + np.abs(a.fp - b.fp) + np.abs(a.fn - b.fn)
    rows = changed.sum(axis=1) > 1e-9
    return len(np.unique(group_index(groups, a.n)[rows]))


def _n_informative(pair: tuple[Counts, Counts]) -> int:
    touched = [(counts.tp + counts.fp + counts.fn).sum(axis=1) > 0 for counts in pair]
    return int((touched[0] | touched[1]).sum())


def _right_or_wrong(correct: ArrayLike) -> BoolArray:
    values = np.asarray(correct)
    if values.ndim != 1 or not np.isin(values, (0, 1)).all():
        raise ValueError("correct: expected one 0 or 1 per document; give one seed's answers, not an average.")
    return values.astype(bool)


def _two_digits(number: int) -> int:
    """Rounded up to two digits: a forecast knows no more."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return math.ceil(number / step) * step
