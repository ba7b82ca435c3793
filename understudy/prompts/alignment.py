"""Finds in a text what a model has repeated of it; pure, and never guesses: what has no one place is given none.

Three steps, each stricter about the text than lenient about the model:

1. exact: the same characters;
2. normalised: the same after NFC, and without case, white space, invisible format characters and the form of quotation
   marks and dashes; only foldings that keep track of every character are used;
3. by edit script: at least `LEAST_SIMILARITY` of the characters match, and a stretch has a place only if all of it, and
   the characters beside it, are unchanged.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

LEAST_SIMILARITY = 0.98
"""Share of the characters of both texts that must match, folded."""

MOST_COMPARED = 1_000
"""Differing middles with more characters than this on either side are compared step by step, not as a whole."""

AGREEING = 16
FARTHEST = 64
"""Step by step, texts agree again where so many characters are equal, at most so many characters after a difference."""

MOST_COMPOSED = 32
"""Characters that are looked at together; longer piles of accents are no writing."""

_DASHES = "\u058a\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_FORMS = dict.fromkeys("“”„‟«»", '"') | dict.fromkeys("‘’‚‛`´", "'") | dict.fromkeys(_DASHES, "-")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_INSIDE_WORD = re.compile(rf"[^\W{_UNSPACED}]{{2}}")
"""Two characters that belong to one word, in scripts that write spaces."""


@dataclass(frozen=True)
class Folded:
    """A text without what does not count, and where each of its characters comes from.

    Attributes
    ----------
    starts, ends : where each character of `text` begins and ends in the unfolded text; both never fall.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def within(self, start: int, end: int) -> tuple[int, int] | None:
        """The folded characters of the stretch ``[start, end)``; None if it has none or cuts one in two."""
        first, last = bisect_left(self.starts, start), bisect_right(self.ends, end)
        is_cut = first > 0 and self.ends[first - 1] > start
        is_cut = is_cut or (last < len(self.ends) and self.starts[last] < end)
        return None if is_cut or first >= last else (first, last)


