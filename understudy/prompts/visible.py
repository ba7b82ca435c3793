"""What of a text the model gets to see: all but characters that no reader would see. Stored texts stay as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LINE_ENDS = re.compile("\r\n?|\x85")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\U000e0000-\U000e007f\U000e0100-\U000e01ef]")
_CHARACTER = re.compile("\r\n|.", re.DOTALL)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text as it is sent.

    Line ends become ``\n``. Removed are the controls C0 (except ``\n`` and ``\t``), DEL and C1, the tag characters
    U+E0000 to U+E007F and the supplementary variation selectors U+E0100 to U+E01EF: models read messages hidden in
    them that people cannot see. A lone surrogate, which no wire format carries, becomes U+FFFD. All else is verbatim,
    including zero-width joiners and direction marks, which scripts and emoji need. Idempotent.

    Examples
    --------
    >>> visible("a\x00b\r\nc {{ d }}")
    'ab\nc {{ d }}'
    """
    return _LONE_SURROGATE.sub("\ufffd", _UNSEEN.sub("", _LINE_ENDS.sub("\n", text)))


def visible_positions(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    r"""The text as it is sent, and where each of its characters begins and ends in `text`.

    Examples
    --------
    >>> visible_positions("a\r\nb")
    ('a\nb', [0, 1, 3], [1, 3, 4])
    """
    seen = visible(text)
    if len(seen) == len(text):
        return seen, range(len(text)), range(1, len(text) + 1)
    places = [found.span() for found in _CHARACTER.finditer(text) if visible(found[0])]
    return seen, [start for start, _ in places], [end for _, end in places]
