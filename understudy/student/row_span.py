"""Few rows of many columns, turned into as few columns without changing any inner product. Knows no labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from understudy.student.logistic import Features, Logistic
from understudy.student.side_by_side import SideBySide

FloatArray = NDArray[np.float64]

NEGLIGIBLE = 1e-12
"""Directions with less than this share of the largest one's squared length are rounding."""


@dataclass(frozen=True)
class Span:
    """The space that n rows span: a penalised regression's coefficients never leave it (representer theorem).

    Attributes
    ----------
    coordinates : shape (n, r), r <= n; the rows, their inner products as before.
    directions : shape (r, n); times the rows, an orthonormal basis.
    """

    coordinates: FloatArray
    directions: FloatArray

    def widen(self, model: Logistic, features: Features) -> Logistic:
        """The same model of the original columns; `features` are the rows that the span was made from."""
        return replace(model, coefficients=np.asarray((model.coefficients @ self.directions) @ features))


def span_of(features: Features) -> Span:
    """The span of wide rows of shape (n, d), n >= 1; takes n**2 memory and n**3 time, whatever d is.

    References
    ----------
    Schölkopf, Herbrich and Smola (2001), COLT (the representer theorem).
    """
    lengths, vectors = np.linalg.eigh(_inner_products(features))
    kept = lengths > NEGLIGIBLE * max(1.0, lengths[-1])
    roots = np.sqrt(lengths[kept])
    return Span(np.ascontiguousarray(vectors[:, kept] * roots), np.ascontiguousarray((vectors[:, kept] / roots).T))


def _inner_products(features: Features) -> FloatArray:
    if isinstance(features, SideBySide):
        return features.inner_products()
    return np.asarray((features @ features.T).toarray())
