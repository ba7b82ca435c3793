"""Spans out of tag sequences, read as conlleval and seqeval read them, and their counts. Knows no text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from understudy.evaluation.counts import Counts

TagSpan = tuple[int, int, str]
"""First token, one past the last token, label."""


def tag_spans(tags: Sequence[str], *, strict: bool = False) -> tuple[TagSpan, ...]:
    """The spans of one sentence's tags: ``O``, or a prefix of B, I, E, S and a label (``B-PER``).

    Parameters
    ----------
    strict : False reads any sequence as conlleval.pl and seqeval's default do (an I without a start opens a span);
        True reads IOB2 alone, as seqeval's strict mode does: an I without a B before it is no span.
    """
    return _strict_spans(tags) if strict else _lenient_spans(tags)


def count_tags(
    truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], labels: Sequence[str], *, strict: bool = False
) -> Counts:
    """Exact spans found, invented and missed per sentence; columns in the order of `labels`.

    Raises
    ------
    ValueError
        If the sentences differ in number or length.
    KeyError
        If a tag has a label that is not in `labels`.
    """
    if [len(tags) for tags in truth] != [len(tags) for tags in predicted]:
        raise ValueError("predicted: expected as many tags per sentence as in truth.")
    columns = {label: column for column, label in enumerate(labels)}
    tp, fp, fn = (np.zeros((len(truth), len(columns))) for _ in range(3))
    for row, (actual, answer) in enumerate(zip(truth, predicted, strict=True)):
        gold, said = set(tag_spans(actual, strict=strict)), set(tag_spans(answer, strict=strict))
        for table, spans in ((tp, gold & said), (fp, said - gold), (fn, gold - said)):
            for _, _, label in spans:
                table[row, columns[label]] += 1
    return Counts(tp, fp, fn, (fp.sum(axis=1) + fn.sum(axis=1) == 0).astype(np.float64))


def _lenient_spans(tags: Sequence[str]) -> tuple[TagSpan, ...]:
    spans: list[TagSpan] = []
    start = 0
    for place, (previous, current) in enumerate(pairwise(map(_split, ("O", *tags, "O")))):
        if _ends(previous, current):
            spans.append((start, place, previous[1]))
        if _starts(previous, current):
            start = place
    return tuple(spans)


def _strict_spans(tags: Sequence[str]) -> tuple[TagSpan, ...]:
    spans: list[TagSpan] = []
    for place, (prefix, label) in enumerate(map(_split, tags)):
        if prefix == "B":
            spans.append((place, place + 1, label))
        elif prefix == "I" and spans and spans[-1][1:] == (place, label):
            spans[-1] = (spans[-1][0], place + 1, label)
    return tuple(spans)


def _split(tag: str) -> tuple[str, str]:
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
