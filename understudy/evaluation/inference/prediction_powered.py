"""Prediction-powered inference (PPI++): estimates from many machine labels, corrected by a random sample of gold.

Assumes that the gold documents are a simple random sample of the population that the machine labelled, and that the
machine was not changed after seeing them. The machine's mistakes may be as many and as one-sided as they like; they
cost width, not coverage.

References
----------
Angelopoulos, Bates, Fannjiang, Jordan and Zrnic (2023), Science 382 (PPI); Angelopoulos, Duchi and Zrnic (2023),
arXiv 2311.01453 (PPI++). Figures agree with the authors' package ppi-python to 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from understudy.evaluation.counts import FloatArray
from understudy.evaluation.inference.estimate import Estimate, Share, normal_interval
from understudy.evaluation.inference.newton import solve_convex
from understudy.evaluation.intervals import LEVEL, Interval, wilson

FEWEST_OF_A_KIND = 12
"""Gold documents with, and without, the label; below, normal intervals cover too little (`benchmarks/coverage.py`)."""

N_TUNINGS = 2

Kind = Literal["linear", "logistic"]


def powered_mean(
    gold: ArrayLike, on_gold: ArrayLike, on_rest: ArrayLike, *, name: str = "mean", level: float = LEVEL
) -> Estimate:
    """PPI++ estimate of a mean.

    ``theta = lam mean(f_rest) + mean(Y - lam f_gold)``, with the weight lam that makes the variance
    ``lam^2 Var(f_rest) / N + Var(Y - lam f_gold) / n`` smallest, within [0, 1].

    Parameters
    ----------
    gold : shape (n,), n >= 2: human values Y.
    on_gold : shape (n,): what the machine says about the same documents.
    on_rest : shape (N,), N >= 2: what it says about documents without a human value.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is not finite.

    Examples
    --------
    >>> found = powered_mean([1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0])
    >>> round(found.value, 3), round(found.tuning, 3)  # 0.5 from gold alone; the rest look like the gold texts
    (0.5, 0.407)
    """
    y, f, rest = _vector(gold, "gold"), _vector(on_gold, "on_gold"), _vector(on_rest, "on_rest")
    _refuse_unpaired(y, f)
    lam = _tuning(-(y - y.mean())[:, None], -(f - f.mean())[:, None], -(rest - rest.mean())[:, None], np.eye(1))
    value = float(lam * rest.mean() + (y - lam * f).mean())
    error = math.sqrt((lam * rest).var() / len(rest) + (y - lam * f).var() / len(y))
    return Estimate(name, value, error, normal_interval(value, error, "PPI++", len(y), level), len(y), len(rest), lam)


def powered_share(
    gold: ArrayLike, on_gold: ArrayLike, on_rest: ArrayLike, *, name: str = "share", level: float = LEVEL
) -> Share:
    """The share of a label in the population, by `powered_mean`; from gold alone where gold is too small to correct.

    Parameters
    ----------
    gold : bool or 0/1, shape (n,): whether people give the label.
    on_gold, on_rest : in [0, 1], shapes (n,) and (N,): whether the machine gives it, or how probable it finds it.

    Returns
    -------
    Share
        Refused, and from gold alone by Wilson, below 12 gold documents with or 12 without the label; clipped to [0, 1].
    """
    y = _vector(gold, "gold")
    alone, naive = gold_only_share(y, name=name, level=level), naive_share(on_gold, on_rest, name=name, level=level)
    fewest = int(min(y.sum(), len(y) - y.sum()))
    if fewest < FEWEST_OF_A_KIND:
        reason = (
            f"only {fewest} of {len(y)} gold texts are of the rarer kind (with or without `{name}`); "
            f"a correction needs {FEWEST_OF_A_KIND}"
        )
        return Share(alone, naive, alone, reason)
    powered = powered_mean(y, on_gold, on_rest, name=name, level=level)
    return Share(_within_0_and_1(powered), naive, alone)


def gold_only_share(gold: ArrayLike, *, name: str = "share", level: float = LEVEL) -> Estimate:
    """The share among gold documents with Wilson's interval."""
    y = _vector(gold, "gold")
    value = float(y.mean())
    return Estimate(name, value, math.sqrt(value * (1 - value) / len(y)), wilson(y.sum(), len(y), level), len(y))


