"""Which words stand in stretches that other training texts have as spans, as features. Learns no weights.

The gazetteers of Ratinov and Roth (2009), made of the training spans themselves. A text's own spans never count for
its words: otherwise the features would be right on training texts alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from understudy.student.spans.tags import TaggedSpan
from understudy.student.spans.words import Words

Entry = tuple[str, int]
"""A stretch of text in small letters, and the column of the label that it has."""

OFTEN = 2
"""Texts that must have a stretch as a span for it to be one often."""


@dataclass(frozen=True)
class Lexicon:
    """Stretches that are spans somewhere.

    Attributes
    ----------
    n_texts : for each stretch, in small letters, how many texts have it as a span, by the label's column.
    """

    n_texts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    def features(self, words: Words, own: Set[Entry] = frozenset()) -> list[set[str]]:
        """Of each word: the labels of the known stretches it stands in, where in them, and whether often.

        Parameters
        ----------
        own : entries to which the text itself has contributed; it is not counted for them.
        """
        found: list[set[str]] = [set() for _ in range(len(words))]
        for first, last, stretch in self._stretches(words):
            for column, n in self.n_texts[stretch].items():
                others = n - ((stretch, column) in own)
                for place in range(first, last) if others else ():
                    found[place] |= _names(column, _part(first, place, last), others)
        return found

    def to_data(self) -> list[tuple[str, int, int]]:
        """Stretch, column and number of texts of every entry."""
        return [(stretch, column, n) for stretch, counts in self.n_texts.items() for column, n in counts.items()]

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.n_texts), default=0)

    def _stretches(self, words: Words) -> Iterator[tuple[int, int, str]]:
        """Known stretches of the text, words ``[first, last)``."""
        for first in range(len(words)):
            for last in range(first + 1, len(words) + 1):
                stretch = _small(words, first, last)
                if len(stretch) > self._longest:
                    break
                if stretch in self.n_texts:
                    yield first, last, stretch


def entries(words: Words, spans: Sequence[TaggedSpan]) -> frozenset[Entry]:
    """What a text contributes to a lexicon."""
    return frozenset((_small(words, first, last), column) for first, last, column in spans)


def learn_lexicon(contributions: Sequence[Set[Entry]]) -> Lexicon:
    """The lexicon of texts' `entries`."""
    n_texts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for own in contributions:
        for stretch, column in own:
            n_texts[stretch][column] += 1
    return Lexicon({stretch: dict(sorted(n_texts[stretch].items())) for stretch in sorted(n_texts)})


def restored_lexicon(data: Any) -> Lexicon:
    """The lexicon that `to_data` kept; raises TypeError or ValueError if it is damaged."""
    n_texts: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for stretch, column, n in data:
        if not (isinstance(stretch, str) and isinstance(column, int) and isinstance(n, int) and n > 0):
            raise ValueError(f"{[stretch, column, n]} is no entry")
        n_texts[stretch][column] = n
    return Lexicon(dict(n_texts))


def _small(words: Words, first: int, last: int) -> str:
    return words.text[words.starts[first] : words.ends[last - 1]].lower()


def _names(column: int, part: str, n_texts: int) -> set[str]:
    """Of the features of a word of a stretch that so many texts have as a span."""
    return {f"known {column} {part}"} | ({f"often {column} {part}"} if n_texts >= OFTEN else set())


def _part(first: int, place: int, last: int) -> str:
    """Of a stretch that a word is: all, the start, the end, or inside."""
    if last - first == 1:
        return "all"
    return {first: "start", last - 1: "end"}.get(place, "inside")
