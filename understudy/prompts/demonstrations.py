"""Chooses which human-labelled texts the model sees beside a text; it does not embed and does not render.

A document is never its own demonstration: neither the one with its id nor any with the same text.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from understudy.corpus import same_text_key
from understudy.records import Document, Value

Kind = Literal["knn", "balanced-knn", "fixed+knn", "diverse", "fixed", "random", "none"]

NEEDS_VECTORS = frozenset({"knn", "balanced-knn", "fixed+knn", "diverse"})
"""The kinds that look at vectors."""

CELLS_AT_ONCE = 2**22
"""Similarities held in memory at a time: 16 MiB as float32."""

DECIMALS = 6
"""Cosines are compared after rounding, so that the order does not depend on how a matrix product was cut."""


def select_demonstrations(
    kind: Kind,
    k: int,
    demo: Sequence[Document],
    demo_vectors: NDArray[np.floating[Any]],
    queries: Sequence[Document],
    query_vectors: NDArray[np.floating[Any]],
    rng: np.random.Generator,
) -> list[tuple[Document, ...]]:
    """Demonstrations for each query, in the order in which the model reads them.

    Parameters
    ----------
    kind : ``knn`` takes the nearest by cosine, nearest last, ties to the one that stands first in `demo`;
        ``balanced-knn`` takes the nearest of each value, then the second nearest of each, and so on, nearest last;
        ``fixed`` takes the same class-balanced ones for all (a query that is itself among them gets the next one);
        ``fixed+knn`` takes k // 2 of those first, then the nearest of the others, nearest last;
        ``diverse`` takes the same ones for all: the one nearest to the mean, then always the one farthest from those
        taken; ``random`` draws for each query, from its id and `rng` alone, whatever the other queries are;
        ``none`` takes none.
    k : how many, >= 0; fewer where `demo` has fewer that are not the query itself.
    demo : m documents with a human label, gold role `demo` only.
    demo_vectors, query_vectors : unit rows of shape (m, d) and (n, d); looked at by `NEEDS_VECTORS` only.
    rng : used once, for the seed of the draws.

    Returns
    -------
    one tuple for each query, in the order of `queries`.

    Raises
    ------
    ValueError
        If `k` is negative, a demonstration has no value, or (`NEEDS_VECTORS`) shapes do not fit or are not finite.

    References
    ----------
    k = 5 and nearest last: Zhang et al. (2023), LLMaAA. Farthest first: Gonzalez (1985), Theoretical Computer Science
    38.
    """
    if k < 0:
        raise ValueError(f"k is {k}, expected 0 or more")
    if any(document.value is None for document in demo):
        raise ValueError("a demonstration has no human label")
    if kind == "none" or k == 0 or not demo:
        return [() for _ in queries]
    if kind in NEEDS_VECTORS:
        _check_vectors(len(demo), demo_vectors, len(queries), query_vectors)
    chosen = _chosen(kind, k, demo, demo_vectors, queries, query_vectors, rng)
    return [tuple(demo[index] for index in row) for row in chosen]


def _chosen(
    kind: Kind,
    k: int,
    demo: Sequence[Document],
    demo_vectors: NDArray[np.floating[Any]],
    queries: Sequence[Document],
    query_vectors: NDArray[np.floating[Any]],
    rng: np.random.Generator,
) -> Iterable[list[int]]:
    """Positions in `demo` for each query."""
    excluded = own_positions(demo, queries)
    if kind == "random":
        return _random(k, len(demo), queries, excluded, int(rng.integers(2**63)))
    if kind == "fixed":
        return _fixed(k, _balanced(demo, rng), excluded)
    if kind == "diverse":
        most = k + max(map(len, excluded), default=0)
        return _fixed(k, _farthest_first(demo_vectors, most), excluded)
    rows = _cosines(demo_vectors, query_vectors, excluded)
    if kind == "balanced-knn":
        values = _numbered([document.value for document in demo])
        return (_balanced_top(row, k, values)[::-1] for row in rows)
    if kind == "fixed+knn":
        return _fixed_then_nearest(k, _balanced(demo, rng), excluded, rows)
    return (_top(row, k)[::-1] for row in rows)


def _check_vectors(
    m: int, demo_vectors: NDArray[np.floating[Any]], n: int, query_vectors: NDArray[np.floating[Any]]
) -> None:
    if demo_vectors.ndim != 2 or query_vectors.ndim != 2 or demo_vectors.shape[1] != query_vectors.shape[1]:
        raise ValueError(f"expected (m, d) and (n, d), found {demo_vectors.shape} and {query_vectors.shape}")
    if (len(demo_vectors), len(query_vectors)) != (m, n):
        raise ValueError(f"{m} and {n} documents have {len(demo_vectors)} and {len(query_vectors)} vectors")
    if not (np.isfinite(demo_vectors).all() and np.isfinite(query_vectors).all()):
        raise ValueError("a vector is not finite")


def own_positions(demo: Sequence[Document], queries: Sequence[Document]) -> list[set[int]]:
    """For each query, the positions in `demo` of itself and of its text."""
    by_id: dict[str, set[int]] = {}
    by_text: dict[str, set[int]] = {}
    for index, document in enumerate(demo):
        by_id.setdefault(document.id, set()).add(index)
        by_text.setdefault(same_text_key(document.text), set()).add(index)
    return [by_id.get(query.id, set()) | by_text.get(same_text_key(query.text), set()) for query in queries]


def _cosines(
    demo_vectors: NDArray[np.floating[Any]],
    query_vectors: NDArray[np.floating[Any]],
    excluded: Sequence[set[int]],
) -> Iterator[NDArray[np.floating[Any]]]:
    """For each query its cosines with all of `demo`, -inf where excluded."""
    rows = max(1, CELLS_AT_ONCE // len(demo_vectors))
    for start in range(0, len(query_vectors), rows):
        cosines = np.round(query_vectors[start : start + rows] @ demo_vectors.T, DECIMALS)
        for offset, row in enumerate(cosines):
            row[list(excluded[start + offset])] = -np.inf
            yield row


def _top(row: NDArray[np.floating[Any]], k: int) -> list[int]:
    """Positions of the k highest finite values, highest first, ties by position."""
    floor = np.partition(row, -k)[-k] if k < len(row) else -np.inf
    candidates = np.flatnonzero((row >= floor) & np.isfinite(row))
    best = candidates[np.argsort(-row[candidates], kind="stable")][:k]
    return [int(index) for index in best]


def _balanced_top(row: NDArray[np.floating[Any]], k: int, values: NDArray[np.intp]) -> list[int]:
    """Positions of the nearest of each value in turn, k in all, nearest first."""
    order = _top(row, len(row))
    seen: Counter[int] = Counter()
    turns = []
    for rank, index in enumerate(order):
        turns.append((seen[values[index]], rank, index))
        seen[values[index]] += 1
    return [index for _, _, index in sorted(sorted(turns)[:k], key=lambda turn: turn[1])]


def _numbered(values: Sequence[Value | None]) -> NDArray[np.intp]:
    numbers: dict[Value | None, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.intp)


def _fixed_then_nearest(
    k: int, order: Sequence[int], excluded: Sequence[set[int]], rows: Iterable[NDArray[np.floating[Any]]]
) -> Iterator[list[int]]:
    for fixed, row in zip(_fixed(k // 2, order, excluded), rows, strict=True):
        row[fixed] = -np.inf
        yield fixed + _top(row, k - len(fixed))[::-1]


def _farthest_first(vectors: NDArray[np.floating[Any]], n: int) -> list[int]:
    """The row nearest to the mean, then always the one whose nearest taken row is farthest; ties by position."""
    taken = [int(np.argmax(np.round(vectors @ vectors.mean(axis=0), DECIMALS)))]
    nearest = np.full(len(vectors), -np.inf)
    while len(taken) < min(n, len(vectors)):
        nearest = np.maximum(nearest, np.round(vectors @ vectors[taken[-1]], DECIMALS))
        nearest[taken] = np.inf
        taken.append(int(np.argmin(nearest)))
    return taken


def _random(
    k: int, m: int, queries: Sequence[Document], excluded: Sequence[set[int]], seed: int
) -> Iterator[list[int]]:
    for query, own in zip(queries, excluded, strict=True):
        rng = np.random.default_rng([seed, _number_of(query.id)])
        drawn = rng.choice(m, size=min(m, k + len(own)), replace=False)
        yield [int(index) for index in drawn if index not in own][:k]


def _number_of(identifier: str) -> int:
    return int.from_bytes(hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _balanced(demo: Sequence[Document], rng: np.random.Generator) -> list[int]:
    """Positions in `demo`, shuffled, one of each value in turn."""
    by_value: dict[Value | None, list[int]] = {}
    for index in rng.permutation(len(demo)):
        by_value.setdefault(demo[index].value, []).append(int(index))
    return [index for turn in zip_longest(*by_value.values()) for index in turn if index is not None]


def _fixed(k: int, order: Sequence[int], excluded: Sequence[set[int]]) -> Iterator[list[int]]:
    for own in excluded:
        yield [index for index in order[: k + len(own)] if index not in own][:k]
