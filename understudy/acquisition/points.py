"""Vectors with distances between them, computed a block at a time. Knows nothing of batches or strategies.

`EmbeddingPoints` are the embeddings themselves. `GradientPoints` are BADGE's gradient embeddings in factorised form:
the gradient of the loss in the last layer is the outer product of r = p - onehot(argmax p) and h, therefore
<g, g'> = <r, r'><h, h'>, and the K * d numbers of a document are never written down.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from understudy.acquisition.pool import Floats, Rows, row_blocks

SAME = 1e-5
"""Squared distances below this share of the squared norms are rounding: the points are the same."""


class Points(Protocol):
    """N vectors known by their inner products."""

    @property
    def squared_norms(self) -> Floats:
        """Shape (N,), >= 0."""

    def inner(self, rows: slice | Rows, others: Rows) -> Floats:
        """Inner products, shape (len(rows), len(others))."""


class EmbeddingPoints:
    """The vectors as they are. Half precision is widened block by block."""

    def __init__(self, embeddings: Floats) -> None:
        self.vectors = embeddings
        self.squared_norms = squared_norms(embeddings)

    def inner(self, rows: slice | Rows, others: Rows) -> Floats:
        """<x_i, x_j>, shape (rows, others)."""
        products: Floats = widen(self.vectors[rows]) @ widen(self.vectors[others]).T
        return products


class GradientPoints:
    """BADGE's gradient embeddings; `residuals` is (N, K), r above."""

    def __init__(self, embeddings: Floats, residuals: Floats) -> None:
        self.embedding_points = EmbeddingPoints(embeddings)
        self.residuals = residuals.astype(self.embedding_points.squared_norms.dtype)
        self.squared_norms = self.embedding_points.squared_norms * squared_norms(self.residuals)

    def inner(self, rows: slice | Rows, others: Rows) -> Floats:
        """<h_i, h_j><r_i, r_j>, shape (rows, others)."""
        return self.embedding_points.inner(rows, others) * (self.residuals[rows] @ self.residuals[others].T)


def residuals(probabilities: Floats, *, is_exclusive: bool = True) -> Floats:
    """Probabilities minus the prediction, (N, K): one-hot of the likeliest label, or every label from 0.5 on."""
    left: Floats = np.array(probabilities, dtype=widened(probabilities.dtype))
    if is_exclusive:
        left[np.arange(len(left)), left.argmax(axis=1)] -= 1
    else:
        left -= left >= 0.5
    return left


def squared_distances(points: Points, rows: slice | Rows, others: Rows) -> Floats:
    """Squared Euclidean distances, (rows, others), >= 0; exactly 0 where only rounding keeps two points apart."""
    scale = points.squared_norms[rows][:, None] + points.squared_norms[others][None, :]
    gap = scale - 2 * points.inner(rows, others)
    gap[gap <= SAME * scale] = 0
    return gap


def lower_to_nearest(points: Points, nearest: Floats, others: Rows) -> None:
    """Lower `nearest`, (N,), in place to the squared distance to the nearest of `others`, in one pass."""
    for group in row_blocks(len(others), 1024):
        for rows in row_blocks(len(nearest)):
            np.minimum(nearest[rows], squared_distances(points, rows, others[group]).min(axis=1), out=nearest[rows])


def squared_norms(vectors: Floats) -> Floats:
    """Squared length of each row, (N,), in one pass; in single precision at least.

    Raises
    ------
    ValueError
        If a number is nan, infinite or so large that its square is.
    """
    norms = np.empty(len(vectors), dtype=widened(vectors.dtype))
    for rows in row_blocks(len(vectors)):
        block = widen(vectors[rows])
        norms[rows] = np.einsum("ij,ij->i", block, block)
    if not np.isfinite(norms).all():
        raise ValueError("embeddings: expected finite numbers, found nan or infinity. Embed those documents again.")
    return norms


def widened(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The precision to compute in: single for half and single, double for double."""
    return np.dtype(np.float64 if dtype.itemsize >= 8 else np.float32)


def widen(block: Floats) -> NDArray[Any]:
    """The block in the precision to compute in; no copy where it has it."""
    return np.asarray(block, dtype=widened(block.dtype))
