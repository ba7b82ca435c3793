"""What several students said about texts that they had not learned from, and what they would have said together.

Trains nothing and chooses nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.student.base import Examples, Student
from understudy.student.blending import blend_shares, blended
from understudy.student.choice import held_out_weight
from understudy.student.logistic import log_losses

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SMALLEST_SHARE = 0.05
"""Whoever would have less to say is left out."""

N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Opinions:
    """Probabilities by m students for the same texts: gold dev first, then held-out training texts.

    Attributes
    ----------
    said : shape (m, n, K).
    targets : shape (n, K).
    n_dev : how many of the n texts are gold dev.
    is_exclusive : whether labels exclude each other.
    """

    said: FloatArray
    targets: FloatArray
    n_dev: int
    is_exclusive: bool

    def losses(self) -> FloatArray:
        """Log-loss of every student on every text, shape (m, n)."""
        return np.stack([self.losses_of(said) for said in self.said])

    def shares(self) -> FloatArray:
        """Of a joint answer, shape (m,), sum 1; 0 for those that would have next to nothing to say."""
        return self._shares(np.ones(len(self.targets), dtype=np.bool_))

    def joint(self, rng: np.random.Generator) -> FloatArray:
        """Joint answers, shape (n, K), by shares that come from the texts of other folds."""
        folds = rng.permutation(len(self.targets)) % N_FOLDS
        found = np.empty_like(self.targets)
        for fold in np.unique(folds):
            out = folds == fold
            found[out] = blended(self.said[:, out], self._shares(~out))
        return found

    def losses_of(self, said: FloatArray) -> FloatArray:
        """Log-losses of answers of shape (n, K), shape (n,)."""
        return np.asarray(log_losses(said, self.targets, is_exclusive=self.is_exclusive).sum(axis=1))

    def _shares(self, rows: BoolArray) -> FloatArray:
        shares = self._fitted(rows, np.arange(len(self.said)))
        kept = np.flatnonzero(shares >= min(SMALLEST_SHARE, shares.max()))
        found = np.zeros(len(shares))
        found[kept] = shares if len(kept) == len(shares) else self._fitted(rows, kept)
        return found

    def _fitted(self, rows: BoolArray, members: NDArray[np.intp]) -> FloatArray:
        weights = np.where(np.arange(len(self.targets)) < self.n_dev, 1.0, self._held_out_weight)
        said = self.said[np.ix_(members, np.flatnonzero(rows))]
        return blend_shares(said, self.targets[rows], weights[rows], is_exclusive=self.is_exclusive)

    @property
    def _held_out_weight(self) -> float:
        return held_out_weight(self.n_dev, len(self.targets) - self.n_dev)


def opinions_of(students: Sequence[Student], examples: Examples, dev: Examples | None) -> Opinions:
    """What trained students say about gold dev, and said about the training texts that every one of them held out."""
    task = students[0].task
    held_out = np.stack([_held_out(student, examples.targets) for student in students])
    common = np.isfinite(held_out).all(axis=(0, 2))
    said, targets = held_out[:, common], examples.targets[common]
    if dev is None:
        return Opinions(said, targets, 0, task.is_exclusive)
    on_dev = np.stack([student.predict_proba(dev.documents) for student in students])
    return Opinions(
        np.concatenate([on_dev, said], axis=1),
        np.concatenate([dev.targets, targets]),
        len(dev.targets),
        task.is_exclusive,
    )


def _held_out(student: Student, targets: FloatArray) -> FloatArray:
    found: FloatArray = getattr(student, "held_out_", np.full(targets.shape, np.nan))
    return found
