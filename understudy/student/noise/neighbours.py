"""Draw each target towards the labels of the nearest texts (the simple half of SiDyP, arXiv 2505.19675)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from understudy.student.noise.labels import FloatArray

N_NEIGHBOURS = 10
SHARE = 0.3
CELLS_AT_ONCE = 4_000_000


def smoothed_by_neighbours(
    vectors: FloatArray, targets: FloatArray, weights: FloatArray, k: int = N_NEIGHBOURS, share: float = SHARE
) -> FloatArray:
    """``(1 - share) * target + share * weighted mean of the k nearest other examples' targets``, shape (n, K).

    Parameters
    ----------
    vectors : shape (n, d), unit vectors; nearness is the cosine.
    targets : shape (n, K).
    weights : shape (n,), >= 0, how much each example says about its neighbours, such as trust.
    k : >= 1; fewer where there are fewer others. An example without others, or whose neighbours all weigh 0, keeps
        its target.
    share : in [0, 1].

    Raises
    ------
    ValueError
        If k or share is out of range.
    """
    if k < 1 or not 0 <= share <= 1:
        raise ValueError(f"expected k >= 1 and share in [0, 1], found {k} and {share}.")
    n = len(targets)
    k = min(k, n - 1)
    if k < 1:
        return targets.copy()
    smoothed = np.empty_like(targets)
    rows_at_once = max(1, CELLS_AT_ONCE // n)
    for start in range(0, n, rows_at_once):
        rows = np.arange(start, min(start + rows_at_once, n))
        nearest = _nearest(vectors, rows, k)
        mass = weights[nearest]
        total = mass.sum(axis=1, keepdims=True)
        around = (mass[:, :, None] * targets[nearest]).sum(axis=1) / np.where(total > 0, total, 1)
        own = targets[rows]
        smoothed[rows] = np.where(total > 0, (1 - share) * own + share * around, own)
    return smoothed


def _nearest(vectors: FloatArray, rows: NDArray[np.intp], k: int) -> NDArray[np.intp]:
    """Positions of the k nearest others of each row, in no order."""
    closeness = vectors[rows] @ vectors.T
    closeness[np.arange(len(rows)), rows] = -np.inf
    return np.argpartition(-closeness, k - 1, axis=1)[:, :k]
