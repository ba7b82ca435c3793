"""The n highest scores, ties drawn by lot. Knows nothing of what a score means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.acquisition.pool import Rows


def highest(scores: NDArray[np.floating[Any]], rows: Rows, n: int, rng: np.random.Generator) -> Rows:
    """The `n` of `rows` with the highest scores, best first.

    Ties are broken by lot, never by position: files are often sorted by date or source, and a student that says the
    same about many documents would otherwise always pick the oldest.

    Parameters
    ----------
    scores : (len(rows),), finite; scores[i] belongs to rows[i].
    n : 0 <= n <= len(rows).
    """
    if n == 0:
        return rows[:0]
    cut = np.partition(scores, len(scores) - n)[len(scores) - n]
    tied = rng.permutation(np.flatnonzero(scores == cut))
    above = rng.permutation(np.flatnonzero(scores > cut))
    above = above[np.argsort(-scores[above], kind="stable")]
    chosen: Rows = rows[np.concatenate([above, tied[: n - len(above)]])]
    return chosen
