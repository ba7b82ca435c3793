"""What a strategy is shown and what it gives back. Chooses nothing itself.

Every index in this room is a row of the `PoolView`: row i of each of its arrays is the same document.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.intp]

ROWS_AT_ONCE = 16_384


class Arm(StrEnum):
    """Why a document is in a batch: drawn uniformly, or picked by the strategy."""

    RANDOM = "random"
    CHOSEN = "chosen"


@dataclass(frozen=True, eq=False)
class PoolView:
    """What is known about N documents, of which the labelled ones are a part; a strategy says what it needs.

    Attributes
    ----------
    embeddings : (N, d), float; may be memory-mapped and is read in blocks. Unit vectors make every distance a cosine.
    probabilities : (N, K), in [0, 1], the student's, columns in codebook order.
    draws : (S, N, K), S >= 2 such arrays from one student (dropout) or several (a committee).
    teacher : (N, K), the same from a teacher that can afford the whole pool; one-hot where it only names a label.
    trust : (N,), in [0, 1], calibrated probability that the teacher is right.
    scores : (N,), the larger the sooner: rare-class evidence, or uncertainty that was reduced from tokens.
    is_exclusive : whether exactly one label holds, so that each row of probabilities adds up to 1.
    """

    embeddings: Floats | None = None
    probabilities: Floats | None = None
    draws: Floats | None = None
    teacher: Floats | None = None
    trust: Floats | None = None
    scores: Floats | None = None
    is_exclusive: bool = True

    def __len__(self) -> int:
        """N, the number of documents."""
        given = {name: value for name in FIELDS if (value := getattr(self, name)) is not None}
        sizes = {name: value.shape[1 if name == "draws" else 0] for name, value in given.items()}
        if len(set(sizes.values())) != 1:
            found = ", ".join(f"{name} {size}" for name, size in sizes.items()) or "no array at all"
            raise ValueError(f"pool: expected arrays with one row per document, found {found}.")
        return int(next(iter(sizes.values())))

    def array(self, name: str) -> Floats:
        """The array of that name.

        Raises
        ------
        ValueError
            If the pool does not have it.
        """
        found: Floats | None = getattr(self, name)
        if found is None:
            raise ValueError(
                f"pool: expected `{name}`, found none. Give it to the PoolView or choose another strategy."
            )
        return found


FIELDS = ("embeddings", "probabilities", "draws", "teacher", "trust", "scores")
N_DIMENSIONS = {"embeddings": 2, "probabilities": 2, "draws": 3, "teacher": 2, "trust": 1, "scores": 1}
IN_UNIT_INTERVAL = {"probabilities", "draws", "teacher", "trust"}
ADD_UP_TO_ONE = {"probabilities", "draws", "teacher"}
TOLERANCE = 1e-2


@dataclass(frozen=True, eq=False)
class Query:
    """One question to a strategy, checked: `n` of the `candidates`, please.

    Attributes
    ----------
    labelled : rows asked about already, ascending.
    candidates : rows that may be chosen, ascending, disjoint from `labelled`; at least `n` of them.
    """

    pool: PoolView
    labelled: Rows
    candidates: Rows
    n: int


@dataclass(frozen=True, eq=False)
class Batch:
    """The documents to label next.

    Attributes
    ----------
    indices : (n,), distinct rows of the pool, the random arm first, then in the order in which they were chosen.
    probabilities : (n,), in (0, 1]: how likely each row was to be drawn into this batch's random arm. nan for rows
        that a strategy chose: their chance is not known, and no estimate about the pool may rest on them.
    arms : one per index.
    """

    indices: Rows
    probabilities: NDArray[np.float64]
    arms: tuple[Arm, ...]


def row_blocks(n_rows: int, size: int = ROWS_AT_ONCE) -> Iterator[slice]:
    """Slices that cover 0..n_rows in order, so that no pass over a pool copies all of it."""
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))


def check_array(pool: PoolView, name: str) -> Floats:
    """The pool's array of that name, after one pass over its numbers.

    Raises
    ------
    ValueError
        If it is missing, has the wrong number of dimensions, holds nan or infinity, is outside [0, 1] where it must
        not be, or has rows of exclusive probabilities that do not add up to 1 (within 0.01).
    """
    found = pool.array(name)
    if found.ndim != N_DIMENSIONS[name]:
        raise ValueError(f"{name}: expected {N_DIMENSIONS[name]} dimensions, found shape {found.shape}.")
    if found.dtype.kind != "f":
        raise ValueError(f"{name}: expected floating-point numbers, found {found.dtype}.")
    for part in found if name == "draws" else (found,):
        for rows in row_blocks(len(part)):
            _check_block(part[rows], name, sums_to_one=pool.is_exclusive and name in ADD_UP_TO_ONE)
    return found


def _check_block(block: Floats, name: str, *, sums_to_one: bool) -> None:
    if not np.isfinite(block).all():
        raise ValueError(f"{name}: expected finite numbers, found nan or infinity. A failed document has no score.")
    if name in IN_UNIT_INTERVAL and ((block < 0) | (block > 1)).any():
        raise ValueError(f"{name}: expected numbers in [0, 1], found {float(block.min())} to {float(block.max())}.")
    if sums_to_one and (np.abs(block.sum(axis=1, dtype=np.float64) - 1) > TOLERANCE).any():
        raise ValueError(
            f"{name}: expected rows that add up to 1, found others. Not exclusive? Say is_exclusive=False."
        )


def check_rows(rows: ArrayLike, n_documents: int, name: str) -> Rows:
    """Rows of the pool, ascending and distinct.

    Raises
    ------
    ValueError
        If they are not whole numbers in [0, n_documents), or one comes twice.
    """
    given = np.asarray(rows)
    if given.size == 0:
        return np.empty(0, dtype=np.intp)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected a list of row numbers, found shape {given.shape} of {given.dtype}.")
    if given.min() < 0 or given.max() >= n_documents:
        raise ValueError(f"{name}: expected rows in 0..{n_documents - 1}, found {given.min()} to {given.max()}.")
    distinct = np.unique(given)
    if len(distinct) != len(given):
        raise ValueError(f"{name}: expected each row once, found {len(given) - len(distinct)} repeated.")
    return distinct.astype(np.intp)
