"""How far annotators, or one teacher's repeated answers, agree beyond chance. Does not say who is right.

Ratings are codes in an array of shape (n_items, n_raters), nan where a rater said nothing; `encode_ratings` makes them
from labels. For ordinal and interval alpha the codes are the scale.

References
----------
Cohen (1960), Educational and Psychological Measurement 20; Fleiss (1971), Psychological Bulletin 76; Krippendorff
(2011), Computing Krippendorff's Alpha-Reliability; Gwet (2008), British Journal of Mathematical and Statistical
Psychology 61.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from understudy.evaluation.counts import FloatArray
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, N_RESAMPLES, Interval, percentile_interval
from understudy.evaluation.resampling import resampled_weights

Scale = Literal["nominal", "ordinal", "interval"]
Statistic = Literal["cohen", "fleiss", "krippendorff", "gwet"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement statistic with its interval.

    Attributes
    ----------
    value : at most 1; 0 is agreement by chance; nan where undefined (no item rated twice; for all but Gwet's AC1 also
        where everyone always says the same).
    interval : bootstrap over items.
    n_items : items that enter: rated at least twice; for Fleiss and Cohen rated by everyone.
    n_left_out : the other items.
    """

    statistic: Statistic
    value: float
    interval: Interval
    n_items: int
    n_left_out: int

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "statistic": self.statistic,
            "value": finite_or_none(self.value),
            "interval": self.interval.to_json(),
            "n_items": self.n_items,
            "n_left_out": self.n_left_out,
        }


def encode_ratings(ratings: Sequence[Sequence[str | None]], labels: Sequence[str]) -> FloatArray:
    """Codes 0..K-1 in label order, nan for None; items with fewer answers are filled up with nan.

    Raises
    ------
    ValueError
        If a rating is not among the labels.
    """
    width = max((len(row) for row in ratings), default=0)
    code: dict[str | None, float] = {label: float(column) for column, label in enumerate(labels)}
    code[None] = math.nan
    unknown = {answer for row in ratings for answer in row if answer not in code}
    if unknown:
        raise ValueError(f"ratings: {sorted(map(str, unknown))} are not among the labels {list(labels)}.")
    return np.array(
        [[code[answer] for answer in row] + [math.nan] * (width - len(row)) for row in ratings], dtype=np.float64
    ).reshape(len(ratings), width)


def measure_agreement(
    ratings: ArrayLike,
    statistic: Statistic,
    rng: np.random.Generator,
    *,
    scale: Scale = "nominal",
    n_labels: int | None = None,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
) -> Agreement:
    """An agreement statistic with a percentile bootstrap interval over items.

    Parameters
    ----------
    ratings : array of shape (n_items, n_raters), nan where missing; two raters for Cohen.
    scale : of Krippendorff's alpha; the others are nominal.
    n_labels : of Gwet's AC1, see there.

    Raises
    ------
    ValueError
        As the statistic's own function.
    """
    codes = _check(ratings)
    kept = codes[_usable(codes, statistic)]
    compute = _computer(kept, statistic, scale, n_labels)
    return Agreement(
        statistic=statistic,
        value=compute(np.ones(len(kept))),
        interval=_interval(compute, len(kept), rng, n_resamples, level),
        n_items=len(kept),
        n_left_out=len(codes) - len(kept),
    )


def cohen_kappa(ratings: ArrayLike) -> float:
    """Cohen's kappa of two raters over the items that both rated; nan if none, or if both always say the same one.

    Raises
    ------
    ValueError
        If `ratings` does not have shape (n_items, 2).

    Examples
    --------
    >>> cohen_kappa([[0, 0], [0, 1], [1, 1], [1, 1]])  # (3/4 - 1/2) / (1 - 1/2)
    0.5
    """
    return _value(ratings, "cohen")


def fleiss_kappa(ratings: ArrayLike) -> float:
    """Fleiss' kappa over the items that every rater rated; nan if there is none or only one category is used."""
    return _value(ratings, "fleiss")


def krippendorff_alpha(ratings: ArrayLike, scale: Scale = "nominal") -> float:
    """Krippendorff's alpha over the items with at least two ratings; missing cells are allowed.

    nan if there is no such item, or if only one category is used.
    """
    return _value(ratings, "krippendorff", scale)


def gwet_ac1(ratings: ArrayLike, n_labels: int | None = None) -> float:
    """Gwet's AC1, which stays meaningful where nearly everything is one category; missing cells are allowed.

    Parameters
    ----------
    n_labels : number of categories that could have been used; those in use if None. One category in use of several is
        perfect agreement, 1; one in all leaves chance undefined, nan.

    Raises
    ------
    ValueError
        If fewer categories are named than are in use.
    """
    return _value(ratings, "gwet", n_labels=n_labels)


def _value(ratings: ArrayLike, statistic: Statistic, scale: Scale = "nominal", n_labels: int | None = None) -> float:
    codes = _check(ratings)
    kept = codes[_usable(codes, statistic)]
    return _computer(kept, statistic, scale, n_labels)(np.ones(len(kept)))


