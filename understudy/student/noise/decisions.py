"""What a linear student decides about texts, and which of them pull where human labels pull. Makes no features.

A student of whole texts makes one decision a text, one of spans one at every word; a text counts as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from understudy.student.logistic import Logistic
from understudy.student.reweighting import linear_scores

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Decisions:
    """The decisions of one kind in n texts, m in all.

    Attributes
    ----------
    features : shape (m, d).
    targets : shape (m, K), in [0, 1].
    text : shape (m,), in which text each is made.
    n_texts : n; a text may have none.
    is_exclusive : whether rows of `targets` sum to 1.
    """

    features: FloatArray
    targets: FloatArray
    text: IntArray
    n_texts: int
    is_exclusive: bool

    def within(self, texts: BoolArray) -> Decisions:
        """Those in the texts of a mask of shape (n,)."""
        rows = texts[self.text]
        return replace(self, features=self.features[rows], targets=self.targets[rows], text=self.text[rows])

    @property
    def per_text(self) -> IntArray:
        """How many each text has, shape (n,)."""
        return np.bincount(self.text, minlength=self.n_texts)


Layers = Sequence[Decisions]
"""Decisions of several kinds about the same texts, each with a student of its own: layers of nested spans."""


def of_texts(vectors: FloatArray, targets: FloatArray, *, is_exclusive: bool) -> Layers:
    """One decision a text, by its vector."""
    n = len(targets)
    return (Decisions(vectors, targets, np.arange(n), n, is_exclusive),)


def pulls(students: Sequence[Logistic], noisy: Layers, human: Layers, n_texts: int) -> FloatArray:
    """How far each noisy text pulls where human decisions pull, shape (n_texts,), a student a layer.

    The product of the gradients of its mean loss and of the mean loss of all human decisions, at the students'
    parameters: what a virtual step gives (Ren et al. 2018).
    """
    found = np.zeros(n_texts)
    for student, said, true in zip(students, noisy, human, strict=True):
        if not len(true.text):
            continue
        scores = linear_scores(_residuals(student, said), said.features, _residuals(student, true), true.features)
        found += np.bincount(said.text, scores, said.n_texts) / np.maximum(said.per_text, 1)
    return found


def _residuals(student: Logistic, decisions: Decisions) -> FloatArray:
    return student.probabilities(decisions.features) - decisions.targets
