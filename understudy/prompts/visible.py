"""What of a text the model gets to see: all but characters that no reader would see. Stored texts stay as they are."""

from __future__ import annotations

import re

_LINE_ENDS = re.compile("\r\n?|\x85")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\U000e0000-\U000e007f\U000e0100-\U000e01ef]")
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
