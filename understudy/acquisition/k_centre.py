"""Farthest-first batches (core-set) without a pass over the pool for every pick. Exact, not approximate.

A distance that has missed the latest picks is an upper bound of the true one. So only a frontier, the rows with the
largest bounds, is kept up to date; while one of its true distances is at least as large as every bound outside, the
farthest row is known.

References
----------
Gonzalez (1985), Theoretical Computer Science. Sener and Savarese (2018), ICLR (core-set).
"""

from __future__ import annotations

import numpy as np

from understudy.acquisition.points import EmbeddingPoints, lower_to_nearest, squared_distances, widen
from understudy.acquisition.pool import Floats, Rows, row_blocks

TAKEN = -1.0
FRONTIER = 4096


def k_centre(points: EmbeddingPoints, candidates: Rows, centres: Rows, n: int, rng: np.random.Generator) -> Rows:
    """`n` >= 1 distinct candidates, each the one farthest (Euclidean) from its nearest centre, itself then a centre.

    Parameters
    ----------
    candidates : ascending rows; the lowest row wins a tie.
    centres : the labelled rows. Without any, the first pick is drawn uniformly.
    """
    bounds = np.full(len(points.squared_norms), np.inf, dtype=points.squared_norms.dtype)
    lower_to_nearest(points, bounds, centres)
    allowed = np.zeros(len(bounds), dtype=bool)
    allowed[candidates] = True
    bounds[~allowed] = TAKEN
    picks = [] if len(centres) else [int(rng.choice(candidates))]
    lower_to_nearest(points, bounds, np.array(picks, dtype=np.intp))
    bounds[picks] = TAKEN
    n_seen = np.full(len(bounds), len(picks), dtype=np.intp)
    while len(picks) < n:
        _pick_from_frontier(points, bounds, n_seen, picks, n)
    return np.array(picks, dtype=np.intp)


def _pick_from_frontier(points: EmbeddingPoints, bounds: Floats, n_seen: Rows, picks: list[int], n: int) -> None:
    """Bring the rows with the largest bounds up to date and pick while the farthest is surely among them."""
    floor = _nth_largest(bounds, FRONTIER)
    frontier = np.flatnonzero(bounds >= floor)
    missed = np.array(picks[int(n_seen[frontier].min()) :], dtype=np.intp)
    near = _Frontier(points, frontier, bounds[frontier])
    near.lower(missed)
    while len(picks) < n and near.farthest >= max(floor, 0):
        picks.append(near.take())
    bounds[frontier], n_seen[frontier] = near.distances, len(picks)


class _Frontier:
    """The rows whose distances are kept true, with a copy of their vectors; `distances` are squared."""

    def __init__(self, points: EmbeddingPoints, rows: Rows, distances: Floats) -> None:
        self.points, self.rows, self.distances = points, rows, distances
        self.local = EmbeddingPoints(widen(points.vectors[rows]))

    @property
    def farthest(self) -> float:
        return float(self.distances.max())

    def take(self) -> int:
        """The farthest row, the lowest of several; it becomes a centre."""
        place = int(self.distances.argmax())
        gaps = squared_distances(self.local, slice(None), np.array([place]))[:, 0]
        np.minimum(self.distances, gaps, out=self.distances)
        self.distances[place] = TAKEN
        return int(self.rows[place])

    def lower(self, centres: Rows) -> None:
        """Account for centres that the distances have missed."""
        if len(centres) == 0:
            return
        for part in row_blocks(len(self.rows), FRONTIER):
            gaps = squared_distances(self.points, self.rows[part], centres)
            np.minimum(self.distances[part], gaps.min(axis=1), out=self.distances[part])


def _nth_largest(values: Floats, n: int) -> float:
    place = max(len(values) - n, 0)
    return float(np.partition(values, place)[place])
