"""Leave out the labels on which repeated answers differ too much (Pangakis and Wolken 2024)."""

from __future__ import annotations

import numpy as np

from understudy.student.noise.labels import FloatArray

ROUNDING = 1e-9


def consistent(consistency: FloatArray, threshold: float) -> FloatArray:
    """1 for labels whose consistency reaches the threshold, 0 for the others; shape (n,).

    Parameters
    ----------
    consistency : shape (n,), the share of answers asked for that are equal to the given label.
    threshold : in [0, 1]; 0 keeps every label, 1 those that every answer agrees on.

    Raises
    ------
    ValueError
        If the threshold is out of range.

    Examples
    --------
    >>> consistent(np.array([2 / 3, 1.0]), 0.67)  # 2 of 3 answers are less than 0.67
    array([0., 1.])
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: expected a number in [0, 1], found {threshold}.")
    return (consistency >= threshold - ROUNDING).astype(np.float64)
