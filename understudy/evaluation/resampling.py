"""Resampling of whole documents, or of whole groups of them, in memory that stays bounded. Makes no interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation.counts import Counts, FloatArray, Totals

CELLS_AT_ONCE = 4_000_000


def resampled_weights(n_units: int, n_resamples: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """How often each unit is drawn, in chunks of shape (b, n_units) that add up to `n_resamples` rows.

    Each row adds up to `n_units` (>= 1): drawing with replacement.
    """
    chunk = max(1, CELLS_AT_ONCE // n_units)
    for start in range(0, n_resamples, chunk):
        rows = min(chunk, n_resamples - start)
        drawn = rng.integers(n_units, size=(rows, n_units)) + n_units * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * n_units)
        yield times.reshape(rows, n_units).astype(np.float64)


def resampled_totals(
    systems: Sequence[Counts], rng: np.random.Generator, n_resamples: int, groups: Sequence[str | None] | None = None
) -> Iterator[list[Totals]]:
    """Totals of several labellers on the same resampled documents, chunk by chunk.

    Parameters
    ----------
    systems : counts of the same n >= 1 documents, in the same order.
    groups : n names; documents of one group are drawn together. None is a group of its own.
    """
    members = group_index(groups, systems[0].n)
    tables = [sum_by_group(_as_table(counts), members) for counts in systems]
    for weights in resampled_weights(int(members.max()) + 1, n_resamples, rng):
        yield [_as_totals(weights @ table) for table in tables]


def group_index(groups: Sequence[str | None] | None, n: int) -> NDArray[np.intp]:
    """Group number in 0..G-1 of each of n documents; all different without groups.

    Raises
    ------
    ValueError
        If there is not one name per document.
    """
    if groups is None:
        return np.arange(n)
    if len(groups) != n:
        raise ValueError(f"groups: expected {n} names, one per document, found {len(groups)}.")
    numbers: dict[str | int, int] = {}
    keys: list[str | int] = [row if name is None else name for row, name in enumerate(groups)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def sum_by_group(table: FloatArray, members: NDArray[np.intp]) -> FloatArray:
    """Row sums per group: shape (G, columns) from (n, columns)."""
    if len(np.unique(members)) == len(table):
        return table
    sums = np.zeros((int(members.max()) + 1, table.shape[1]))
    np.add.at(sums, members, table)
    return sums


def _as_table(counts: Counts) -> FloatArray:
    return np.column_stack([counts.tp, counts.fp, counts.fn, counts.correct, np.ones(counts.n)])


def _as_totals(table: FloatArray) -> Totals:
    tp, fp, fn = np.split(table[:, :-2], 3, axis=1)
    return Totals(tp, fp, fn, table[:, -2], table[:, -1])
