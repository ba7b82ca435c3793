"""Spans out of a sentence's tags, read as conlleval and seqeval read them. Knows no text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

TagSpan = tuple[int, int, str]
"""First token, one past the last token, label."""


def tag_spans(tags: Sequence[str], *, strict: bool = False) -> tuple[TagSpan, ...]:
    """The spans of one sentence's tags: ``O``, or a prefix of B, I, M, E, S and a label (``B-PER``).

    Parameters
    ----------
    strict : False reads any sequence as conlleval.pl and seqeval's default do (an I without a start opens a span);
        True reads IOB2 alone, as seqeval's strict mode does: an I without a B before it is no span.
    """
    return _strict_spans(tags) if strict else _lenient_spans(tags)


def _lenient_spans(tags: Sequence[str]) -> tuple[TagSpan, ...]:
    spans: list[TagSpan] = []
    start = 0
    for place, (previous, current) in enumerate(pairwise(map(split_tag, ("O", *tags, "O")))):
        if _ends(previous, current):
            spans.append((start, place, previous[1]))
        if _starts(previous, current):
            start = place
    return tuple(spans)


def _strict_spans(tags: Sequence[str]) -> tuple[TagSpan, ...]:
    spans: list[TagSpan] = []
    for place, (prefix, label) in enumerate(map(split_tag, tags)):
        if prefix == "B":
            spans.append((place, place + 1, label))
        elif prefix == "I" and spans and spans[-1][1:] == (place, label):
            spans[-1] = (spans[-1][0], place + 1, label)
    return tuple(spans)


def split_tag(tag: str) -> tuple[str, str]:
    """Prefix and label; the label of ``O`` is empty."""
    prefix, _, label = tag.partition("-")
    return prefix, label


def _ends(previous: tuple[str, str], current: tuple[str, str]) -> bool:
    if previous[0] == "O":
        return False
    return previous[0] in "ES" or current[0] in "BSO" or previous[1] != current[1]


def _starts(previous: tuple[str, str], current: tuple[str, str]) -> bool:
    if current[0] == "O":
        return False
    return current[0] in "BS" or previous[0] in "ESO" or previous[1] != current[1]
