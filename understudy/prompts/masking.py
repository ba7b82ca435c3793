"""Replaces personal data in a text by placeholders before anything leaves the machine; it sends and stores nothing.

Patterns find what has a form: e-mail addresses, web addresses, user handles, phone numbers, numbers, and names from a
list. What has no form (a name that is not on the list, an address in words) stays; masking is a help, not anonymity.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

_PATTERNS = {
    "email": r"(?<![\w.+%'-])[\w.+%'-]{1,64}[@＠][\w-]+(?:[.。．][\w-]+)+",
    "url": r"(?:https?://|www\.)[^\s<>\"'”’)\]]*[^\s<>\"'”’)\].,;:!?…]",
    "handle": r"(?<![\w@/.])[@＠][A-Za-z0-9_](?:[\w.]{0,28}\w)?",
    "phone": r"(?<![\w.,+])(?:[+(0]\d{0,5}\)?(?:[ \t./()-]{1,2}\d{1,8}){1,6}(?!\w)"
    r"|\d{1,5}(?:[ \t./()-]{1,2}\d{1,8}){2,6})(?!\w)"
    r"|(?<![\w.,])\+\d{7,15}(?!\w)",
    "number": r"(?<![\w\[])[+-]?\d+(?:[.,:/-]\d+)*(?!\w)",
}
ORDER = ("url", "email", "handle", "phone", "number", "name")
FEWEST_PHONE_DIGITS, MOST_PHONE_DIGITS = 7, 15
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One replaced stretch: code points ``[start, end)`` of the original, what stood there and what stands now."""

    start: int
    end: int
    original: str
    placeholder: str


@dataclass(frozen=True)
class Masked:
    """A text with placeholders, and the way back.

    Attributes
    ----------
    text : as it is sent.
    pieces : what was replaced, in order, without overlaps.
    """

    text: str
    pieces: tuple[Piece, ...]

    def restore(self, text: str) -> str:
        """A text of the model with every placeholder replaced by what it stands for."""
        known = {piece.placeholder: piece.original for piece in self.pieces}
        return re.sub("|".join(map(re.escape, known)), lambda found: known[found[0]], text) if known else text

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Where code points ``[start, end)`` of the masked text stand in the original; placeholders map as a whole.

        Raises
        ------
        ValueError
            If it is no stretch of the masked text.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"[{start}, {end}) is no stretch of a text of {len(self.text)} characters")
        return self._original(start, is_end=False), self._original(end, is_end=True)

    @cached_property
    def _starts(self) -> list[int]:
        """Where each placeholder begins in the masked text."""
        shift, starts = 0, []
        for piece in self.pieces:
            starts.append(piece.start + shift)
            shift += len(piece.placeholder) - (piece.end - piece.start)
        return starts

    def _original(self, position: int, *, is_end: bool) -> int:
        index = bisect_right(self._starts, position - is_end) - 1
        if index < 0:
            return position
        piece, begin = self.pieces[index], self._starts[index]
        if position - is_end < begin + len(piece.placeholder):
            return piece.end if is_end else piece.start
        return piece.end + position - begin - len(piece.placeholder)


@dataclass(frozen=True)
class Mask:
    """What to replace.

    Attributes
    ----------
    kinds : of ``email``, ``url``, ``handle``, ``phone``, ``number``, ``name``.
    names : what ``name`` replaces: whole words, in any case and Unicode form.
    """

    kinds: tuple[str, ...]
    names: tuple[str, ...] = ()

    def apply(self, text: str) -> Masked:
        """The text with placeholders such as ``[EMAIL_1]``; equal originals get equal ones.

        Invisible format characters inside an address do not hide it. A placeholder that already stands in the text is
        not used for something else.
        """
        pieces: list[Piece] = []
        given: dict[tuple[str, str], str] = {}
        for start, end, kind in self._stretches(text):
            original = text[start:end]
            key = (kind, _plain(original)[0].casefold())
            given[key] = given.get(key) or _fresh(kind, given, text)
            pieces.append(Piece(start, end, original, given[key]))
        return Masked(_replaced(text, pieces), tuple(pieces))

    def _stretches(self, text: str) -> list[tuple[int, int, str]]:
        """What is replaced, in order; an earlier kind wins where two overlap."""
        plain, positions = _plain(text)
        taken: list[tuple[int, int, str]] = []
        for kind in ORDER:
            if kind in self.kinds:
                for start, end in self._found(kind, plain):
                    stretch = (positions[start], positions[end - 1] + 1, kind)
                    if all(stretch[1] <= other[0] or other[1] <= stretch[0] for other in taken):
                        taken.append(stretch)
        return sorted(taken)

    def _found(self, kind: str, plain: str) -> Iterator[tuple[int, int]]:
        pattern = _name_pattern(self.names) if kind == "name" else _pattern(kind)
        for found in pattern.finditer(plain) if pattern else ():
            if kind != "phone" or _is_phone(found[0]):
                yield found.span()


@lru_cache(maxsize=len(_PATTERNS))
def _pattern(kind: str) -> re.Pattern[str]:
    return re.compile(_PATTERNS[kind])


@lru_cache(maxsize=4)
def _name_pattern(names: tuple[str, ...]) -> re.Pattern[str] | None:
    forms = {form for name in names if name.strip() for form in _forms(name.strip())}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE) if forms else None


def _forms(name: str) -> tuple[str, str]:
    return unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)


def _plain(text: str) -> tuple[str, Sequence[int]]:
    """The text without invisible format characters, and where each of its characters stands."""
    if text.isascii():
        return text, range(len(text))
    positions = [index for index, character in enumerate(text) if unicodedata.category(character) != "Cf"]
    return "".join(text[index] for index in positions), positions


def _is_phone(found: str) -> bool:
    n_digits = sum(character.isdigit() for character in found)
    return FEWEST_PHONE_DIGITS <= n_digits <= MOST_PHONE_DIGITS and not _DATE.fullmatch(found.strip())


def _fresh(kind: str, given: dict[tuple[str, str], str], text: str) -> str:
    number = 1 + sum(known == kind for known, _ in given)
    while (placeholder := f"[{kind.upper()}_{number}]") in text or placeholder in given.values():
        number += 1
    return placeholder


def _replaced(text: str, pieces: Sequence[Piece]) -> str:
    parts, end = [], 0
    for piece in pieces:
        parts += [text[end : piece.start], piece.placeholder]
        end = piece.end
    return "".join([*parts, text[end:]])
