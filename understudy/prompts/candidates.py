"""Which labels of a long codebook a text could have, by likeness: arrays in, columns out. Embeds and decides nothing.

The score of a label is that of the built-in teacher (`teacher.nearest`), with more neighbours: its definition counts
like one perfectly similar demonstration, and each of the `N_NEIGHBOURS` nearest human-labelled texts by its cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TEMPERATURE = 0.05
N_NEIGHBOURS = 20


def label_scores(
    label_vectors: NDArray[np.floating[Any]],
    demo_vectors: NDArray[np.floating[Any]],
    demo_labels: NDArray[np.bool_],
    query_vectors: NDArray[np.floating[Any]],
    excluded: Sequence[set[int]],
) -> Floats:
    """How likely each label is for each query, by likeness alone; rows are not calibrated.

    Parameters
    ----------
    label_vectors : unit rows of shape (K, d), one description for each label, in codebook order.
    demo_vectors, demo_labels : m human-labelled texts: unit rows (m, d) and their labels (m, K); m may be 0.
    query_vectors : unit rows of shape (n, d).
    excluded : for each query, the rows of `demo_vectors` that must not count (the text itself).

    Returns
    -------
    array of shape (n, K), each >= 0.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    n, n_labels = len(query_vectors), len(label_vectors)
    if demo_labels.shape != (len(demo_vectors), n_labels) or len(excluded) != n:
        raise ValueError(f"{n} queries, {len(excluded)} exclusions, {n_labels} labels, {demo_labels.shape} demo labels")
    likeness = query_vectors.astype(np.float64) @ label_vectors.astype(np.float64).T
    scores: Floats = np.exp((likeness - likeness.max(axis=1, keepdims=True)) / TEMPERATURE)
    scores /= scores.sum(axis=1, keepdims=True)
    if len(demo_vectors):
        scores += _votes(demo_vectors, demo_labels, query_vectors, excluded)
    return scores


def candidate_labels(scores: Floats, n: int, always: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """The columns of the `n` >= 1 highest scores of each row and those in `always`, in codebook order; ties by column.

    Parameters
    ----------
    scores : shape (rows, K).
    always : for each row, columns that are taken in any case, such as the labels of the demonstrations shown.
    """
    if n < 1:
        raise ValueError(f"n is {n}, expected 1 or more")
    best = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    return [tuple(sorted({int(column) for column in row} | set(more))) for row, more in zip(best, always, strict=True)]


def _votes(
    demo_vectors: NDArray[np.floating[Any]],
    demo_labels: NDArray[np.bool_],
    query_vectors: NDArray[np.floating[Any]],
    excluded: Sequence[set[int]],
) -> Floats:
    weights = np.maximum(query_vectors @ demo_vectors.T, 0.0).astype(np.float64)
    for row, own in zip(weights, excluded, strict=True):
        row[list(own)] = 0.0
    if weights.shape[1] > N_NEIGHBOURS:
        floor = np.partition(weights, -N_NEIGHBOURS, axis=1)[:, -N_NEIGHBOURS, None]
        weights[weights < floor] = 0.0
    votes: Floats = weights @ demo_labels
    return votes