def _computer(
    codes: FloatArray, statistic: Statistic, scale: Scale, n_labels: int | None
) -> Callable[[FloatArray], float]:
    """The statistic as a function of item weights."""
    categories, table = _tabulate(codes)
    if statistic == "cohen":
        return _cohen_of(codes, categories)
    if statistic == "fleiss":
        return lambda weights: _fleiss(table, weights)
    if statistic == "gwet":
        n_categories = _check_n_labels(n_labels, len(categories))
        return lambda weights: _gwet(table, weights, n_categories)
    return lambda weights: _krippendorff(table, weights, categories, scale)


def _cohen_of(codes: FloatArray, categories: FloatArray) -> Callable[[FloatArray], float]:
    if codes.shape[1] != 2:
        raise ValueError(f"ratings: Cohen's kappa compares two raters, found {codes.shape[1]}; use Fleiss or alpha.")
    k = len(categories)
    cells = np.searchsorted(categories, codes[:, 0]) * k + np.searchsorted(categories, codes[:, 1])
    return lambda weights: _cohen(np.bincount(cells, weights=weights, minlength=k * k).reshape(k, k).astype(np.float64))


def _cohen(confusion: FloatArray) -> float:
    n = confusion.sum()
    if n == 0:
        return math.nan
    shares = confusion / n
    return _beyond_chance(float(np.trace(shares)), float(shares.sum(axis=1) @ shares.sum(axis=0)))


def _fleiss(table: FloatArray, weights: FloatArray) -> float:
    if not len(table):
        return math.nan
    shares = weights @ table / (weights @ table).sum()
    return _beyond_chance(_observed(table, weights), float(shares @ shares))


def _gwet(table: FloatArray, weights: FloatArray, n_categories: int) -> float:
    if not len(table) or n_categories < 2:
        return math.nan
    shares = weights @ (table / table.sum(axis=1, keepdims=True)) / weights.sum()
    return _beyond_chance(_observed(table, weights), float(shares @ (1 - shares)) / (n_categories - 1))


def _observed(table: FloatArray, weights: FloatArray) -> float:
    """Mean over items of the share of agreeing pairs."""
    m = table.sum(axis=1)
    agreeing = (table * (table - 1)).sum(axis=1) / (m * (m - 1))
    return float(weights @ agreeing / weights.sum())


def _krippendorff(table: FloatArray, weights: FloatArray, categories: FloatArray, scale: Scale) -> float:
    """1 - observed / expected disagreement, from the coincidences o_ck and their margins n_c."""
    per_pair = weights / (table.sum(axis=1) - 1)
    coincidences = (table * per_pair[:, None]).T @ table - np.diag(per_pair @ table)
    margins = coincidences.sum(axis=1)
    distance = _distance(categories, margins, scale)
    expected = float(margins @ distance @ margins) / (margins.sum() - 1) if len(table) else 0.0
    return 1 - float((coincidences * distance).sum()) / expected if expected > 0 else math.nan


def _distance(categories: FloatArray, margins: FloatArray, scale: Scale) -> FloatArray:
    """Squared difference of two categories, shape (K, K)."""
    if scale == "nominal":
        return 1.0 - np.eye(len(categories))
    if scale == "interval":
        return np.square(categories[:, None] - categories[None, :])
    ranks = np.cumsum(margins) - margins / 2
    return np.square(ranks[:, None] - ranks[None, :])


def _beyond_chance(observed: float, expected: float) -> float:
    return (observed - expected) / (1 - expected) if expected < 1 - 1e-12 else math.nan


def _interval(
    compute: Callable[[FloatArray], float], n_items: int, rng: np.random.Generator, n_resamples: int, level: float
) -> Interval:
    if n_items == 0:
        return Interval(math.nan, math.nan, "bootstrap over items", level)
    draws = [compute(row) for chunk in resampled_weights(n_items, n_resamples, rng) for row in chunk]
    return percentile_interval(np.array(draws), "bootstrap over items", level)


def _tabulate(codes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The categories in use, rising, and how often each item got each: shape (n_items, K)."""
    categories = np.unique(codes[~np.isnan(codes)])
    table = np.column_stack([(codes == category).sum(axis=1) for category in categories] or [np.empty(len(codes))])
    return categories, table.astype(np.float64)


def _usable(codes: FloatArray, statistic: Statistic) -> NDArray[np.bool_]:
    n_ratings = (~np.isnan(codes)).sum(axis=1)
    fewest = codes.shape[1] if statistic in ("cohen", "fleiss") else 2
    return np.asarray(n_ratings >= max(2, fewest))


def _check(ratings: ArrayLike) -> FloatArray:
    codes = np.asarray(ratings, dtype=np.float64)
    if codes.ndim != 2:
        raise ValueError(f"ratings: expected shape (n_items, n_raters), found {codes.shape}.")
    if np.isinf(codes).any():
        raise ValueError("ratings: expected finite codes, nan where missing; found an infinite one.")
    return codes


def _check_n_labels(n_labels: int | None, n_used: int) -> int:
    if n_labels is not None and n_labels < n_used:
        raise ValueError(f"n_labels: {n_used} categories are in use, found n_labels = {n_labels}.")
    return n_used if n_labels is None else n_labels
