"""Logistic regression with soft targets and weights, its strength chosen by cross-validation; arrays in, arrays out.

The objective is scikit-learn's: ``C * sum_i w_i loss_i + |W|**2 / 2`` without a penalty on intercepts; multinomial for
exclusive labels (one sigmoid for two), one sigmoid a label otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Features = Any
"""Shape (n, d): a float64 array; or wide, most entries 0: a scipy CSR array, or `SideBySide` of both."""

Loss = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]

EXACT, COARSE = 1e-6, 1e-4
"""Largest gradient entry at the end: of the model that is kept, and of those that only compare values of C."""

MAX_ITERATIONS = 1000
SMALLEST_PROBABILITY = 1e-15
UNDECIDED_C = 1.0


@dataclass(frozen=True)
class Problem:
    """What is learned from.

    Attributes
    ----------
    features : shape (n, d), dense or sparse.
    targets : shape (n, K), in [0, 1].
    weights : shape (n,), > 0.
    is_exclusive : whether rows of targets sum to 1.
    """

    features: Features
    targets: FloatArray
    weights: FloatArray
    is_exclusive: bool

    def rows(self, chosen: NDArray[np.bool_] | IntArray) -> Problem:
        """The same problem with some of the rows."""
        return Problem(self.features[chosen], self.targets[chosen], self.weights[chosen], self.is_exclusive)


@dataclass(frozen=True)
class Logistic:
    """A fitted regression.

    Attributes
    ----------
    coefficients : shape (K, d).
    intercepts : shape (K,); -inf for a label without an example, +inf for an independent label that always holds.
    is_exclusive : whether probabilities of a row sum to 1.
    """

    coefficients: FloatArray
    intercepts: FloatArray
    is_exclusive: bool

    def probabilities(self, features: Features) -> FloatArray:
        """Shape (n, K)."""
        scores = features @ self.coefficients.T + self.intercepts
        result: FloatArray = softmax(scores, axis=1) if self.is_exclusive else expit(scores)
        return result


def fit_logistic(problem: Problem, c: FloatArray, start: Logistic | None = None, tolerance: float = EXACT) -> Logistic:
    """The minimum of the objective.

    Parameters
    ----------
    c : shape (K,), > 0; exclusive labels share the first one.
    start : where to begin; changes only the time it takes.
    tolerance : largest entry of the gradient, per unit of weight, at the end.
    """
    n_labels, n_features = problem.targets.shape[1], problem.features.shape[1]
    columns, intercepts = _free_columns(problem)
    coefficients = np.zeros((n_labels, n_features))
    if len(columns):
        begin = _packed(start, columns, n_features)
        coefficients[columns], intercepts[columns] = _minimise(problem, columns, c, begin, tolerance)
    return Logistic(coefficients, intercepts, problem.is_exclusive)


class Strength(NamedTuple):
    """What cross-validation found.

    Attributes
    ----------
    c : shape (K,), the chosen values.
    losses : shape (number of values, K), mean held-out log-losses by ascending C; nan if nothing was held out.
    held_out : shape (n, K), what was said of each row while it was held out, at the chosen C; nan as above.
    """

    c: FloatArray
    losses: FloatArray
    held_out: FloatArray


def choose_c(problem: Problem, grid: Sequence[float], folds: IntArray) -> Strength:
    """The strength with the smallest held-out log-loss: shared by exclusive labels, of its own for each other label.

    Parameters
    ----------
    grid : values to try, > 0.
    folds : shape (n,), the fold that holds a row out; with fewer than two folds the value nearest to 1 is taken.
    """
    values = np.sort(np.asarray(grid, dtype=np.float64))
    n, n_labels = problem.targets.shape
    if len(np.unique(folds)) < 2:
        nearest = values[np.argmin(np.abs(np.log(values / UNDECIDED_C)))]
        return Strength(
            np.full(n_labels, nearest), np.full((len(values), n_labels), np.nan), np.full((n, n_labels), np.nan)
        )
    said = np.empty((len(values), n, n_labels))
    for fold in np.unique(folds):
        said[:, folds == fold] = _said_of_fold(problem, values, folds == fold)
    losses = np.stack([_mean_losses(opinion, problem) for opinion in said])
    if problem.is_exclusive:
        losses = np.repeat(losses.sum(axis=1, keepdims=True), n_labels, axis=1)
    best = losses.argmin(axis=0)
    return Strength(values[best], losses, said[best, :, np.arange(n_labels)].T)


def log_losses(probabilities: FloatArray, targets: FloatArray, *, is_exclusive: bool) -> FloatArray:
    """Log-loss of every cell, shape (n, K): cross-entropy against soft targets; independent labels count both ways."""
    losses = -targets * np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
    if not is_exclusive:
        losses -= (1 - targets) * np.log(np.maximum(1 - probabilities, SMALLEST_PROBABILITY))
    return losses


def stratified_folds(targets: FloatArray, n_folds: int, rng: np.random.Generator) -> IntArray:
    """A fold in ``range(n_folds)`` for each row, labels spread evenly; fewer folds than asked where rows are few.

    A row counts for the rarest label that it has (at least as likely as not), or else for its likeliest.
    """
    n = len(targets)
    n_folds = max(1, min(n_folds, n // 2))
    frequency = targets.sum(axis=0)
    held = np.where(targets >= np.minimum(targets.max(axis=1, keepdims=True), 0.5), frequency, np.inf)
    stratum = np.where(targets.max(axis=1) > 0, held.argmin(axis=1), targets.shape[1])
    order = rng.permutation(n)
    order = order[np.argsort(stratum[order], kind="stable")]
    folds = np.empty(n, dtype=np.int64)
    folds[order] = np.arange(n) % n_folds
    return folds


def _said_of_fold(problem: Problem, grid: FloatArray, is_held_out: NDArray[np.bool_]) -> FloatArray:
    """Probabilities of the rows held out, shape (len(grid), rows held out, K); each fit starts from the last."""
    training, held_out = problem.rows(~is_held_out), problem.rows(is_held_out)
    said = np.empty((len(grid), *held_out.targets.shape))
    model: Logistic | None = None
    for row, c in enumerate(grid):
        model = fit_logistic(training, np.full(problem.targets.shape[1], c), model, COARSE)
        said[row] = model.probabilities(held_out.features)
    return said


def _mean_losses(said: FloatArray, problem: Problem) -> FloatArray:
    """Weighted mean log-loss of each label, shape (K,)."""
    losses = log_losses(said, problem.targets, is_exclusive=problem.is_exclusive)
    return np.asarray(problem.weights @ losses / problem.weights.sum(), dtype=np.float64)


def _free_columns(problem: Problem) -> tuple[IntArray, FloatArray]:
    """Columns to fit, and the intercepts of the others: two exclusive labels need one column, constant ones none."""
    present = problem.targets.max(axis=0) > 0
    if problem.is_exclusive:
        columns = np.flatnonzero(present)
        return columns[1:] if len(columns) <= 2 else columns, np.where(present, 0.0, -np.inf)
    always = problem.targets.min(axis=0) == 1
    fixed = np.where(always, np.inf, np.where(present, 0.0, -np.inf))
    return np.flatnonzero(present & ~always), fixed


def _packed(start: Logistic | None, columns: IntArray, n_features: int) -> FloatArray:
    if start is None:
        return np.zeros((len(columns), n_features + 1))
    packed = np.column_stack([start.coefficients[columns], start.intercepts[columns]])
    packed[~np.isfinite(packed).all(axis=1)] = 0
    return packed


def _minimise(
    problem: Problem, columns: IntArray, c: FloatArray, start: FloatArray, tolerance: float
) -> tuple[FloatArray, FloatArray]:
    targets, total = problem.targets[:, columns], problem.weights.sum()
    share = (problem.weights / total)[:, None]
    penalty = (1 / (c[columns] * total))[:, None]
    loss = _softmax_loss if problem.is_exclusive and len(columns) > 1 else _sigmoid_loss

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        packed = flat.reshape(start.shape)
        weights = packed[:, :-1]
        losses, residuals = loss(problem.features @ weights.T + packed[:, -1], targets)
        residuals = residuals * share
        gradient = np.column_stack([residuals.T @ problem.features + penalty * weights, residuals.sum(axis=0)])
        return float((losses * share).sum() + 0.5 * (penalty * weights**2).sum()), gradient.ravel()

    options = {"maxiter": MAX_ITERATIONS, "gtol": tolerance, "ftol": 64 * np.finfo(float).eps, "maxls": 50}
    packed = minimize(objective, start.ravel(), method="L-BFGS-B", jac=True, options=options).x.reshape(start.shape)
    return packed[:, :-1], packed[:, -1]


def _softmax_loss(scores: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Losses and their gradients by score, both of shape (n, columns)."""
    log_probabilities = log_softmax(scores, axis=1)
    return -targets * log_probabilities, np.exp(log_probabilities) - targets


def _sigmoid_loss(scores: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Losses and their gradients by score, both of shape (n, columns)."""
    return np.logaddexp(0, scores) - targets * scores, expit(scores) - targets
