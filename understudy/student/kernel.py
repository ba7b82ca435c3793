"""Vectors as their likeness to some of them, so that a linear classifier of that can bend; knows no labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel

from understudy.errors import UserError

FloatArray = NDArray[np.float64]

MOST_LANDMARKS = 1000
MOST_VECTORS = 50_000
"""More are read as they are: 1,000 numbers for each would not fit into a laptop's memory."""

NEGLIGIBLE = 1e-6
"""Directions with less than this share of the largest one's variance are left out."""

LANDMARKS, BASIS, GAMMA = "kernel.landmarks", "kernel.basis", "kernel.gamma"


@dataclass(frozen=True)
class Kernel:
    """A Gaussian kernel and what it is computed with; kept in single precision, as vectors come.

    Attributes
    ----------
    landmarks : shape (m, d), float32; some of the vectors that it was learned from.
    basis : shape (m, r), float32, r <= m; similarities times it have the kernel as their inner product.
    gamma : > 0; the similarity at distance t is ``exp(-gamma t**2)``.
    """

    landmarks: NDArray[np.float32]
    basis: NDArray[np.float32]
    gamma: float

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.basis.shape[1])

    def features(self, vectors: FloatArray) -> FloatArray:
        """Shape (n, r), for vectors of shape (n, d)."""
        return np.asarray(_similarities(vectors, self.landmarks, self.gamma) @ self.basis.astype(np.float64))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a student's folder keeps of it."""
        return {LANDMARKS: self.landmarks, BASIS: self.basis, GAMMA: np.array([self.gamma])}


def learn_kernel(vectors: FloatArray, rng: np.random.Generator) -> Kernel | None:
    """A kernel as wide as the vectors are spread; landmarks are all vectors, or `MOST_LANDMARKS` drawn by lot.

    Parameters
    ----------
    vectors : shape (n, d), n >= 1.

    Returns
    -------
    Kernel or None
        None where all vectors are the same, or there are more than `MOST_VECTORS`.

    Notes
    -----
    ``gamma`` is one over the vectors' total variance, scikit-learn's ``scale``. Up to `MOST_LANDMARKS` vectors the
    features' inner products are the kernel itself, except for rounding; with more they are Nyström's approximation.

    References
    ----------
    Williams and Seeger (2001), NeurIPS 13 (Nyström).
    """
    spread = float(vectors.var(axis=0).sum())
    if spread <= np.finfo(np.float32).eps or len(vectors) > MOST_VECTORS:
        return None
    drawn = np.sort(rng.permutation(len(vectors))[:MOST_LANDMARKS])
    landmarks = vectors[drawn].astype(np.float32)
    gamma = 1 / spread
    variances, directions = np.linalg.eigh(_similarities(landmarks, landmarks, gamma))
    kept = variances > NEGLIGIBLE * variances[-1]
    basis = directions[:, kept] / np.sqrt(variances[kept])
    return Kernel(landmarks, np.ascontiguousarray(basis, dtype=np.float32), gamma)


def restored_kernel(arrays: Mapping[str, NDArray[Any]], dimension: int) -> Kernel | None:
    """The kernel that `arrays` kept; None where there was none.

    Raises
    ------
    UserError
        If its arrays do not fit together or to vectors of `dimension`, or are not numbers.
    """
    if not {LANDMARKS, BASIS, GAMMA} & set(arrays):
        return None
    landmarks, basis, gamma = (arrays.get(name, np.empty(0)) for name in (LANDMARKS, BASIS, GAMMA))
    fits = basis.ndim == 2 and landmarks.shape == (len(basis), dimension) and gamma.shape == (1,)
    if not (fits and all(np.isfinite(array).all() for array in (landmarks, basis, gamma)) and gamma[0] > 0):
        raise UserError(
            f"model.safetensors: `{LANDMARKS}`, `{BASIS}` and `{GAMMA}` do not fit together, or are not numbers.",
            "The student's folder is damaged; train it again.",
        )
    return Kernel(landmarks.astype(np.float32), basis.astype(np.float32), float(gamma[0]))


def _similarities(vectors: NDArray[Any], landmarks: NDArray[np.float32], gamma: float) -> FloatArray:
    """Shape (n, m), in (0, 1]; double precision whatever comes."""
    return np.asarray(rbf_kernel(vectors.astype(np.float64), landmarks.astype(np.float64), gamma=gamma))
