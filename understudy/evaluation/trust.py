"""Trust: the calibrated probability that the teacher's value is right, learned from gold; says nothing about who errs.

References
----------
Platt (1999), Advances in Large Margin Classifiers (smoothed targets); Barlow et al. (1972), Statistical Inference under
Order Restrictions (isotonic regression); Peduzzi et al. (1996), Journal of Clinical Epidemiology 49 (events for each
variable).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit

from understudy.evaluation.counts import BoolArray, FloatArray
from understudy.evaluation.resampling import group_index

IntArray = NDArray[np.intp]

FEWEST_GOLD, FEWEST_ERRORS = 100, 20
"""Below so many gold documents, or right or wrong ones among them, only the essential features are used."""

ISOTONIC_ABOVE = 500
"""Gold documents above which a monotone curve may replace the logistic one, if it predicts better."""

N_FOLDS = 5
RIDGE = 3.0
"""Penalty on squared slopes, against the summed log-loss: scikit-learn's C is its inverse. From 100 gold documents on
(recorded labels of media_bias_babe, four models) 3 predicts at least as well as 1, 10 and 30 in nearly all cases."""

PRIOR = 1.0
"""Right and wrong documents of average features that are added to the data: a uniform Beta prior on the base rate."""

N_STEPS, SMALLEST_GAIN = 50, 1e-10


@dataclass(frozen=True, eq=False)
class TrustModel:
    """Features of an annotation to the probability that it is right.

    Attributes
    ----------
    columns : the features in use, as columns of the array that was fitted.
    is_isotonic : whether a monotone curve replaces the logistic one.
    n, n_right : gold documents it was fitted on, and those of them that the teacher had right.
    out_of_fold : array of shape (n,): for each of them the trust that a model gives which did not see it, nor its
        group. Figures about these documents must use it.
    """

    columns: tuple[int, ...]
    n: int
    n_right: int
    out_of_fold: FloatArray
    _rule: _Rule

    @property
    def is_isotonic(self) -> bool:
        """Whether a monotone curve replaces the logistic one."""
        return self._rule.curve is not None

    def predict(self, features: ArrayLike) -> FloatArray:
        """Trust of shape (m,), in [0, 1], for features of shape (m, f) as in `fit_trust`."""
        return self._rule.predict(_check_features(features)[:, list(self.columns)])


def fit_trust(
    features: ArrayLike,
    correct: ArrayLike,
    rng: np.random.Generator,
    *,
    essential: Sequence[int] | None = None,
    groups: Sequence[str | None] | None = None,
) -> TrustModel:
    """Learn from gold when the teacher is right.

    Logistic regression with an L2 penalty on standardised features (those of 0 and 1 are only centred); a missing
    feature counts as average, and that it is missing as a feature of its own. One right and one wrong document of
    average features are added, so that a teacher without an error gets (n + 1) / (n + 2) and features that say nothing
    give the smoothed base rate. Above 500 documents isotonic regression of the same score takes over if its
    cross-validated Brier score is lower by more than a standard error.

    Parameters
    ----------
    features : array of shape (n, f), n >= 1; nan where missing.
    correct : array of shape (n,), 0 or 1: whether the teacher's value is the human one.
    rng : draws the folds.
    essential : columns to use where there are fewer than 100 documents, or fewer than 20 right or wrong ones; all if
        not given.
    groups : n names; documents of one group are in one fold. None is a group of its own.

    Raises
    ------
    ValueError
        If shapes do not fit, a feature is infinite, or `correct` is neither 0 nor 1.

    Examples
    --------
    >>> model = fit_trust([[0.0], [0.0], [1.0], [1.0]], [1, 1, 1, 1], np.random.default_rng(0))
    >>> model.predict([[0.5]]).round(3)  # (4 + 1) / (4 + 2)
    array([0.833])
    """
    table, right = _check_features(features), np.asarray(correct, dtype=np.float64)
    if right.shape != (len(table),) or not len(table):
        raise ValueError(f"correct: expected one number for each of {len(table)} > 0 rows, found shape {right.shape}.")
    if not np.isin(right, (0, 1)).all():
        raise ValueError("correct: expected 0 or 1, found another number.")
    units = group_index(groups, len(table))
    columns = _columns(table.shape[1], right, essential)
    used = table[:, list(columns)]
    out_of_fold = np.empty(len(right))
    for fold in _folds(right, units, rng):
        out_of_fold[fold] = _learn(used[~fold], right[~fold], units[~fold], rng).predict(used[fold])
    rule = _learn(used, right, units, rng)
    return TrustModel(columns, len(right), int(right.sum()), out_of_fold, rule)


@dataclass(frozen=True, eq=False)
class _Scaling:
    """How features become columns of mean 0 and spread 1; `gaps` has those whose absence is a column, too.

    0 and 1 stay that far apart (Gelman 2008, Statistics in Medicine 27), so that a rare label does not weigh more.
    """

    centre: FloatArray
    scale: FloatArray
    gaps: IntArray

    @classmethod
    def of(cls, table: FloatArray) -> _Scaling:
        missing = np.isnan(table)
        gaps = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0))
        extended = np.column_stack([table, missing[:, gaps]])
        known = ~np.isnan(extended)
        n_known = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, extended, 0).sum(axis=0) / n_known
        spread = np.sqrt(np.where(known, (extended - centre) ** 2, 0).sum(axis=0) / n_known)
        is_constant = spread <= 1e-9 * np.maximum(1, np.abs(centre))
        is_indicator = (~known | np.isin(extended, (0, 1))).all(axis=0)
        return cls(centre, np.where(is_constant, np.inf, np.where(is_indicator, 1, spread)), gaps)

    def design(self, table: FloatArray) -> FloatArray:
        """Rows of an intercept, the scaled features, and which are missing."""
        extended = np.column_stack([table, np.isnan(table)[:, self.gaps]])
        scaled = np.nan_to_num((extended - self.centre) / self.scale, nan=0.0)
        return np.column_stack([np.ones(len(table)), scaled])


@dataclass(frozen=True, eq=False)
class _Rule:
    """A logistic regression, and a monotone curve (rising scores, their probabilities) if that predicts better."""

    scaling: _Scaling
    weights: FloatArray
    curve: tuple[FloatArray, FloatArray] | None = None

    def predict(self, table: FloatArray) -> FloatArray:
        score: FloatArray = expit(self.scaling.design(table) @ self.weights)
        if self.curve is None:
            return score
        return np.interp(score, *self.curve)


def _columns(n_features: int, right: FloatArray, essential: Sequence[int] | None) -> tuple[int, ...]:
    rarer = min(right.sum(), len(right) - right.sum())
    if essential is None or (len(right) >= FEWEST_GOLD and rarer >= FEWEST_ERRORS):
        return tuple(range(n_features))
    return tuple(essential)


def _learn(table: FloatArray, right: FloatArray, units: IntArray, rng: np.random.Generator) -> _Rule:
    rule = _regress(table, right)
    if len(right) <= ISOTONIC_ABOVE:
        return rule
    folds = list(_folds(right, units, rng))
    held_out = np.empty(len(right))
    for fold in folds:
        held_out[fold] = _regress(table[~fold], right[~fold]).predict(table[fold])
    if not _curve_wins(held_out, right, folds):
        return rule
    return _Rule(rule.scaling, rule.weights, _curve(held_out, right))


def _regress(table: FloatArray, right: FloatArray) -> _Rule:
    scaling = _Scaling.of(table)
    design = scaling.design(table)
    average = np.zeros((2, design.shape[1]))
    average[:, 0] = 1
    masses = np.concatenate([np.ones(len(right)), [PRIOR, PRIOR]])
    return _Rule(scaling, _newton(np.vstack([design, average]), np.concatenate([right, [1, 0]]), masses))


def _newton(design: FloatArray, targets: FloatArray, masses: FloatArray) -> FloatArray:
    """The minimum of the penalised log-loss, which is strictly convex; a step that does not descend is halved."""
    penalty = np.full(design.shape[1], RIDGE)
    penalty[0] = 0
    weights = np.zeros(design.shape[1])
    loss = _loss(weights, design, targets, masses, penalty)
    for _ in range(N_STEPS):
        p = expit(design @ weights)
        gradient = design.T @ (masses * (p - targets)) + penalty * weights
        curvature = (design * (masses * p * (1 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        while (tried := _loss(weights - step, design, targets, masses, penalty)) > loss and np.abs(step).max() > 1e-12:
            step /= 2
        if tried > loss:
            break
        gain, weights, loss = loss - tried, weights - step, tried
        if gain < SMALLEST_GAIN * (1 + loss):
            break
    return weights


def _loss(
    weights: FloatArray, design: FloatArray, targets: FloatArray, masses: FloatArray, penalty: FloatArray
) -> float:
    scores = design @ weights
    return float(masses @ (np.logaddexp(0, scores) - targets * scores) + 0.5 * penalty @ weights**2)


def _curve_wins(scores: FloatArray, right: FloatArray, folds: Sequence[BoolArray]) -> bool:
    """Whether a curve learned from the other folds lowers the Brier score by more than a standard error."""
    bent = np.empty(len(scores))
    for fold in folds:
        bent[fold] = np.interp(scores[fold], *_curve(scores[~fold], right[~fold]))
    gain = (scores - right) ** 2 - (bent - right) ** 2
    return bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def _curve(scores: FloatArray, right: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Isotonic regression; never nearer to 0 or 1 than (0 + 1) / (n + 2) allows."""
    rising, place = np.unique(scores, return_inverse=True)
    n = np.bincount(place)
    level = isotonic_regression(np.bincount(place, weights=right) / n, weights=n).x
    edge = PRIOR / (len(scores) + 2 * PRIOR)
    return rising, np.clip(level, edge, 1 - edge)


def _folds(right: FloatArray, units: IntArray, rng: np.random.Generator) -> Iterator[BoolArray]:
    """Which rows each fold holds out: whole groups, dealt out by their share of right documents."""
    members = np.unique(units, return_inverse=True)[1]
    size = np.bincount(members)
    share = np.bincount(members, weights=right) / size
    order = rng.permutation(len(size))
    order = order[np.argsort(share[order], kind="stable")]
    fold_of = np.empty(len(size), dtype=np.intp)
    fold_of[order] = np.arange(len(size)) % N_FOLDS
    for fold in range(min(N_FOLDS, len(size))):
        yield fold_of[members] == fold


def _check_features(features: ArrayLike) -> FloatArray:
    table = np.asarray(features, dtype=np.float64)
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError(f"features: expected shape (n, f) with f > 0, found {table.shape}.")
    if np.isinf(table).any():
        raise ValueError("features: expected finite numbers, or nan where missing; found infinity.")
    return table
