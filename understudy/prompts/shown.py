"""A text as the model sees it, and the way back: every stretch of it leads to a stretch of the stored original."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.prompts.masking import Mask
from understudy.prompts.visible import visible_positions
from understudy.records import Span


@dataclass(frozen=True)
class Shown:
    """A text without what nobody sees, with placeholders where data are masked.

    Attributes
    ----------
    text : as it is sent.
    original : as it is stored.
    starts, ends : where each character of `text` begins and ends in `original`; both never fall.
    is_disguised : whether look-alikes of our own marks were replaced in `text`.
    """

    text: str
    original: str
    starts: Sequence[int]
    ends: Sequence[int]
    is_disguised: bool = False

    def span(self, start: int, end: int, label: str) -> Span | None:
        """The stretch ``[start, end)`` of `text` without outer white space, in the original; None if nothing is left.

        A stretch that touches a placeholder takes in all that the placeholder stands for.
        """
        quote = self.text[start:end]
        start, end = start + len(quote) - len(quote.lstrip()), start + len(quote.rstrip())
        if start >= end:
            return None
        first, last = self.starts[start], self.ends[end - 1]
        return Span(first, last, label, self.original[first:last])

    def stretch(self, span: Span) -> tuple[int, int]:
        """Where a span of the original stands in `text`; empty if nothing of it is seen."""
        return bisect_right(self.ends, span.start), bisect_left(self.starts, span.end)


def show(text: str, mask: Mask | None = None, look_alikes: re.Pattern[str] | None = None) -> Shown:
    """A text as it is sent.

    Parameters
    ----------
    look_alikes : finds what could be taken for our own marks; its first character is replaced by one that looks alike.
    """
    masked = None if mask is None else mask.apply(text)
    seen, starts, ends = visible_positions(text if masked is None else masked.text)
    if masked is not None and masked.pieces:
        places = [masked.original_span(start, end) for start, end in zip(starts, ends, strict=True)]
        starts, ends = [start for start, _ in places], [end for _, end in places]
    disguised = seen if look_alikes is None else look_alikes.sub(_disguised, seen)
    return Shown(disguised, text, starts, ends, disguised != seen)


def _disguised(found: re.Match[str]) -> str:
    return {"<": "‹", "[": "［"}[found[0][0]] + found[0][1:]
