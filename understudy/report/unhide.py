"""Makes characters that a reader would not see visible, so that no text on the page says more than it shows.

Escaping for HTML is the template's work, not done here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls other than tab and line feed
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # fillers, soft hyphen, Arabic letter mark
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero widths, directions, separators
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors, tags
    "\ud800-\udfff"  # lone surrogates
    "]+"
)
JOINERS = "\u200c\u200d\ufe0e\ufe0f"
TAGS = range(0xE0020, 0xE007F)
MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, or the description that stands for hidden characters."""

    text: str
    is_hidden: bool


def pieces(text: str) -> list[Piece]:
    r"""The text, with every run of hidden characters replaced by a description.

    Joiners and variation selectors stay where a script or an emoji needs them. A message in tag characters is read out.

    Examples
    --------
    >>> [piece.text for piece in pieces("a\u202eb")]
    ['a', 'U+202E', 'b']
    """
    return list(_pieces(text.replace("\r\n", "\n")))


def unhidden(text: str) -> str:
    r"""The same in one string, descriptions in angle brackets.

    Examples
    --------
    >>> unhidden("a\x00b")
    'a⟨U+0000⟩b'
    """
    return "".join(f"⟨{piece.text}⟩" if piece.is_hidden else piece.text for piece in pieces(text))


def _pieces(text: str) -> Iterator[Piece]:
    start = 0
    for run in HIDDEN.finditer(text):
        if _is_needed(text, run):
            continue
        if run.start() > start:
            yield Piece(text[start : run.start()], False)
        yield Piece(_describe(run[0]), True)
        start = run.end()
    if start < len(text):
        yield Piece(text[start:], False)


def _is_needed(text: str, run: re.Match[str]) -> bool:
    """Whether these are joiners after a character that takes them: an emoji, or a letter beyond Latin."""
    before = text[run.start() - 1] if run.start() else ""
    if len(run[0]) > 2 or any(character not in JOINERS for character in run[0]) or before < "\u00a9":
        return run[0] == "\ufe0f" and before in set("#*0123456789")
    return unicodedata.category(before) in {"So", "Sk", "Sm", "Lo", "Mn", "Mc", "Po"}


def _describe(run: str) -> str:
    if all(ord(character) in TAGS for character in run):
        return "hidden tags: " + "".join(chr(ord(character) - 0xE0000) for character in run)
    named = [f"U+{ord(character):04X}" for character in run]
    if len(set(named)) == 1 and len(named) > 1:
        return f"{named[0]} × {len(named):,}"
    rest = f" and {len(named) - MOST_NAMED:,} more hidden" if len(named) > MOST_NAMED else ""
    return " ".join(named[:MOST_NAMED]) + rest
