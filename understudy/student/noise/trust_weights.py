"""Weights from trust: a label counts as much as it is likely to be right, and never nothing."""

from __future__ import annotations

import numpy as np

from understudy.student.noise.labels import FloatArray

FLOOR = 0.2


def trust_weights(trust: FloatArray, floor: float = FLOOR) -> FloatArray:
    """Trust between `floor` and 1, shape (n,).

    Raises
    ------
    ValueError
        If floor is not in [0, 1].

    Examples
    --------
    >>> trust_weights(np.array([0.1, 0.9]))
    array([0.2, 0.9])
    """
    if not 0 <= floor <= 1:
        raise ValueError(f"floor: expected a number in [0, 1], found {floor}.")
    return np.clip(trust, floor, 1.0)
