"""Whether a labeller errs more often on some groups of documents, and a student more so than its teacher.

Needs human labels: without them a difference in predictions is no difference in errors. It says nothing about why.

References
----------
Newcombe (1998), Statistics in Medicine 17 (interval of a difference of proportions, method 10); Holm (1979),
Scandinavian Journal of Statistics 6; Efron and Tibshirani (1993), An Introduction to the Bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from understudy.evaluation.comparison import holm
from understudy.evaluation.counts import BoolArray
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, N_RESAMPLES, Interval, percentile_interval, wilson

FEWEST_IN_CELL = 30
"""Documents that a rate is about, in a group and outside it; below, no verdict is given."""

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class GroupGap:
    """One error rate of one group against all other documents.

    Attributes
    ----------
    group : its name.
    error : what is counted, such as ``false positives``.
    n, n_others : documents that the rate is about, in the group and outside.
    rate, rate_others : share of errors; nan without documents.
    interval : of rate minus rate_others (Newcombe); undefined if refused.
    p_value : of no difference (Fisher's exact test), corrected by Holm over all groups; nan if refused.
    refusal : "" if there are enough documents.
    """

    group: str
    error: str
    n: int
    n_others: int
    rate: float
    rate_others: float
    interval: Interval
    p_value: float = math.nan
    refusal: str = ""

    @property
    def gap(self) -> float:
        """How much higher the group's rate is; nan if a side has no documents."""
        return self.rate - self.rate_others

    @property
    def is_harmed(self) -> bool:
        """Whether the group's rate is higher beyond chance."""
        return self.gap > 0 and self.p_value < SIGNIFICANT

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "group": self.group,
            "error": self.error,
            "n": self.n,
            "n_others": self.n_others,
            "rate": finite_or_none(self.rate),
            "rate_others": finite_or_none(self.rate_others),
            "gap": finite_or_none(self.gap),
            "gap_interval": self.interval.to_json(),
            "p_value": finite_or_none(self.p_value),
            "refusal": self.refusal,
        }


def audit_groups(
    errors: ArrayLike, groups: Sequence[str | None], *, error: str = "errors", level: float = LEVEL
) -> tuple[GroupGap, ...]:
    """Each group's error rate against that of all other documents with a group.

    Parameters
    ----------
    errors : bool, shape (n,): whether the labeller errs. For false positives hand over only documents that lack the
        label, for false negatives only those that have it.
    groups : n names; documents without one are left out.

    Returns
    -------
    tuple of GroupGap
        By name; refused below 30 documents in the group or outside it.

    Raises
    ------
    ValueError
        If there is not one group per document.

    Examples
    --------
    >>> found = audit_groups([True] * 20 + [False] * 80, ["a"] * 40 + ["b"] * 60)
    >>> [(gap.group, round(gap.gap, 2), gap.is_harmed) for gap in found]
    [('a', 0.5, True), ('b', -0.5, False)]
    """
    wrong = np.asarray(errors, dtype=bool)
    if wrong.shape != (len(groups),):
        raise ValueError(f"groups: expected {wrong.shape[0]} names, one per document, found {len(groups)}.")
    named = np.array([group is not None for group in groups], dtype=bool)
    names = np.array([group or "" for group in groups], dtype=object)
    found = [_gap(wrong, names == name, named, name, error, level) for name in sorted(set(names[named]))]
    return _corrected(found)


def newcombe(errors: int, n: int, errors_others: int, n_others: int, level: float = LEVEL) -> Interval:
    """Interval of the difference of two independent shares, from their Wilson intervals; undefined where one is.

    Examples
    --------
    >>> interval = newcombe(56, 70, 48, 80)  # Newcombe's first example
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.0524, 0.3339)
    """
    one, other = wilson(errors, n, level), wilson(errors_others, n_others, level)
    if not (one.is_defined and other.is_defined):
        return Interval(math.nan, math.nan, "Newcombe", level)
    a, b = errors / n, errors_others / n_others
    below = math.hypot(a - one.low, other.high - b)
    above = math.hypot(one.high - a, b - other.low)
    return Interval(a - b - below, a - b + above, "Newcombe", level)


