"""Spans over words as tags a word, and back: BIO or BIOES, never an illegal sequence. Knows no text and no model.

A layer is one sequence of tags; flat spans need one layer for all labels, nested ones a layer for each label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

TaggedSpan = tuple[int, int, int]
"""First word, one past the last word, column of the label."""

Scheme = Literal["bio", "bioes"]

STARTS, OPEN, INSIDE = "BS", "BI", "IE"
"""Tags at which a span starts, after which it may go on, and which go on with one."""

SMALLEST = 1e-30


@dataclass(frozen=True)
class TagScheme:
    """The tags of a codebook with K labels.

    Attributes
    ----------
    labels : in codebook order.
    is_nested : whether spans may overlap; if so, those of different labels only.
    scheme : ``bio``, or ``bioes`` with tags of their own for a span's end and for one of a single word.
    """

    labels: tuple[str, ...]
    is_nested: bool = False
    scheme: Scheme = "bio"

    @cached_property
    def layers(self) -> tuple[tuple[int, ...], ...]:
        """Columns of the labels of each layer."""
        columns = tuple(range(len(self.labels)))
        return tuple((column,) for column in columns) if self.is_nested else (columns,)

    @cached_property
    def prefixes(self) -> str:
        """Of the tags of a label, in their order."""
        return "BI" if self.scheme == "bio" else "BIES"

    @property
    def n_tags(self) -> int:
        """Of a layer, O included, which is the first."""
        return 1 + len(self.layers[0]) * len(self.prefixes)

    @property
    def width(self) -> int:
        """Tags of all layers."""
        return len(self.layers) * self.n_tags

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of all tags, layer after layer; all different."""
        found: list[str] = []
        for layer in self.layers:
            found.append(f"O-{self.labels[layer[0]]}" if self.is_nested else "O")
            found += [f"{prefix}-{self.labels[column]}" for column in layer for prefix in self.prefixes]
        return tuple(found)

    def encode(self, spans: Sequence[TaggedSpan], n_words: int) -> tuple[IntArray, int]:
        """The tags of n words, shape (n, layers), and how many spans found no place.

        A span has no place if it holds no word, or if a word of it belongs to an earlier span of its layer.
        """
        tags = np.zeros((n_words, len(self.layers)), dtype=np.int64)
        lost = 0
        for first, last, column in sorted(spans):
            layer = column if self.is_nested else 0
            if first >= last or tags[first:last, layer].any():
                lost += 1
            else:
                tags[first:last, layer] = self._tags(last - first, column)
        return tags, lost

    def shares(self, answers: Sequence[Sequence[TaggedSpan]], n_words: int) -> tuple[FloatArray, int]:
        """The share of answers with each tag, shape (n, layers, tags), all 0 without an answer; and the spans lost."""
        found = np.zeros((n_words, len(self.layers), self.n_tags))
        lost = 0
        for spans in answers:
            tags, without_place = self.encode(spans, n_words)
            np.put_along_axis(found, tags[..., None], np.take_along_axis(found, tags[..., None], 2) + 1, 2)
            lost += without_place
        return found / max(1, len(answers)), lost

    def decode(self, probabilities: FloatArray, lenience: float = 0.0) -> list[TaggedSpan]:
        """The spans of the most probable legal tags.

        Parameters
        ----------
        probabilities : shape (n, layers, tags).
        lenience : what O loses in log-odds first.
        """
        scores = np.log(np.maximum(probabilities, SMALLEST))
        scores[:, :, 0] -= lenience
        return sorted(span for number in range(len(self.layers)) for span in self._spans(scores[:, number], number))

    def starts(self, probabilities: FloatArray) -> FloatArray:
        """Probability that a span of each label starts at each word, shape (n, K), from (n, layers, tags)."""
        n_words = len(probabilities)
        own = probabilities[:, :, 1:].reshape(n_words, len(self.labels), len(self.prefixes))
        which = [place for place, prefix in enumerate(self.prefixes) if prefix in STARTS]
        return np.asarray(own[:, :, which].sum(axis=2))

    @cached_property
    def allowed(self) -> BoolArray:
        """Whether a tag may follow another, shape (tags, tags), from the row's to the column's."""
        tags = [self._tag(number) for number in range(self.n_tags)]
        return np.array([[self._may_follow(before, after) for after in tags] for before in tags], dtype=np.bool_)

    @cached_property
    def may_start(self) -> BoolArray:
        """Whether a tag may come first, shape (tags,)."""
        starts: BoolArray = self.allowed[0]
        return starts

    @cached_property
    def may_end(self) -> BoolArray:
        """Whether a tag may come last, shape (tags,)."""
        ends: BoolArray = self.allowed[:, 0]
        return ends

    def _may_follow(self, before: tuple[str, int], after: tuple[str, int]) -> bool:
        goes_on = after[0] in INSIDE
        if self.scheme == "bio":
            return not goes_on or (before[0] in OPEN and before[1] == after[1])
        return (before[0] in OPEN) == goes_on and (not goes_on or before[1] == after[1])

    def _tag(self, number: int) -> tuple[str, int]:
        """Prefix and place of the label in its layer."""
        place, prefix = divmod(number - 1, len(self.prefixes))
        return ("O", -1) if number == 0 else (self.prefixes[prefix], place)

    def _tags(self, length: int, column: int) -> list[int]:
        base = 1 + (0 if self.is_nested else column) * len(self.prefixes)
        if self.scheme == "bio":
            return [base] + [base + 1] * (length - 1)
        return [base + 3] if length == 1 else [base, *[base + 1] * (length - 2), base + 2]

    def _spans(self, scores: FloatArray, layer: int) -> list[TaggedSpan]:
        spans: list[TaggedSpan] = []
        for place, number in enumerate(viterbi(scores, self.allowed, self.may_start, self.may_end)):
            prefix, label = self._tag(int(number))
            if prefix in STARTS:
                spans.append((place, place + 1, self.layers[layer][label]))
            elif prefix in INSIDE:
                spans[-1] = (spans[-1][0], place + 1, spans[-1][2])
        return spans


def viterbi(scores: FloatArray, allowed: BoolArray, may_start: BoolArray, may_end: BoolArray) -> IntArray:
    """The legal sequence with the largest sum of scores, shape (n,); the first tag where there is a tie.

    Parameters
    ----------
    scores : shape (n, tags), finite.
    allowed : shape (tags, tags), whether the column's tag may follow the row's.
    may_start, may_end : shape (tags,); some sequence of n tags must be legal.

    References
    ----------
    Viterbi (1967), IEEE Transactions on Information Theory 13.
    """
    n, n_tags = scores.shape
    if not n:
        return np.zeros(0, dtype=np.int64)
    barred = np.where(allowed, 0.0, -np.inf)
    best = scores[0] + np.where(may_start, 0.0, -np.inf)
    came_from = np.zeros((n, n_tags), dtype=np.int64)
    for place in range(1, n):
        paths = best[:, None] + barred
        came_from[place] = paths.argmax(axis=0)
        best = paths.max(axis=0) + scores[place]
    tags = np.zeros(n, dtype=np.int64)
    tags[-1] = int((best + np.where(may_end, 0.0, -np.inf)).argmax())
    for place in range(n - 1, 0, -1):
        tags[place - 1] = came_from[place, tags[place]]
    return tags
