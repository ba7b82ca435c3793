"""What the students with a logistic regression share: its strength, its fit on dense or wide features, its arrays.

Makes no features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from understudy.errors import UserError
from understudy.student.logistic import (
    Logistic,
    Problem,
    Strength,
    choose_c,
    fit_logistic,
    stratified_folds,
)
from understudy.student.row_span import span_of

FloatArray = NDArray[np.float64]

MOST_IN_SPAN = 3000
"""Rows of wide features among which C is chosen: their inner products are kept."""


EXACT = ("intercepts", "c")
"""Arrays that are always kept in double precision."""


@dataclass(frozen=True)
class Search:
    """How C is chosen: values to try, folds of the cross-validation, seed of the folds."""

    c: Sequence[float]
    folds: int
    seed: int


@dataclass(frozen=True)
class Regression:
    """A fitted regression and how its strength was found.

    Attributes
    ----------
    strength : `held_out` has one row a training row, nan for those that were never held out.
    """

    logistic: Logistic
    strength: Strength

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a student's folder keeps of it."""
        return {
            "coefficients": self.logistic.coefficients,
            "intercepts": self.logistic.intercepts,
            "c": self.strength.c,
            "cv_losses": self.strength.losses,
        }


def learn_regression(problem: Problem, search: Search) -> Regression:
    """Choose C by cross-validation and fit; wide features are computed in the span of their rows while they are few.

    Of more than `MOST_IN_SPAN` wide rows a random part chooses C. One thread of linear algebra: the matrices of one
    step are so small that a second thread mostly waits, and spins while it waits.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        return _learned(problem, search, np.random.default_rng(search.seed))


def _learned(problem: Problem, search: Search, rng: np.random.Generator) -> Regression:
    if isinstance(problem.features, np.ndarray):
        strength = _strength(problem, search, rng)
        return Regression(fit_logistic(problem, strength.c), strength)
    if len(problem.targets) <= MOST_IN_SPAN:
        return _in_span(problem, search, rng)
    chosen = np.sort(rng.permutation(len(problem.targets))[:MOST_IN_SPAN])
    part = _in_span(problem.rows(chosen), search, rng)
    held_out = np.full(problem.targets.shape, np.nan)
    held_out[chosen] = part.strength.held_out
    fitted = fit_logistic(problem, part.strength.c, part.logistic)
    return Regression(_rounded(fitted), part.strength._replace(held_out=held_out))


def packed(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays with wide coefficients in single precision: half the size on disk."""
    return {name: array if name in EXACT else array.astype(np.float32) for name, array in arrays.items()}


def restored_regression(
    arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int], *, is_exclusive: bool
) -> Regression:
    """The regression from a folder's arrays.

    Parameters
    ----------
    shape : (K, d).

    Raises
    ------
    UserError
        If an array is missing, of another shape, or holds nan.
    """
    n_labels = shape[0]
    for name, expected in {"coefficients": shape, "intercepts": (n_labels,), "c": (n_labels,)}.items():
        if name not in arrays or arrays[name].shape != expected or np.isnan(arrays[name]).any():
            raise UserError(
                f"model.safetensors: `{name}` is missing, not a number, or not of shape {expected}.",
                "The student's folder is damaged; train it again.",
            )
    logistic = Logistic(arrays["coefficients"].astype(np.float64), arrays["intercepts"], is_exclusive)
    losses = arrays.get("cv_losses", np.zeros((0, n_labels)))
    return Regression(logistic, Strength(arrays["c"], losses, np.zeros((0, n_labels))))


def paired_gain(losses: FloatArray, others: FloatArray) -> tuple[float, float]:
    """How much lower the other losses are, in the mean, and the standard error of that; nan for fewer than two pairs.

    Pairs with a nan do not count.
    """
    gains = (losses - others)[np.isfinite(losses) & np.isfinite(others)]
    if len(gains) < 2:
        return float("nan"), float("nan")
    return float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))


def _in_span(problem: Problem, search: Search, rng: np.random.Generator) -> Regression:
    span = span_of(problem.features)
    inside = Problem(span.coordinates, problem.targets, problem.weights, problem.is_exclusive)
    strength = _strength(inside, search, rng)
    return Regression(_rounded(span.widen(fit_logistic(inside, strength.c), problem.features)), strength)


def _strength(problem: Problem, search: Search, rng: np.random.Generator) -> Strength:
    return choose_c(problem, search.c, stratified_folds(problem.targets, search.folds, rng))


def _rounded(model: Logistic) -> Logistic:
    """With coefficients as `packed` keeps them, so that a reloaded student is the same."""
    return Logistic(model.coefficients.astype(np.float32).astype(np.float64), model.intercepts, model.is_exclusive)
