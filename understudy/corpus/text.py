"""What can be said of a text without understanding it: its digest, whether it is blank, what it hides."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from understudy.records import Document

FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Characters that are drawn as nothing although Unicode counts them among letters or symbols."""
_ORDINARY = re.compile(  # joiners inside emoji and non-Latin words, and the flags of England, Scotland, Wales
    "(?<=[\u0590-\u1fff\u2100-\U000dffff])[\u200c\u200d](?=[\u0590-\u1fff\u2100-\U000dffff])"
    "|\U0001f3f4[\U000e0030-\U000e007a]{1,6}\U000e007f"
)
_HIDDEN = {
    "control character": "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "zero-width character": "[\u00ad\u180e\u200b-\u200d\u2060-\u2064\ufeff\ufff9-\ufffb]",
    "bidi control": "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]",
    "tag character": "[\U000e0000-\U000e007f]",
    "run of variation selectors": "[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}",
    "private use character": "[\ue000-\uf8ff\U000f0000-\U0010fffd]",
    "replacement character": "\ufffd",
}
_KINDS = {kind: re.compile(pattern) for kind, pattern in _HIDDEN.items()}
_MISREAD = re.compile("Ã[\u0080-\u00bf\u0192\u0153\u0178\u2013-\u2122]|â€[\u0080-\u00bf\u0153\u2013-\u2122]")
_ANY = re.compile("|".join(_HIDDEN.values()))


def text_digest(text: str) -> str:
    """SHA-256 of the UTF-8 text, as 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def document_digest(document: Document) -> str:
    """Digest of what an answer is about: the text alone, or of a relation the text with its marked head and tail."""
    if document.head is None and document.tail is None:
        return text_digest(document.text)
    return text_digest(f"{document.text}\n{(document.head, document.tail)}")


def same_text_key(text: str) -> str:
    """What two texts share that a reader calls the same: Unicode composed (NFC), every run of white space one space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def is_blank(text: str) -> bool:
    """Whether nothing can be seen: empty, white space, zero-width and control characters only."""
    return all(_is_invisible(character) for character in text)


def hidden_characters(text: str) -> dict[str, int]:
    """Kind of hidden character -> how often it occurs; empty for an ordinary text.

    Tab and line breaks are ordinary, and so are joiners inside emoji and non-Latin words. A replacement character
    (U+FFFD) says that an earlier program misread the text.
    """
    if not _ANY.search(text):
        return {}
    rest = _ORDINARY.sub("", text)
    counts = {kind: len(pattern.findall(rest)) for kind, pattern in _KINDS.items()}
    return {kind: count for kind, count in counts.items() if count}


def _is_invisible(character: str) -> bool:
    if character.isspace() or character in FILLERS or "\ufe00" <= character <= "\ufe0f":
        return True
    return unicodedata.category(character) in ("Cc", "Cf")


def looks_misread(text: str) -> bool:
    """Whether UTF-8 was once read as Windows-1252 (`Ã¼` for `ü`, `â€™` for `’`)."""
    return _MISREAD.search(text) is not None
