"""What is known about noisy labels, and what a student is given instead of them. Computes neither."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from understudy.student.noise.decisions import Layers

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class NoisyLabels:
    """What is known about the labels of n examples; K labels, columns in codebook order.

    Attributes
    ----------
    vectors : shape (n, d), unit vectors of the texts.
    given : shape (n, K), the label that was given; one True a row where labels exclude each other.
    shares : shape (n, K), in [0, 1], the share of repeated answers with each label; equal to `given` without repeats.
    consistency : shape (n,), in [0, 1], the share of answers asked for that are equal to the given label.
    trust : shape (n,), in [0, 1], probability that the given label is right.
    is_exclusive : whether exactly one label holds.
    words : of spans, what is decided at the words of each text; None where a text is decided about as a whole.
    span_trust : shape (s,), probability that each span of the labels, text after text, is right; None where nobody
        knows or labels hold none.
    """

    vectors: FloatArray
    given: BoolArray
    shares: FloatArray
    consistency: FloatArray
    trust: FloatArray
    is_exclusive: bool
    words: Layers | None = None
    span_trust: FloatArray | None = None

    def __post_init__(self) -> None:
        n, n_labels = self.given.shape
        expected = {"vectors": (n, self.vectors.shape[-1]), "shares": (n, n_labels), "consistency": (n,), "trust": (n,)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: expected shape {shape}, found {getattr(self, name).shape}.")
        for name in ("shares", "consistency", "trust"):
            values = getattr(self, name)
            if not np.all((values >= 0) & (values <= 1 + SUM_TOLERANCE)):
                raise ValueError(f"{name}: expected numbers in [0, 1], without nan.")

    @property
    def n(self) -> int:
        """Examples."""
        return len(self.given)

    def as_given(self) -> Lesson:
        """The shares of answers, every example weighing the same: training without a recipe."""
        return Lesson(self.shares, np.ones(self.n))


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a student learns of n examples.

    Attributes
    ----------
    targets : shape (n, K), in [0, 1]; rows add up to 1 where labels exclude each other.
    weights : shape (n,), >= 0; 0 leaves an example out.
    given : shape (rounds, n), weights that human labels gave on the way, 1 as in plain training; None without.
    span_shares : shape (s,), the share of the answers that hold each span of the labels, nan where nothing shall be
        learned at its words; None: as answered.
    """

    targets: FloatArray
    weights: FloatArray
    given: FloatArray | None = None
    span_shares: FloatArray | None = None

    def with_targets(self, targets: FloatArray) -> Lesson:
        """The same weights, other targets."""
        return replace(self, targets=targets)

    def with_weights(self, weights: FloatArray) -> Lesson:
        """The same targets, other weights."""
        return replace(self, weights=weights)

    def with_span_shares(self, shares: FloatArray) -> Lesson:
        """The same weights, spans that hold in some of the answers."""
        return replace(self, span_shares=shares)


@dataclass(frozen=True, eq=False)
class Human:
    """Examples that a person labelled.

    Attributes
    ----------
    vectors : shape (m, d), as those of the noisy labels.
    targets : shape (m, K), 0 or 1.
    words : likewise.
    """

    vectors: FloatArray
    targets: FloatArray
    words: Layers | None = None


def normalised(targets: FloatArray, *, is_exclusive: bool) -> FloatArray:
    """Targets in [0, 1]; rows add up to 1 where labels exclude each other, and a row of zeros becomes even there."""
    inside: FloatArray = np.clip(targets, 0, None) if is_exclusive else np.clip(targets, 0, 1)
    if not is_exclusive:
        return inside
    total = inside.sum(axis=1, keepdims=True)
    return np.where(total > 0, inside / np.where(total > 0, total, 1), 1 / targets.shape[1])
