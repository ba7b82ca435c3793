"""Right and wrong decisions per document, as plain arrays. Makes no metric of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.records import Value


@dataclass(frozen=True, eq=False)
class Tally:
    """What one labeller got right and wrong, a row per document.

    Attributes
    ----------
    tp, fp, fn : arrays of shape (n, K), each >= 0; columns in codebook order.
    correct : array of shape (n,), 1.0 where the whole answer is exactly right, 0.0 elsewhere.
    """

    tp: NDArray[np.float64]
    fp: NDArray[np.float64]
    fn: NDArray[np.float64]
    correct: NDArray[np.float64]


def tally_labels(truth: NDArray[np.bool_], said: NDArray[np.bool_], values: Sequence[Value | None]) -> Tally:
    """Compare indicator matrices of shape (n, K).

    A document whose value is None has no answer: a miss of its true labels and never correct, even where the truth
    is the empty set.
    """
    answered = np.array([value is not None for value in values], dtype=np.bool_)
    return Tally(
        (truth & said).astype(np.float64),
        (~truth & said).astype(np.float64),
        (truth & ~said).astype(np.float64),
        ((truth == said).all(axis=1) & answered).astype(np.float64),
    )
