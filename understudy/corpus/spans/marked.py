"""What every format of marked texts is read to and written from: a document, its tokens, and the rest of its record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from understudy.corpus.spans.joining import join_tokens
from understudy.errors import UserError
from understudy.records import Document, Span, Value

Place = tuple[int, int]
"""Code points ``[start, end)`` of a token."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Marked:
    """One record of a format.

    Attributes
    ----------
    document : spans sorted and each once; relations have head, tail and a label.
    places : the tokens of a tokenised format, in order; None for one that has no tokens.
    rest : what else the record held, as the format's module names it, so that it can be written again.
    """

    document: Document
    places: tuple[Place, ...] | None = None
    rest: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans of the value; none where there is no value.

        Raises
        ------
        UserError
            If the value is of another kind than spans.
        """
        return spans_of(self.document.value, self.document.id)


def spans_of(value: Value | None, name: str) -> tuple[Span, ...]:
    """The spans in a value; raises UserError for a value of another kind."""
    found = () if value is None else value
    if isinstance(found, str) or not all(isinstance(span, Span) for span in found):
        raise UserError(f"`{name}` has a label, not spans.", "Choose a format for labels of whole texts.")
    return tuple(span for span in found if isinstance(span, Span))


def pair_of(document: Document) -> tuple[Span, Span, str]:
    """Head, tail and label of a relation document; raises UserError if it has none."""
    if document.head is None or document.tail is None or not isinstance(document.value, str):
        raise UserError(f"`{document.id}` is no relation: it needs a head, a tail and a label.", "Give it all three.")
    return document.head, document.tail, document.value


def sorted_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans in the order of a value, each once."""
    return tuple(sorted(set(spans), key=lambda span: (span.start, span.end, span.label)))


def quoted(text: str, start: int, end: int, label: str) -> Span:
    """The span of a text at these code points.

    Raises
    ------
    UserError
        If they do not fit the text.
    """
    if not 0 <= start < end <= len(text):
        raise UserError(
            f"a span of `{label}` at {start}:{end} does not fit its text of {len(text)} characters.",
            "Offsets are `[start, end)`; check that the file was not edited since it was exported.",
        )
    return Span(start, end, label, text[start:end])


def place_tokens(tokens: Sequence[str], text: str | None, name: str) -> tuple[str, tuple[Place, ...]]:
    """A text and where its tokens stand in it; without a text, the tokens joined.

    Raises
    ------
    UserError
        If the tokens do not stand in the text in their order.
    """
    if text is None:
        joined = join_tokens(tokens)
        return joined.text, joined.places
    places: list[Place] = []
    end = 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0:
            raise UserError(f"`{name}`: token `{token:.40}` does not stand in its text there.", "Leave out the text.")
        end = start + len(token)
        places.append((start, end))
    return text, tuple(places)


def token_places(marked: Marked, spans: Sequence[Span]) -> tuple[Place, ...]:
    """The record's own tokens where every span begins and ends with one, else words that are cut at every span."""
    places = marked.places
    if places is not None:
        starts, ends = {start for start, _ in places}, {end for _, end in places}
        if all(span.start in starts and span.end in ends for span in spans):
            return places
    return tuple(_words(marked.document.text, spans))


def token_range(places: Sequence[Place], span: Span) -> Place:
    """First token and one past the last token of a span that begins and ends with tokens."""
    first = next(number for number, (start, end) in enumerate(places) if start == span.start and end > start)
    last = next(number for number, (start, end) in enumerate(places) if end == span.end and end > start)
    return first, last + 1


def needs_text(text: str, tokens: Sequence[str]) -> bool:
    """Whether the tokens alone do not give the text back."""
    return join_tokens(tokens).text != text


def _words(text: str, spans: Sequence[Span]) -> Iterator[Place]:
    """Runs without white space, cut where a span begins or ends; white space at a span's edge goes to its word."""
    starts, ends = {span.start for span in spans}, {span.end for span in spans}
    cuts = sorted({0, len(text), *starts, *ends})
    for left, right in pairwise(cuts):
        words = [(left + match.start(), left + match.end()) for match in re.finditer(r"\S+", text[left:right])]
        if words and left in starts:
            words[0] = (left, words[0][1])
        if words and right in ends:
            words[-1] = (words[-1][0], right)
        yield from words