def naive_share(on_gold: ArrayLike, on_rest: ArrayLike, *, name: str = "share", level: float = LEVEL) -> Estimate:
    """The share among all machine labels, as if they were true: its interval covers the truth by luck only."""
    f = np.concatenate([_vector(on_gold, "on_gold"), _vector(on_rest, "on_rest")])
    value = float(f.mean())
    error = float(f.std() / math.sqrt(len(f)))
    naive = Estimate(name, value, error, normal_interval(value, error, "naive", len(f), level), 0, len(f))
    return _within_0_and_1(naive)


def difference(first: Estimate, second: Estimate, *, name: str = "difference", method: str = "") -> Estimate:
    """First minus second, of two groups without a document in common.

    Parameters
    ----------
    method : how the interval is called; that of the first without one.

    Examples
    --------
    >>> from understudy.evaluation import Interval
    >>> one = Estimate("a", 0.5, 0.03, Interval(0.44, 0.56, "PPI++"), 100)
    >>> other = Estimate("b", 0.3, 0.04, Interval(0.22, 0.38, "PPI++"), 100)
    >>> round(difference(one, other).standard_error, 3)
    0.05
    """
    value = first.value - second.value
    error = math.hypot(first.standard_error, second.standard_error)
    n = min(each.n_gold or each.n_machine for each in (first, second))
    interval = normal_interval(value, error, method or first.interval.method, n, first.interval.level)
    return Estimate(name, value, error, interval, first.n_gold + second.n_gold, first.n_machine + second.n_machine)


def powered_regression(
    design: ArrayLike,
    gold: ArrayLike,
    on_gold: ArrayLike,
    design_rest: ArrayLike,
    on_rest: ArrayLike,
    *,
    kind: Kind = "linear",
    names: Sequence[str] | None = None,
    level: float = LEVEL,
) -> tuple[Estimate, ...]:
    """PPI++ estimates of the coefficients of a regression of the human value on covariates.

    Minimises ``lam mean l(X_rest, f_rest) - lam mean l(X, f) + mean l(X, Y)`` with the squared or the logistic loss l;
    robust (sandwich) standard errors. lam is tuned at the estimate for lam = 1, and
    once more at the estimate that it gives.

    Parameters
    ----------
    design : shape (n, d), n > d: covariates of the gold documents, a column of ones for an intercept.
    gold, on_gold : shape (n,), in [0, 1] for the logistic kind.
    design_rest, on_rest : shapes (N, d) and (N,) of the other documents.
    names : d terms; x1, x2, ... without.

    Returns
    -------
    tuple of Estimate
        One a column.

    Raises
    ------
    ValueError
        If shapes do not fit, or columns are collinear.
    """
    data = _Data(
        _matrix(design), _vector(gold, "gold"), _vector(on_gold, "on_gold"), _matrix(design_rest),
        _vector(on_rest, "on_rest"), kind,
    )  # fmt: skip
    terms = list(names) if names is not None else [f"x{column + 1}" for column in range(data.x.shape[1])]
    lam = 1.0
    for _ in range(N_TUNINGS):
        lam = _tuning(*data.gradients(data.solve(lam)))
    beta = data.solve(lam)
    own, machine, rest, bread = data.gradients(beta)
    n, n_rest = len(own), len(rest)
    meat = n / n_rest * np.cov(lam * rest.T).reshape(bread.shape) + np.cov((own - lam * machine).T).reshape(bread.shape)
    errors = np.sqrt(np.diag(bread @ meat @ bread) / n)
    return tuple(
        Estimate(term, float(b), float(e), normal_interval(float(b), float(e), "PPI++", n, level), n, n_rest, lam)
        for term, b, e in zip(terms, beta, errors, strict=True)
    )