@dataclass(frozen=True)
class Alignment:
    """Where the characters of what was said stand in the source.

    Attributes
    ----------
    source, said : both texts, folded.
    blocks : equal stretches as (first in said, first in source, length), in order, without overlaps.
    similarity : share of the characters of both texts that match, in [0, 1].
    is_exact : whether they are equal before folding.
    """

    source: Folded
    said: Folded
    blocks: Sequence[tuple[int, int, int]]
    similarity: float
    is_exact: bool = False

    def place(self, start: int, end: int) -> tuple[int, int] | None:
        """Where the stretch ``[start, end)`` of what was said stands in the source; None if that is not certain."""
        found = self.said.within(start, end)
        block = None if found is None else next((b for b in self.blocks if b[0] <= found[0] < b[0] + b[2]), None)
        if found is None or block is None or not self._holds(block, *found):
            return None
        shift = block[1] - block[0]
        return self.source.starts[found[0] + shift], self.source.ends[found[1] - 1 + shift]

    def around(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the source in which ``[start, end)`` must lie, if it is there; maybe empty."""
        first, last = bisect_right(self.said.ends, start), bisect_left(self.said.starts, end)
        before = [b + min(n, first - a) for a, b, n in self.blocks if a < first]
        after = [max(b, b + last - a) for a, b, n in self.blocks if last < a + n]
        low, high = max(before, default=0), min(after, default=len(self.source.text))
        return (self.source.starts[low], self.source.ends[high - 1]) if low < high else (0, 0)

    def _holds(self, block: tuple[int, int, int], first: int, last: int) -> bool:
        """Whether a block holds a stretch and one character more on either side, where there is one."""
        said, source, n = block
        before = first > said or (said == 0 and source == 0)
        is_end = said + n == len(self.said.text) and source + n == len(self.source.text)
        return before and (last < said + n or (last == said + n and is_end))


def align(source: str, said: str, *, is_strict: bool = False) -> Alignment | None:
    """How what was said lies on the source; None if they differ by too much.

    Parameters
    ----------
    is_strict : without the third step.
    """
    folded, other = fold_text(source), fold_text(said)
    if folded.text == other.text:
        return Alignment(folded, other, [(0, 0, len(other.text))], 1.0, is_exact=source == said)
    if is_strict or not _may_be_similar(folded.text, other.text):
        return None
    blocks = list(_joined(_blocks(other.text, folded.text)))
    similarity = 2 * sum(n for _, _, n in blocks) / (len(folded.text) + len(other.text))
    return Alignment(folded, other, blocks, similarity) if similarity >= LEAST_SIMILARITY else None


def places(text: str, folded: Folded, quote: str, *, whole_words: bool = False) -> tuple[list[tuple[int, int]], bool]:
    """Where a quote stands in a text, from left to right, without overlaps; and whether exactly.

    Places that would cut a word in two count only if there are no others.

    Parameters
    ----------
    folded : the text, folded.
    whole_words : leave out those places also if there are no others.
    """
    found = [(start, start + len(quote)) for start in _occurrences(text, quote)]
    found = [each for each in found if folded.within(*each) is not None]
    if found:
        return _whole_words(text, found, is_strict=whole_words), True
    short = fold_text(quote).text
    starts = _occurrences(folded.text, short) if short else []
    found = [(folded.starts[at], folded.ends[at + len(short) - 1]) for at in starts]
    found = [each for each in found if folded.within(*each) is not None]
    return _whole_words(text, found, is_strict=whole_words), False


def fold_text(text: str) -> Folded:
    """A text without case, white space, invisible format characters and the form of quotation marks and dashes, in NFC.

    Letters whose other case has several characters stay as they are. What composes to one character is one.
    """
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        for character in _plain(text[start:end]):
            characters.append(character)
            starts.append(start)
            ends.append(end)
    return Folded("".join(characters), starts, ends)


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Stretches that normal forms do not look beyond: a character with what composes with it."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or end - start == MOST_COMPOSED or not _composes(text[start:end], text[end]):
            yield start, end
            start = end


def _composes(cluster: str, character: str) -> bool:
    if character.isascii():
        return False
    return bool(unicodedata.combining(character)) or len(unicodedata.normalize("NFC", cluster + character)) == len(
        unicodedata.normalize("NFC", cluster)
    )


def _plain(cluster: str) -> str:
    if cluster.isascii():
        return "" if cluster.isspace() else _FORMS.get(cluster, cluster.lower())
    kept = [_plain_character(each) for each in unicodedata.normalize("NFC", cluster)]
    return "".join(kept)


def _plain_character(character: str) -> str:
    if character.isspace() or unicodedata.category(character) == "Cf":
        return ""
    lower = character.casefold()
    return _FORMS.get(character, lower if len(lower) == 1 else character)


def _may_be_similar(one: str, other: str) -> bool:
    """A quick upper bound of the similarity, so that hopeless texts are not compared."""
    most = 2 * (Counter(one) & Counter(other)).total()
    return most >= LEAST_SIMILARITY * (len(one) + len(other))


def _blocks(one: str, other: str) -> Iterator[tuple[int, int, int]]:
    """Equal stretches of two texts: the common beginning, what an edit script finds between, the common end."""
    head = _common(one, other)
    tail = _common(one[head:][::-1], other[head:][::-1])
    end, other_end = len(one) - tail, len(other) - tail
    yield 0, 0, head
    for a, b, n in _compared(one[head:end], other[head:other_end]):
        yield head + a, head + b, n
    yield end, other_end, tail


def _compared(one: str, other: str) -> Iterable[tuple[int, int, int]]:
    if max(len(one), len(other)) <= MOST_COMPARED:
        return SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return _step_by_step(one, other)


def _step_by_step(one: str, other: str) -> Iterator[tuple[int, int, int]]:
    """Equal stretches from the beginning on; ends where the texts do not agree again soon."""
    at: tuple[int, int] | None = (0, 0)
    while at is not None and at != (len(one), len(other)):
        n = _common(one[at[0] :], other[at[1] :])
        yield *at, n
        at = _next_agreement(one, other, at[0] + n, at[1] + n)


def _next_agreement(one: str, other: str, first: int, second: int) -> tuple[int, int] | None:
    """The nearest places behind two where so many characters are equal, or both texts end; None if too far away."""
    for distance in range(1, FARTHEST + 1):
        for skipped in range(distance + 1):
            a, b = first + skipped, second + distance - skipped
            if a <= len(one) and b <= len(other) and one[a : a + AGREEING] == other[b : b + AGREEING]:
                return a, b
    return None


def _common(one: str, other: str) -> int:
    """Length of the common beginning."""
    n = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        n += 1
    return n


def _joined(blocks: Iterator[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Without empty blocks, neighbours made one."""
    held: tuple[int, int, int] | None = None
    for block in blocks:
        if not block[2]:
            continue
        if held is not None and (held[0] + held[2], held[1] + held[2]) == block[:2]:
            held = (held[0], held[1], held[2] + block[2])
            continue
        if held is not None:
            yield held
        held = block
    if held is not None:
        yield held


def _occurrences(text: str, quote: str) -> list[int]:
    found, start = [], text.find(quote) if quote else -1
    while start >= 0:
        found.append(start)
        start = text.find(quote, start + len(quote))
    return found


def _whole_words(text: str, found: list[tuple[int, int]], *, is_strict: bool) -> list[tuple[int, int]]:
    whole = [each for each in found if not _cuts_a_word(text, *each)]
    return whole if is_strict else whole or found


def _cuts_a_word(text: str, start: int, end: int) -> bool:
    edges = (text[max(0, start - 1) : start + 1], text[end - 1 : end + 1])
    return any(_INSIDE_WORD.fullmatch(edge) for edge in edges)
