"""Generalised cross-entropy: examples that the student finds unlikely pull less.

References
----------
Zhang and Sabuncu (2018), NeurIPS.
"""

from __future__ import annotations

import numpy as np

from understudy.student.noise.labels import BoolArray, FloatArray

Q = 0.7


def generalised_weights(probabilities: FloatArray, given: BoolArray, q: float = Q) -> FloatArray:
    """Weights under which cross-entropy has the gradient of ``(1 - p**q) / q``: ``p**q``, shape (n,).

    Trained, weighed and trained again until nothing changes, a student is where the generalised loss is stationary.

    Parameters
    ----------
    probabilities : shape (n, K).
    given : shape (n, K). p is the probability of exactly these labels: of the one label where labels exclude each
        other, else the geometric mean over labels, so that many labels do not make every example unlikely.
    q : in [0, 1]; 0 is cross-entropy, 1 the mean absolute error.

    Raises
    ------
    ValueError
        If q is out of range.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"q: expected a number in [0, 1], found {q}.")
    if np.all(given.sum(axis=1) == 1):
        of_given: FloatArray = (probabilities * given).sum(axis=1)
    else:
        of_given = np.where(given, probabilities, 1 - probabilities).prod(axis=1) ** (1 / given.shape[1])
    weights: FloatArray = of_given**q
    return weights
