"""Newton's method for the convex estimating equations of logistic regressions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from understudy.evaluation.counts import FloatArray

N_STEPS = 100
N_HALVINGS = 30
CLOSE = 1e-10

Equation = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def solve_convex(equation: Equation, n_terms: int) -> FloatArray:
    """The root of the gradient of a convex function, from 0, by Newton steps that are halved until they help.

    Parameters
    ----------
    equation : coefficients of shape (d,) to gradient (d,) and Hessian (d, d).

    Raises
    ------
    ValueError
        If there is no root, as where the labels are separable.
    """
    beta = np.zeros(n_terms)
    gradient, hessian = equation(beta)
    for _ in range(N_STEPS):
        if np.abs(gradient).max() < CLOSE:
            return beta
        step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        for halving in range(N_HALVINGS):
            candidate = beta - step / 2**halving
            new_gradient, new_hessian = equation(candidate)
            if np.linalg.norm(new_gradient) < np.linalg.norm(gradient):
                break
        else:
            break
        beta, gradient, hessian = candidate, new_gradient, new_hessian
    if np.abs(gradient).max() < np.sqrt(CLOSE):
        return beta
    raise ValueError("the logistic regression has no solution: too little gold, or labels that a covariate separates.")
