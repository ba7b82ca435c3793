"""k-means++ seeding without a pass over the pool for every pick. Exact, not approximate.

The next pick must be drawn in proportion to the squared distance to the nearest pick so far. A distance that has missed
the latest picks is an upper bound of the true one, so a document drawn in proportion to old distances and kept with
probability true / old is drawn in proportion to the true distances. Only when this has rejected many are all distances
brought up to date, for all missed picks at once.

References
----------
Arthur and Vassilvitskii (2007), SODA (k-means++). Ash et al. (2020), ICLR (BADGE). Cohen-Addad et al. (2020), NeurIPS
(rejection sampling).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from understudy.acquisition.points import Points, lower_to_nearest, squared_distances
from understudy.acquisition.pool import Floats, Rows

REJECTED_AT_LEAST = 64
ROWS_PER_REJECTION = 256
"""A pass over the pool costs about as much as one rejection per so many rows."""


def plus_plus(points: Points, candidates: Rows, n: int, first: int, rng: np.random.Generator) -> Rows:
    """`n` distinct candidates, in the order drawn, beginning with the candidate `first`.

    Each next one is drawn with probability proportional to its squared distance to the nearest pick. When every
    candidate left coincides with a pick, the rest is drawn uniformly. 1 <= n <= len(candidates).
    """
    draw = _Draw(points, candidates, first)
    while len(draw.picks) < n:
        if draw.is_exhausted:
            return np.concatenate([draw.rows, _uniform_rest(candidates, draw.rows, n - len(draw.picks), rng)])
        draw.try_one(rng)
    return draw.rows


class _Draw:
    """The picks so far, the distances as of the last pass, and how often that was too old to be of use."""

    def __init__(self, points: Points, candidates: Rows, first: int) -> None:
        self.points, self.candidates = points, candidates
        self.picks = [first]
        self.nearest = np.full(len(points.squared_norms), np.inf, dtype=points.squared_norms.dtype)
        self.allowed = np.zeros(len(self.nearest), dtype=bool)
        self.allowed[candidates] = True
        self.patience = max(REJECTED_AT_LEAST, len(self.nearest) // ROWS_PER_REJECTION)
        self.n_seen = 0
        self._bring_up_to_date()

    @property
    def rows(self) -> Rows:
        return np.array(self.picks, dtype=np.intp)

    @property
    def is_exhausted(self) -> bool:
        return bool(self.cumulative[-1] <= 0)

    def try_one(self, rng: np.random.Generator) -> None:
        """Draw by the old distances, keep with probability true / old."""
        target, chance = rng.random() * self.cumulative[-1], rng.random()
        row = int(np.searchsorted(self.cumulative, target, side="right"))
        if row < len(self.nearest) and chance * self.nearest[row] < self._true_distance(row):
            self.picks.append(row)
            return
        self.n_rejected += 1
        if self.n_rejected >= self.patience:
            self._bring_up_to_date()

    def _true_distance(self, row: int) -> float:
        missed = self.rows[self.n_seen :]
        if len(missed) == 0:
            return float(self.nearest[row])
        if row in self.picks[self.n_seen :]:
            return 0.0
        gaps = squared_distances(self.points, np.array([row]), missed)
        return min(float(self.nearest[row]), float(gaps.min()))

    def _bring_up_to_date(self) -> None:
        lower_to_nearest(self.points, self.nearest, self.rows[self.n_seen :])
        self.nearest[~self.allowed] = 0
        self.nearest[self.picks] = 0
        self.n_seen, self.n_rejected = len(self.picks), 0
        self.cumulative: NDArray[np.float64] = np.cumsum(self.nearest, dtype=np.float64)


def _uniform_rest(candidates: Rows, taken: Rows, n: int, rng: np.random.Generator) -> Rows:
    return rng.choice(np.setdiff1d(candidates, taken), size=n, replace=False)


def longest(norms: Floats, candidates: Rows) -> int:
    """The candidate with the largest norm, the first of several: where BADGE begins."""
    return int(candidates[norms[candidates].argmax()])
