"""Tokens made one text, with the place of each; does not know what a tag is.

Between two tokens stands one space, except beside a character of a script that is written without spaces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

UNSPACED = re.compile("[\u2e80-\u303f\u3040-\u30ff\u31c0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff65\U00020000-\U0003ffff]")  # fmt: skip  # noqa: E501
"""Han, kana, their punctuation and the full-width forms."""


@dataclass(frozen=True)
class Joined:
    """A text and where each of its tokens stands.

    Attributes
    ----------
    places : code points ``[start, end)`` of each token, in order.
    """

    text: str
    places: tuple[tuple[int, int], ...]


def join_tokens(tokens: Sequence[str], joiner: str | None = None) -> Joined:
    """The tokens as one text.

    Parameters
    ----------
    joiner : what stands between tokens; None for a space, except beside a character of Han, kana or full-width form,
        and nowhere in a text of which at least half of the tokens begin with one.
    """
    if joiner is None and 2 * sum(UNSPACED.match(token) is not None for token in tokens) >= max(len(tokens), 1):
        joiner = ""
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    length = 0
    for position, token in enumerate(tokens):
        between = "" if position == 0 else _between(tokens[position - 1], token) if joiner is None else joiner
        start = length + len(between)
        length = start + len(token)
        places.append((start, length))
        pieces += (between, token)
    return Joined("".join(pieces), tuple(places))


def _between(left: str, right: str) -> str:
    return "" if UNSPACED.match(left[-1:]) or UNSPACED.match(right[:1]) else " "
