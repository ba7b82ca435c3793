"""A text as the words a tagger decides about, with the windows of tokens that they are computed in. Knows no labels.

Words are made of the tokenizer's tokens and their offsets, so that any tokenizer and any script serve; a text longer
than the model's window is read in overlapping windows, each word in the one where it has the most context.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from understudy.embedding import Tokens

IntArray = NDArray[np.int64]

OVERLAP = 4
"""Two neighbouring windows share one token in so many."""

JOINER = "\u200d"
VARIATIONS = "\ufe0e\ufe0f"
SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, kana and ideographs: a word does not show where it ends."""

SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Words:
    """One text, read.

    Attributes
    ----------
    text : what was read.
    windows : the tokens, at least one window, special tokens included.
    starts, ends : shape (n,), code points of the text, half-open; words are in order and do not overlap.
    window, position : shape (n,), where each word's first token stands: in which window, at which place.
    """

    text: str
    windows: Sequence[Encoding]
    starts: IntArray
    ends: IntArray
    window: IntArray
    position: IntArray

    def __len__(self) -> int:
        return len(self.starts)

    def covered(self, start: int, end: int) -> tuple[int, int]:
        """The words that a span of the text touches, as ``[first, last)``; empty if it touches none."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        return first, max(first, int(np.searchsorted(self.starts, end, side="left")))


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    window: int
    position: int


def with_windows(tokens: Tokens) -> Tokens:
    """The same tokens, which give longer texts as overlapping windows; padding goes behind the text."""
    tokenizer = Tokenizer.from_str(tokens.tokenizer.to_str())
    room = tokens.max_tokens - tokenizer.num_special_tokens_to_add(is_pair=False)
    tokenizer.enable_truncation(max_length=tokens.max_tokens, stride=max(0, room) // OVERLAP)
    return Tokens(tokenizer, tokens.max_tokens, tokens.pad_id, pads_left=False)


def read_words(tokens: Tokens, texts: Sequence[str], *, is_whole: bool) -> list[Words]:
    """Each text's words.

    Parameters
    ----------
    tokens : as `with_windows` gives them.
    is_whole : a word is never cut inside, whatever its tokens; False makes a word of every token, but for those
        that share a character. Ideographs and scripts without spaces are cut wherever tokens end, in either case.
    """
    shared = int((tokens.tokenizer.truncation or {}).get("stride", 0))
    encodings = tokens.read([SURROGATES.sub("\ufffd", text) for text in texts])
    return [
        _words(text, [encoding, *encoding.overflowing], shared, is_whole=is_whole)
        for text, encoding in zip(texts, encodings, strict=True)
    ]


def cuts_a_word(text: str, place: int) -> bool:
    """Whether a border before the code point at `place` would stand inside a word or inside a character."""
    if not 0 < place < len(text):
        return False
    before, after = text[place - 1], text[place]
    return _extends(after) or before == JOINER or (_is_wordlike(before) and _is_wordlike(after))


def _words(text: str, windows: Sequence[Encoding], shared: int, *, is_whole: bool) -> Words:
    groups: list[list[_Token]] = []
    for token in _tokens(text, windows, shared):
        if groups and _belongs(text, groups[-1][-1], token, is_whole=is_whole):
            groups[-1].append(token)
        else:
            groups.append([token])
    starts = [group[0].start for group in groups]
    ends = [max(token.end for token in group) for group in groups]
    limits = [*starts[1:], len(text)]
    return Words(
        text,
        windows,
        np.array(starts, dtype=np.int64),
        np.array([_extended(text, end, limit) for end, limit in zip(ends, limits, strict=False)], dtype=np.int64),
        np.array([group[0].window for group in groups], dtype=np.int64),
        np.array([group[0].position for group in groups], dtype=np.int64),
    )


def _belongs(text: str, last: _Token, token: _Token, *, is_whole: bool) -> bool:
    if token.start < last.end:
        return True
    between = text[last.end : token.start]
    if any(not _extends(character) for character in between):
        return False
    before, after = text[token.start - 1], text[token.start]
    return _extends(after) or before == JOINER or (is_whole and _is_wordlike(before) and _is_wordlike(after))


def _tokens(text: str, windows: Sequence[Encoding], shared: int) -> Iterator[_Token]:
    """Every visible token once, in order, from the window in which it stands farthest from both edges."""
    places: dict[int, tuple[int, int, int]] = {}
    first = 0
    for number, window in enumerate(windows):
        own = [place for place, special in enumerate(window.special_tokens_mask) if not special]
        for rank, place in enumerate(own):
            context = min(rank, len(own) - 1 - rank)
            if first + rank not in places or context > places[first + rank][0]:
                places[first + rank] = (context, number, place)
        first += len(own) - shared
    for index in sorted(places):
        _, number, place = places[index]
        start, end = _trimmed(text, *windows[number].offsets[place])
        if start < end:
            yield _Token(start, end, number, place)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    quote = text[start:end]
    return start + len(quote) - len(quote.lstrip()), end - len(quote) + len(quote.rstrip())


def _extended(text: str, end: int, limit: int) -> int:
    while end < limit and (_extends(text[end]) or (text[end - 1] == JOINER and not text[end].isspace())):
        end += 1
    return end


def _extends(character: str) -> bool:
    """Whether it belongs to the character before: a mark, a joiner, a variation or a skin tone."""
    if character.isascii():
        return False
    is_tone = SKIN_TONES[0] <= character <= SKIN_TONES[1]
    return character == JOINER or character in VARIATIONS or is_tone or unicodedata.category(character)[0] == "M"


def _is_wordlike(character: str) -> bool:
    return (character.isalnum() or character == "_" or _extends(character)) and not UNSPACED.match(character)
