"""Cuts a text where spans begin and end, so that a page can mark who said what. Draws nothing, loses no character."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from understudy.records import Span
from understudy.report.unhide import Piece, pieces

Said = Mapping[str, Sequence[Span]]
"""Who says it -> spans of one text."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A span that ends here: its label, its quote, and everybody who marked it, in the order asked for."""

    label: str
    quote: str
    voices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a text in which no span begins or ends.

    Attributes
    ----------
    parts : the text, hidden characters described.
    voices : who marks it, each once; empty if nobody does.
    begins : whether a span begins with it.
    tags : the spans that end with it, the shortest first.
    """

    parts: tuple[Piece, ...]
    voices: tuple[str, ...] = ()
    begins: bool = False
    tags: tuple[Tag, ...] = ()


def stretches(text: str, said: Said, start: int = 0, end: int | None = None) -> tuple[Stretch, ...]:
    """The code points ``[start, end)`` of a text, cut at every border of a span; nested and overlapping spans too.

    Parameters
    ----------
    said : offsets are of the whole text; the parts of spans outside ``[start, end)`` are left out.
    end : None for the end of the text.
    """
    end = len(text) if end is None else end
    borders = {border for spans in said.values() for span in spans for border in (span.start, span.end)}
    cuts = sorted({start, end} | {border for border in borders if start < border < end})
    return tuple(_stretch(text, said, left, right) for left, right in pairwise(cuts))


def safe_cut(cut: int, said: Said) -> int:
    """The first position at or after `cut` that lies inside no span."""
    while inside := [span.end for spans in said.values() for span in spans if span.start < cut < span.end]:
        cut = max(inside)
    return cut


def _stretch(text: str, said: Said, left: int, right: int) -> Stretch:
    spans = [span for own in said.values() for span in own]
    return Stretch(
        parts=tuple(pieces(text[left:right])),
        voices=tuple(voice for voice, own in said.items() if any(s.start <= left and right <= s.end for s in own)),
        begins=any(span.start == left for span in spans),
        tags=_tags(said, right),
    )


def _tags(said: Said, end: int) -> tuple[Tag, ...]:
    ending = {span: None for own in said.values() for span in own if span.end == end}
    ordered = sorted(ending, key=lambda span: (-span.start, span.label))
    return tuple(
        Tag(span.label, span.text, tuple(voice for voice, own in said.items() if span in own)) for span in ordered
    )
