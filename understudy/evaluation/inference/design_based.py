"""Design-based supervised learning (DSL): regressions on machine labels, corrected by gold of known chances.

Gold documents may be drawn with unequal chances, as long as every document's chance is known and above 0. Consistent
whatever the machine's mistakes are; better predictions only make the interval shorter.

References
----------
Egami, Hinck, Stewart and Wei (2023), NeurIPS 36; (2024), Sociological Methods & Research. White (1980), Econometrica 48
(sandwich).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from understudy.evaluation.counts import BoolArray, FloatArray
from understudy.evaluation.inference.estimate import Estimate, normal_interval
from understudy.evaluation.inference.newton import solve_convex
from understudy.evaluation.inference.prediction_powered import Kind
from understudy.evaluation.intervals import LEVEL

N_FOLDS = 5
FEWEST_GOLD = 50
"""Gold documents below which predictions are not learned from them, but taken as they are."""


def cross_fitted(
    features: ArrayLike, gold: ArrayLike, probability: ArrayLike, rng: np.random.Generator, n_folds: int = N_FOLDS
) -> FloatArray:
    """Predicted outcome g of every document, from gold documents outside its own fold.

    A ridge regression of the human value on the features, weighted by the inverse chance of being drawn; clipped to
    the range of the gold values.

    Parameters
    ----------
    features : shape (N, p): the machine's label or probability first, then whatever else helps (trust, covariates).
    gold : shape (N,), nan where there is no human value.
    probability : shape (N,), in (0, 1]: chance of each document to be drawn for gold.

    Returns
    -------
    array of shape (N,)
        The first feature itself below 50 gold documents.
    """
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    x, y = np.asarray(features, dtype=np.float64), np.asarray(gold, dtype=np.float64)
    drawn = ~np.isnan(y)
    if drawn.sum() < FEWEST_GOLD:
        return np.asarray(x[:, 0])
    scaled, weights = StandardScaler().fit_transform(x), 1 / np.asarray(probability, dtype=np.float64)
    fold = rng.permutation(len(y)) % n_folds
    found = np.empty(len(y))
    for number in range(n_folds):
        rows = drawn & (fold != number)
        found[fold == number] = Ridge().fit(scaled[rows], y[rows], weights[rows]).predict(scaled[fold == number])
    return np.clip(found, y[drawn].min(), y[drawn].max())


def design_based_regression(
    design: ArrayLike,
    gold: ArrayLike,
    predicted: ArrayLike,
    probability: ArrayLike,
    *,
    kind: Kind = "linear",
    names: Sequence[str] | None = None,
    level: float = LEVEL,
) -> tuple[Estimate, ...]:
    """Coefficients of a regression of the human value on covariates, from predictions corrected by gold.

    With the pseudo-outcome ``Y~ = g + R / pi (Y - g)`` it solves ``mean X (h(X b) - Y~) = 0``, h the identity or the
    logistic curve; sandwich standard errors. Without an unlabelled document and with pi = 1 it is the plain regression
    with White's standard errors.

    Parameters
    ----------
    design : shape (N, d): covariates of all documents, a column of ones for an intercept.
    gold : shape (N,), nan where there is no human value.
    predicted : shape (N,): g, as of `cross_fitted`.
    probability : shape (N,), in (0, 1]: chance of each document to be drawn for gold.
    names : d terms; x1, x2, ... without.

    Returns
    -------
    tuple of Estimate
        One a column; `tuning` is nan.

    Raises
    ------
    ValueError
        If shapes do not fit, a chance is not in (0, 1], there is no gold, or the equation has no solution.

    Examples
    --------
    >>> import numpy as np
    >>> gold = [1.0, np.nan, 0.0, np.nan]  # a share: regression on a constant, half of the texts drawn
    >>> found, = design_based_regression(np.ones((4, 1)), gold, [1.0, 1.0, 1.0, 0.0], [0.5] * 4)
    >>> found.value  # pseudo-outcomes 1, 1, 1 + 2 (0 - 1) = -1, 0
    0.25
    """
    x, g = np.asarray(design, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    outcome, drawn = _pseudo_outcome(np.asarray(gold, dtype=np.float64), g, np.asarray(probability, dtype=np.float64))
    if x.ndim != 2 or len(x) != len(outcome):
        raise ValueError(f"design: expected {len(outcome)} rows of covariates, found shape {x.shape}.")
    beta = _solve(x, outcome, kind)
    errors = np.sqrt(np.diag(_sandwich(x, outcome, beta, kind)))
    terms = list(names) if names is not None else [f"x{column + 1}" for column in range(x.shape[1])]
    n = int(drawn.sum())
    return tuple(
        Estimate(term, float(b), float(e), normal_interval(float(b), float(e), "DSL", n, level), n, len(x) - n)
        for term, b, e in zip(terms, beta, errors, strict=True)
    )


def _pseudo_outcome(gold: FloatArray, predicted: FloatArray, probability: FloatArray) -> tuple[FloatArray, BoolArray]:
    drawn = ~np.isnan(gold)
    if not gold.shape == predicted.shape == probability.shape or not drawn.any():
        raise ValueError(
            f"gold: expected gold, predictions and chances of one length, and at least one human value; found "
            f"{gold.shape}, {predicted.shape}, {probability.shape} and {int(drawn.sum())}."
        )
    if np.any((probability <= 0) | (probability > 1)):
        raise ValueError("probability: expected the chance of being drawn in (0, 1] for every document.")
    return predicted + np.where(drawn, np.nan_to_num(gold) - predicted, 0.0) / probability, drawn


def _solve(x: FloatArray, outcome: FloatArray, kind: Kind) -> FloatArray:
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise ValueError("design: its columns are collinear.")
    if kind == "linear":
        return np.asarray(np.linalg.lstsq(x, outcome, rcond=None)[0])

    def equation(beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        fitted = expit(x @ beta)
        return x.T @ (fitted - outcome) / len(x), (x.T * (fitted * (1 - fitted))) @ x / len(x)

    return solve_convex(equation, x.shape[1])


def _sandwich(x: FloatArray, outcome: FloatArray, beta: FloatArray, kind: Kind) -> FloatArray:
    fitted = x @ beta if kind == "linear" else expit(x @ beta)
    slope = np.ones(len(x)) if kind == "linear" else fitted * (1 - fitted)
    bread = np.linalg.inv((x.T * slope) @ x)
    scores = x * (fitted - outcome)[:, None]
    return np.asarray(bread @ (scores.T @ scores) @ bread)
