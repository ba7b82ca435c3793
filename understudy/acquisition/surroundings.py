"""Scores that look at where a document lies among others: contrast with labelled neighbours, and density.

Both are exact for any pool in one or two passes, but for the number of labelled neighbours that are searched.
"""

from __future__ import annotations

import numpy as np

from understudy.acquisition.points import EmbeddingPoints, squared_distances, squared_norms, widen
from understudy.acquisition.pool import Floats, Query, Rows, row_blocks
from understudy.acquisition.uncertainty import Scores

NEIGHBOURS = 10
SEARCHED_AT_MOST = 2_000
SMALLEST = 1e-7


def contrast(query: Query, rng: np.random.Generator) -> Scores:
    """CAL: how differently the student sees a candidate and its 10 nearest labelled rows, >= 0, per candidate.

    The mean of ``KL(p(neighbour) || p(candidate))`` in nats over the neighbours (all, where there are fewer), with
    probabilities raised to 1e-7 so that it is finite; without exclusive labels the sum of the labels' divergences. Of
    more than 2,000 labelled rows a uniform sample is searched.

    References
    ----------
    Margatina et al. (2021), EMNLP, arXiv 2109.03764.
    """
    points = EmbeddingPoints(query.pool.array("embeddings"))
    probabilities = query.pool.array("probabilities")
    labelled = query.labelled
    if len(labelled) > SEARCHED_AT_MOST:
        labelled = np.sort(rng.choice(labelled, size=SEARCHED_AT_MOST, replace=False))
    scores = np.empty(len(query.candidates))
    for part in row_blocks(len(query.candidates), 4096):
        rows = query.candidates[part]
        near = labelled[_nearest(squared_distances(points, rows, labelled))]
        scores[part] = _mean_divergence(probabilities[near], probabilities[rows], query.pool.is_exclusive)
    return scores


def density(embeddings: Floats, rows: Rows) -> Scores:
    """Mean of ``(1 + cosine) / 2`` between each given row and all of them, in [0, 1]: information density.

    The mean over all pairs is one product with the mean unit vector, so no pair is ever formed. A zero vector has
    cosine 0 with everything.

    References
    ----------
    Settles and Craven (2008), EMNLP (beta = 1).
    """
    total = np.zeros(embeddings.shape[1])
    for part in row_blocks(len(rows)):
        total += _unit(embeddings[rows[part]]).sum(axis=0, dtype=np.float64)
    cosines = [_unit(embeddings[rows[part]]) @ (total / len(rows)) for part in row_blocks(len(rows))]
    return np.clip((1 + np.concatenate(cosines)) / 2, 0, 1)


def _nearest(gaps: Floats) -> Rows:
    k = min(NEIGHBOURS, gaps.shape[1])
    return np.argpartition(gaps, k - 1, axis=1)[:, :k]


def _mean_divergence(neighbours: Floats, candidates: Floats, is_exclusive: bool) -> Scores:
    """(b,) from (b, k, K) and (b, K)."""
    p, q = _off_zero(neighbours), _off_zero(candidates)[:, None, :]
    divergence = p * np.log(p / q)
    if not is_exclusive:
        divergence += _off_zero(1 - p) * np.log(_off_zero(1 - p) / _off_zero(1 - q))
    scores: Scores = divergence.sum(axis=2).mean(axis=1)
    return np.maximum(scores, 0)


def _off_zero(p: Floats) -> Scores:
    return np.maximum(np.asarray(p, dtype=np.float64), SMALLEST)


def _unit(block: Floats) -> Floats:
    vectors = widen(block)
    lengths = np.sqrt(squared_norms(vectors))
    return vectors / np.where(lengths > 0, lengths, 1)[:, None]
