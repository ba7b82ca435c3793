"""Dense and sparse columns of one regression, each multiplied in its own way. Learns nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class SideBySide:
    """A matrix of shape (n, d + s).

    Parameters
    ----------
    dense : shape (n, d).
    sparse : scipy CSR array of shape (n, s).
    """

    __array_ufunc__ = None
    """Leaves products with arrays at the left to this class."""

    def __init__(self, dense: FloatArray, sparse: Any) -> None:
        self._dense = dense
        self._sparse = sparse
        self.shape = (len(dense), dense.shape[1] + sparse.shape[1])

    def __getitem__(self, rows: Any) -> SideBySide:
        return SideBySide(self._dense[rows], self._sparse[rows])

    def __matmul__(self, right: FloatArray) -> FloatArray:
        d = self._dense.shape[1]
        return np.asarray(self._dense @ right[:d] + self._sparse @ right[d:])

    def __rmatmul__(self, left: FloatArray) -> FloatArray:
        return np.hstack([left @ self._dense, left @ self._sparse])

    def inner_products(self) -> FloatArray:
        """Of every row with every other, shape (n, n)."""
        return np.asarray(self._dense @ self._dense.T + (self._sparse @ self._sparse.T).toarray())
