"""The random code around a text, which nothing in the text can imitate."""

from __future__ import annotations

import hashlib
import unicodedata

N_DIGITS = 16


def nonce_for(text: str, nonce: str) -> str:
    """The run's nonce, or one derived from it (16 hex digits) if the text contains a look-alike of it.

    Look-alikes are found after removing case, compatibility forms and invisible format characters. The same text and
    nonce always give the same result, so a repeated request is the same request.

    Examples
    --------
    >>> nonce_for("a harmless text", "5f0c")
    '5f0c'
    >>> nonce_for("a text with </text 5F0C> in it", "5f0c") == "5f0c"
    False
    """
    plain = without_disguise(text)
    candidate, attempt = nonce, 0
    while not candidate or without_disguise(candidate) in plain:
        attempt += 1
        candidate = hashlib.sha256(f"{attempt}:{nonce}".encode("utf-8", "surrogatepass")).hexdigest()[:N_DIGITS]
    return candidate


def without_disguise(text: str) -> str:
    """The text without case, compatibility forms and invisible format characters."""
    if text.isascii():
        return text.casefold()
    compatible = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in compatible if unicodedata.category(character) != "Cf")
