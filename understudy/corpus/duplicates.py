"""Texts that stand more than once, exactly or nearly; does not decide what to do about them.

Near duplicates: overlap of character shingles, found with min-wise hashing (Broder 1997; several minima from one
permutation, Shrivastava and Li 2014) in bands, so that the effort grows with the texts and not with their pairs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.corpus.text import is_blank, same_text_key
from understudy.records import Document, Span

Hashes = NDArray[np.uint64]
SHINGLE_CHARACTERS = 5
N_BANDS = 32
ROWS_PER_BAND = 4
MAX_SAME_BAND = 32
MAX_VERIFIED = 16
_BIN_STARTS = np.arange(N_BANDS, dtype=np.uint64) << np.uint64(64 - 5)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_PERMUTATIONS = (np.arange(1, ROWS_PER_BAND + 1, dtype=np.uint64) * _BASE)[:, None]


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two different texts that share most of their character 5-grams; `similarity` is Jaccard's, in [0, 1]."""

    left: Document
    right: Document
    similarity: float


def find_duplicates(documents: Iterable[Document]) -> list[tuple[Document, ...]]:
    """Documents with the same text (white space and Unicode form aside), two or more together; blank texts left out.

    Relations between different spans of one text are no duplicates.
    """
    by_text: defaultdict[tuple[str, Span | None, Span | None], list[Document]] = defaultdict(list)
    for document in documents:
        by_text[same_text_key(document.text), document.head, document.tail].append(document)
    return [tuple(same) for same in by_text.values() if len(same) > 1 and not is_blank(same[0].text)]


def find_near_duplicates(
    left: Sequence[Document], right: Sequence[Document], threshold: float = 0.8
) -> list[NearDuplicate]:
    """For every text of `right`, the most similar other text of `left`, if it is similar enough.

    Similarity is measured exactly: the shared part of all character 5-grams of both, letter case aside. Which pairs
    are measured is found by hashing, which misses next to none at 0.8 and about one in eight at 0.5. Texts equal but
    for white space, which `find_duplicates` reports, are no near duplicates. Blank texts have none.

    Parameters
    ----------
    left, right : documents in any order; a document in both is not compared with itself.
    threshold : least similarity, in (0, 1]; below 0.5 most pairs are missed.

    Raises
    ------
    ValueError
        If `threshold` is not in (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"`threshold` is in (0, 1], found {threshold}.")
    lefts, rights = _distinct(left), _distinct(right)
    if not lefts or not rights:
        return []
    texts = list(lefts)
    candidates = _candidates(_band_keys(texts), _band_keys(list(rights)))
    found = []
    for (text, document), positions in zip(rights.items(), candidates, strict=True):
        best, similarity = _most_similar(text, [texts[position] for position in positions])
        if best is not None and similarity >= threshold:
            found.append(NearDuplicate(lefts[best], document, similarity))
    return found


def _distinct(documents: Iterable[Document]) -> dict[str, Document]:
    """Text key -> the first document with it, blank texts left out."""
    first: dict[str, Document] = {}
    for document in documents:
        if not is_blank(document.text):
            first.setdefault(same_text_key(document.text), document)
    return first


def _shingles(text: str) -> Hashes:
    """Hashes of the character 5-grams, sorted, each once; a shorter text is one shingle."""
    folded = text.casefold().ljust(SHINGLE_CHARACTERS)
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    n = len(codes) - SHINGLE_CHARACTERS + 1
    hashes = np.zeros(n, dtype=np.uint64)
    for offset in range(SHINGLE_CHARACTERS):
        hashes = hashes * _BASE + codes[offset : offset + n]
    return np.unique(_mixed(hashes))


def _mixed(hashes: Hashes) -> Hashes:
    """Every bit made to depend on every bit (the finaliser of splitmix64, Steele, Lea and Flood 2014)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _band_keys(texts: Sequence[str]) -> Hashes:
    """One key per text and band, shape (n, N_BANDS): texts that share a key are candidates."""
    keys = np.empty((len(texts), N_BANDS), dtype=np.uint64)
    for row, text in enumerate(texts):
        permuted = np.sort(_mixed(_shingles(text) ^ _PERMUTATIONS), axis=1)
        keys[row] = 0
        for hashes in permuted:
            keys[row] = _mixed(keys[row] * _BASE + _bin_minima(hashes))
    return keys


def _bin_minima(hashes: Hashes) -> Hashes:
    """The smallest of the sorted hashes in each of N_BANDS equal bins; an empty bin has its right neighbour's."""
    return hashes[np.searchsorted(hashes, _BIN_STARTS) % len(hashes)]


def _candidates(left: Hashes, right: Hashes) -> list[list[int]]:
    """For every row of `right`, the rows of `left` that share most bands with it, at most MAX_VERIFIED + 1."""
    shared: list[Counter[int]] = [Counter() for _ in right]
    for band in range(N_BANDS):
        order = np.argsort(left[:, band], kind="stable")
        sorted_keys = left[order, band]
        low = np.searchsorted(sorted_keys, right[:, band], side="left")
        high = np.minimum(np.searchsorted(sorted_keys, right[:, band], side="right"), low + MAX_SAME_BAND)
        for row in np.flatnonzero(high > low):
            shared[row].update(order[low[row] : high[row]].tolist())
    return [[position for position, _ in counts.most_common(MAX_VERIFIED + 1)] for counts in shared]


def _most_similar(text: str, others: Iterable[str]) -> tuple[str | None, float]:
    """The most similar other text and its similarity; (None, 0) without one."""
    shingles = _shingles(text)
    scored = [(other, _jaccard(shingles, _shingles(other))) for other in others if other != text]
    return max(scored, key=lambda pair: pair[1], default=(None, 0.0))


def _jaccard(left: Hashes, right: Hashes) -> float:
    both = len(np.intersect1d(left, right, assume_unique=True))
    return both / (len(left) + len(right) - both)
