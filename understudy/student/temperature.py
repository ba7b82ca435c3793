"""Temperature scaling: probabilities made as sure as they are right, by one number; the ranking of labels stays.

References
----------
Guo, Pleiss, Sun and Weinberger (2017), ICML (temperature scaling).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import expit, logit, logsumexp

FloatArray = NDArray[np.float64]

NEUTRAL = 1.0
COLDEST, HOTTEST = 0.05, 20.0
FEWEST_TEXTS = 50
SMALLEST = 1e-6
"""Probabilities nearer to 0 or 1 count as this far away, so that one text cannot decide alone."""


def temper(probabilities: FloatArray, temperature: float, *, is_exclusive: bool) -> FloatArray:
    """Probabilities as they are after logits are divided by the temperature; unchanged at 1, 0 stays 0.

    Parameters
    ----------
    probabilities : shape (n, K), in [0, 1]; rows sum to 1 if `is_exclusive`.
    temperature : > 0; above 1 makes them less sure.
    """
    if temperature == NEUTRAL:
        return probabilities
    if not is_exclusive:
        return np.asarray(expit(logit(probabilities) / temperature))
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities) / temperature
    return np.asarray(np.exp(logs - logsumexp(logs, axis=1, keepdims=True)))


def fit_temperature(probabilities: FloatArray, truth: FloatArray, *, is_exclusive: bool) -> float:
    """The temperature in [0.05, 20] with the smallest log-loss on documents that were not learned from.

    Parameters
    ----------
    probabilities, truth : shape (n, K); truth 0 or 1.

    Returns
    -------
    float
        1 below 50 documents.
    """
    if len(probabilities) < FEWEST_TEXTS:
        return NEUTRAL

    def loss(log_temperature: float) -> float:
        stated = temper(probabilities, float(np.exp(log_temperature)), is_exclusive=is_exclusive)
        kept = np.clip(stated, SMALLEST, 1 - SMALLEST)
        missed = 0.0 if is_exclusive else (1 - truth) * np.log(1 - kept)
        return -float(np.sum(truth * np.log(kept) + missed))

    found = optimize.minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else NEUTRAL