class _Data:
    """A regression's data, with its estimating equation."""

    def __init__(self, x: FloatArray, y: FloatArray, f: FloatArray, x_rest: FloatArray, f_rest: FloatArray, kind: Kind):
        _refuse_unpaired(y, f)
        if len(x) != len(y) or len(x_rest) != len(f_rest) or x.shape[1] != x_rest.shape[1]:
            raise ValueError(
                f"design: shapes {x.shape} and {x_rest.shape} do not fit {len(y)} and {len(f_rest)} values."
            )
        if np.linalg.matrix_rank(x) < x.shape[1]:
            raise ValueError("design: its columns are collinear among the gold documents.")
        self.x, self.y, self.f, self.x_rest, self.f_rest, self.kind = x, y, f, x_rest, f_rest, kind

    def mean(self, x: FloatArray, beta: FloatArray) -> FloatArray:
        """Expected outcome under the model."""
        linear = x @ beta
        return linear if self.kind == "linear" else np.asarray(expit(linear))

    def gradients(self, beta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Gradients by document for (X, Y), (X, f) and the rest, and the inverse of the mean Hessian."""
        fitted, fitted_rest = self.mean(self.x, beta), self.mean(self.x_rest, beta)
        slopes = [np.ones(len(m)) if self.kind == "linear" else m * (1 - m) for m in (fitted, fitted_rest)]
        hessian = (self.x.T * slopes[0]) @ self.x + (self.x_rest.T * slopes[1]) @ self.x_rest
        return (
            self.x * (fitted - self.y)[:, None],
            self.x * (fitted - self.f)[:, None],
            self.x_rest * (fitted_rest - self.f_rest)[:, None],
            np.asarray(np.linalg.inv(hessian / (len(self.x) + len(self.x_rest))), dtype=np.float64),
        )

    def solve(self, lam: float) -> FloatArray:
        """The coefficients for a weight."""
        if self.kind == "linear":
            imputed = np.linalg.lstsq(self.x_rest, lam * self.f_rest, rcond=None)[0]
            return np.asarray(imputed + np.linalg.lstsq(self.x, self.y - lam * self.f, rcond=None)[0])
        return solve_convex(lambda beta: self._equation(beta, lam), self.x.shape[1])

    def _equation(self, beta: FloatArray, lam: float) -> tuple[FloatArray, FloatArray]:
        """Gradient and Hessian of the logistic loss; convex because lam is at most 1."""
        fitted, rest = self.mean(self.x, beta), self.mean(self.x_rest, beta)
        n, n_rest = len(self.y), len(self.f_rest)
        gradient = self.x.T @ ((fitted - self.y) - lam * (fitted - self.f)) / n
        gradient = gradient + lam * self.x_rest.T @ (rest - self.f_rest) / n_rest
        hessian = (1 - lam) / n * (self.x.T * (fitted * (1 - fitted))) @ self.x
        hessian = hessian + lam / n_rest * (self.x_rest.T * (rest * (1 - rest))) @ self.x_rest
        return gradient, hessian


def _tuning(own: FloatArray, machine: FloatArray, rest: FloatArray, bread: FloatArray) -> float:
    """The weight with the smallest summed variance over all coefficients, in [0, 1]; 0 for a constant machine."""
    own_centred, machine_centred = own - own.mean(axis=0), machine - machine.mean(axis=0)
    shared = own_centred.T @ machine_centred / len(own)
    spread = np.cov(np.concatenate([machine, rest]).T).reshape(bread.shape)
    variance = (1 + len(own) / len(rest)) * np.trace(bread @ spread @ bread)
    return float(np.clip(np.trace(bread @ shared @ bread) / variance, 0, 1)) if variance > 0 else 0.0


def _within_0_and_1(estimate: Estimate) -> Estimate:
    interval = estimate.interval
    clipped = Interval(max(0.0, interval.low), min(1.0, interval.high), interval.method, interval.level)
    value = min(max(estimate.value, 0.0), 1.0)
    return Estimate(
        estimate.name, value, estimate.standard_error, clipped, estimate.n_gold, estimate.n_machine, estimate.tuning
    )


def _vector(values: ArrayLike, name: str) -> FloatArray:
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or len(vector) < 2 or not np.isfinite(vector).all():
        raise ValueError(f"{name}: expected at least 2 finite numbers in one row, found shape {vector.shape}.")
    return vector


def _matrix(values: ArrayLike) -> FloatArray:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise ValueError(f"design: expected a matrix of finite numbers, found shape {matrix.shape}.")
    return matrix


def _refuse_unpaired(gold: FloatArray, on_gold: FloatArray) -> None:
    if len(gold) != len(on_gold):
        raise ValueError(f"on_gold: expected {len(gold)} values, one a gold document, found {len(on_gold)}.")
