"""Offsets in code points and in UTF-16 code units, as JavaScript counts: tools in a browser may export either."""

from __future__ import annotations

from itertools import accumulate
from typing import Literal

from understudy.errors import UserError

Unit = Literal["code-points", "utf-16"]
LAST_SINGLE = "\uffff"


def to_utf16(text: str, offset: int) -> int:
    """How many UTF-16 code units stand before a code point."""
    return offset + sum(character > LAST_SINGLE for character in text[:offset])


def from_utf16(text: str, offset: int) -> int:
    """How many code points stand before a UTF-16 code unit.

    Raises
    ------
    UserError
        If the offset lies inside a character or outside the text.
    """
    if text.isascii() and 0 <= offset <= len(text):
        return offset
    starts = [0, *accumulate(2 if character > LAST_SINGLE else 1 for character in text)]
    try:
        return starts.index(offset)
    except ValueError as exc:
        raise UserError(
            f"offset {offset} in UTF-16 units lies inside a character or outside `{text:.30}`.",
            'Set `data.offsets = "code-points"` if the file counts code points.',
        ) from exc


def in_code_points(text: str, start: int, end: int, unit: Unit) -> tuple[int, int]:
    """A span's offsets in code points."""
    return (start, end) if unit == "code-points" else (from_utf16(text, start), from_utf16(text, end))


def in_unit(text: str, start: int, end: int, unit: Unit) -> tuple[int, int]:
    """A span's offsets, given in code points, in a unit."""
    return (start, end) if unit == "code-points" else (to_utf16(text, start), to_utf16(text, end))


def may_differ(text: str, end: int) -> bool:
    """Whether a span that ends at that offset, in either unit, could mean two things."""
    return any(character > LAST_SINGLE for character in text[:end])
