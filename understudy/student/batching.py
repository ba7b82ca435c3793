"""Which texts are computed together: steps of texts of similar length, and the parts of a step that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from understudy.embedding import batches_by_length

IntArray = NDArray[np.int64]

BATCHES_SORTED_TOGETHER = 50
SMALLEST_NUMBER_OF_POOLS = 4
"""Few texts are still sorted in at least so many pools, so that batches differ from epoch to epoch."""


def buckets(lengths: IntArray, batch_size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Every position once, in random batches of texts of similar length."""
    n = len(lengths)
    pool = batch_size * max(1, min(BATCHES_SORTED_TOGETHER, n // (batch_size * SMALLEST_NUMBER_OF_POOLS)))
    order = rng.permutation(n)
    pools = [order[start : start + pool] for start in range(0, n, pool)]
    by_length = np.concatenate([rows[np.argsort(-lengths[rows], kind="stable")] for rows in pools])
    batches = [by_length[start : start + batch_size] for start in range(0, n, batch_size)]
    for batch in rng.permutation(len(batches)):
        yield batches[batch]


def parts(rows: IntArray, lengths: IntArray, max_tokens: int) -> Iterator[IntArray]:
    """The rows of one step, longest first, in parts of at most `max_tokens` padded tokens, or of a single text."""
    for positions in batches_by_length(lengths[rows], len(rows), max_tokens):
        yield rows[positions]
