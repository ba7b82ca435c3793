"""Counts of the spans in tag sequences, as conlleval and seqeval count. Knows no text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.corpus.spans.tags import TagSpan, tag_spans
from understudy.evaluation.counts import Counts

__all__ = ["TagSpan", "count_tags", "tag_spans"]


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
