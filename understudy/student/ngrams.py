"""Texts as counts of word and character n-grams weighted by rarity (tf-idf), in any language; knows no labels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from sklearn.feature_extraction.text import CountVectorizer

from understudy.errors import UserError
from understudy.settings import NGramSettings

FloatArray = NDArray[np.float64]
Analyzer = Literal["word", "char_wb"]

UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters and Japanese kana, of which a sentence is one unbroken run: each counts as a word."""

WORD = rf"[{UNSPACED}]|[^\W{UNSPACED}]+"
SHORTEST_CHARACTERS = 1
GAP = " "
"""Says of a text only how many words it has: not counted."""

FEW_TEXTS = 20
"""Among so few texts an n-gram that occurs in one of them counts; otherwise it needs two."""

FILE = "vocabulary.json"


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams of one sort that are counted.

    Attributes
    ----------
    analyzer : words (single characters where script has no spaces), or characters within what spaces part, and the
        gaps beside it.
    lengths : shortest and longest.
    terms : d of them, sorted.
    idf : shape (d,), > 0.
    """

    analyzer: Analyzer
    lengths: tuple[int, int]
    terms: tuple[str, ...]
    idf: FloatArray

    def features(self, texts: Sequence[str]) -> Any:
        """Rows of length 1 (0 for a text without a known n-gram), as a CSR array of shape (n, d)."""
        if not self.terms:
            return csr_array((len(texts), 0))
        counts = csr_array(self._counter.transform(texts))
        counts.data = (1 + np.log(counts.data)) * self.idf[counts.indices]
        lengths = np.sqrt(np.add.reduceat(np.append(counts.data**2, 0.0), counts.indptr[:-1]))
        n_each = np.diff(counts.indptr)
        counts.data /= np.repeat(np.where(n_each > 0, lengths, 1.0), n_each)
        return counts

    @cached_property
    def _counter(self) -> Any:
        return _counter(self.analyzer, self.lengths, list(self.terms))


@dataclass(frozen=True)
class NGrams:
    """Vocabularies side by side: words first, then characters."""

    vocabularies: tuple[Vocabulary, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(len(vocabulary.terms) for vocabulary in self.vocabularies)

    def features(self, texts: Sequence[str]) -> Any:
        """CSR array of shape (n, width); each vocabulary's part of a row has length 1 or 0."""
        return csr_array(hstack([vocabulary.features(texts) for vocabulary in self.vocabularies], format="csr"))

    def idf(self) -> FloatArray:
        """All weights by rarity, shape (width,)."""
        return np.concatenate([vocabulary.idf for vocabulary in self.vocabularies])

    def to_json(self) -> str:
        """Everything but the weights; ASCII, so that lone surrogates survive."""
        return json.dumps([{"analyzer": v.analyzer, "lengths": v.lengths, "terms": v.terms} for v in self.vocabularies])


def learn_ngrams(texts: Sequence[str], settings: NGramSettings) -> NGrams:
    """The n-grams of the texts that occur in at least two of them (in one, of few texts), the most frequent ones."""
    sorts: list[tuple[Analyzer, tuple[int, int]]] = []
    if settings.words:
        sorts.append(("word", (1, settings.words)))
    if settings.characters:
        sorts.append(("char_wb", (SHORTEST_CHARACTERS, settings.characters)))
    return NGrams(tuple(_learn(texts, *sort, settings.max_terms) for sort in sorts))


def restored_ngrams(text: str, idf: NDArray[Any] | None) -> NGrams:
    """The n-grams that `to_json` and `idf` kept.

    Raises
    ------
    UserError
        If they do not fit together.
    """
    try:
        stored = [(_analyzer(v["analyzer"]), _lengths(v["lengths"]), _terms(v["terms"])) for v in json.loads(text)]
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise _damaged(f"{FILE} cannot be read ({exc})") from exc
    ends = np.cumsum([0, *(len(terms) for _, _, terms in stored)])
    if idf is None or idf.shape != (ends[-1],) or not (idf > 0).all() or not np.isfinite(idf).all():
        raise _damaged(f"`idf` in model.safetensors is missing or does not fit {FILE}")
    parts = [idf[start:end] for start, end in pairwise(ends)]
    return NGrams(tuple(Vocabulary(*v, part.astype(np.float64)) for v, part in zip(stored, parts, strict=True)))


def _learn(texts: Sequence[str], analyzer: Analyzer, lengths: tuple[int, int], max_terms: int) -> Vocabulary:
    analyse = _counter(analyzer, lengths, None).build_analyzer()
    frequency: Counter[str] = Counter()
    for text in texts:
        frequency.update(set(analyse(text)) - {GAP})
    fewest = 1 if len(texts) <= FEW_TEXTS else 2
    frequent = sorted((-count, term) for term, count in frequency.items() if count >= fewest)[:max_terms]
    terms = sorted(term for _, term in frequent)
    counts = np.array([frequency[term] for term in terms], dtype=np.float64)
    return Vocabulary(analyzer, lengths, tuple(terms), np.log((1 + len(texts)) / (1 + counts)) + 1)


def _counter(analyzer: Analyzer, lengths: tuple[int, int], vocabulary: list[str] | None) -> Any:
    return CountVectorizer(
        analyzer=analyzer, ngram_range=lengths, token_pattern=WORD, vocabulary=vocabulary, dtype=np.float64
    )


def _analyzer(value: Any) -> Analyzer:
    if value not in ("word", "char_wb"):
        raise ValueError(f"analyzer {value!r}")
    return "word" if value == "word" else "char_wb"


def _lengths(value: Any) -> tuple[int, int]:
    shortest, longest = value
    if not (isinstance(shortest, int) and isinstance(longest, int) and 1 <= shortest <= longest):
        raise ValueError(f"lengths {value!r}")
    return shortest, longest


def _terms(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(term, str) for term in value) or len(set(value)) < len(value):
        raise ValueError("terms are not a list of different strings")
    return tuple(value)


def _damaged(what: str) -> UserError:
    return UserError(f"the student cannot be used: {what}.", "Train it again, or restore its folder.")