@dataclass(frozen=True, slots=True)
class Amplification:
    """How much wider a group's gap is in the student than in its teacher; above 0 the student makes it worse."""

    group: str
    teacher_gap: float
    student_gap: float
    interval: Interval

    @property
    def difference(self) -> float:
        """Student's gap minus teacher's."""
        return self.student_gap - self.teacher_gap


def amplification(
    teacher_errors: ArrayLike,
    student_errors: ArrayLike,
    groups: Sequence[str | None],
    rng: np.random.Generator,
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
) -> tuple[Amplification, ...]:
    """Gaps of teacher and student on the same documents, for every group with 30 documents inside and outside.

    Paired bootstrap within the group and within the others.

    Parameters
    ----------
    teacher_errors, student_errors : bool, shape (n,).
    groups : n names; documents without one are left out.

    Raises
    ------
    ValueError
        If shapes differ.
    """
    errors = np.column_stack([np.asarray(student_errors, dtype=float), np.asarray(teacher_errors, dtype=float)])
    if len(errors) != len(groups):
        raise ValueError(f"groups: expected {len(errors)} names, one per document, found {len(groups)}.")
    names = sorted({group for group in groups if group is not None})
    found = []
    for name in names:
        inside = np.array([group == name for group in groups])
        outside = np.array([group is not None and group != name for group in groups])
        if min(inside.sum(), outside.sum()) >= FEWEST_IN_CELL:
            gaps = errors[inside].mean(axis=0) - errors[outside].mean(axis=0)
            change = errors[:, 0] - errors[:, 1]
            draws = _resampled_mean(change[inside], n_resamples, rng) - _resampled_mean(
                change[outside], n_resamples, rng
            )
            interval = percentile_interval(draws, "paired bootstrap", level)
            found.append(Amplification(name, float(gaps[1]), float(gaps[0]), interval))
    return tuple(found)


def flip_rate(before: Sequence[Any], after: Sequence[Any]) -> Interval:
    """Wilson interval of the share of texts whose label changes when only a name or a dialect is swapped.

    Parameters
    ----------
    before, after : labels of the same texts, before and after the swap; no human label is needed.
    """
    pairs = list(zip(before, after, strict=True))
    return wilson(sum(one != other for one, other in pairs), len(pairs))


def _gap(wrong: BoolArray, inside: BoolArray, named: BoolArray, name: str, error: str, level: float) -> GroupGap:
    outside = named & ~inside
    n, n_others = int(inside.sum()), int(outside.sum())
    k, k_others = int(wrong[inside].sum()), int(wrong[outside].sum())
    rate, rate_others = k / n, k_others / n_others if n_others else math.nan
    if min(n, n_others) < FEWEST_IN_CELL:
        undefined = Interval(math.nan, math.nan, "Newcombe", level)
        reason = f"{n} documents in the group and {n_others} outside; a verdict needs {FEWEST_IN_CELL} of each"
        return GroupGap(name, error, n, n_others, rate, rate_others, undefined, refusal=reason)
    p_value = float(stats.fisher_exact([[k, n - k], [k_others, n_others - k_others]]).pvalue)
    interval = newcombe(k, n, k_others, n_others, level)
    return GroupGap(name, error, n, n_others, rate, rate_others, interval, p_value)


def _corrected(gaps: Sequence[GroupGap]) -> tuple[GroupGap, ...]:
    tested = [gap for gap in gaps if not gap.refusal]
    corrected = iter(holm([gap.p_value for gap in tested]))
    return tuple(gap if gap.refusal else replace(gap, p_value=float(next(corrected))) for gap in gaps)


def _resampled_mean(values: np.ndarray[Any, Any], n_resamples: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Bootstrap means of values in {-1, 0, 1}."""
    kinds, counts = np.unique(values, return_counts=True)
    return np.asarray(rng.multinomial(len(values), counts / len(values), size=n_resamples) @ kinds / len(values))
