"""What is wrong with spans: their edges, their labels, or that they are there at all. The score itself is exact.

Kinds of error after Chinchor and Sundheim (1993), MUC-5 Evaluation Metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from understudy.evaluation.counts import Counts, FloatArray
from understudy.records import Span

Match = tuple[Span, Span]
"""A true span and the one that answers it."""


@dataclass(frozen=True, eq=False)
class SpanErrors:
    """Spans of each kind, a row per document: all arrays have shape (n,).

    Each true span is one of exact, boundary, wrong_label, both and missed; each answer one of exact, boundary,
    wrong_label, both and spurious.

    Attributes
    ----------
    boundary : the label is right and the spans overlap.
    wrong_label : the edges are right.
    both : they overlap, and neither edges nor label are right.
    missed, spurious : overlaps nothing that is not answered better.
    """

    exact: FloatArray
    boundary: FloatArray
    wrong_label: FloatArray
    both: FloatArray
    missed: FloatArray
    spurious: FloatArray

    def totals(self) -> dict[str, int]:
        """How many spans are of each kind, over all documents."""
        return {field.name: int(getattr(self, field.name).sum()) for field in fields(self)}


def span_errors(truths: Sequence[Sequence[Span]], answers: Sequence[Sequence[Span] | None]) -> SpanErrors:
    """Compare spans document by document; None is no answer, which misses every true span.

    Spans are matched one to one, exact ones first, then those that share a label by how much they overlap, then those
    that share both edges, then the rest by how much they overlap; ties by place.

    Raises
    ------
    ValueError
        If there are not as many answers as truths.
    """
    rows = [_error_row(truth, answer or ()) for truth, answer in zip(truths, answers, strict=True)]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(fields(SpanErrors)))
    return SpanErrors(*table.T)


def overlap_counts(
    truths: Sequence[Sequence[Span]], answers: Sequence[Sequence[Span] | None], labels: Sequence[str]
) -> Counts:
    """Spans found, invented and missed where a span of the right label that overlaps is enough.

    Each answer finds at most one span. An extra beside the exact score, which it is never below.

    Raises
    ------
    ValueError
        If there are not as many answers as truths.
    KeyError
        If a span has a label that is not in `labels`.
    """
    columns = {label: column for column, label in enumerate(labels)}
    tp, fp, fn = (np.zeros((len(truths), len(columns))) for _ in range(3))
    correct = np.zeros(len(truths))
    for row, (truth, answer) in enumerate(zip(truths, answers, strict=True)):
        found = _matched(truth, answer or (), (_is_exact, _has_label))
        for span, _ in found:
            tp[row, columns[span.label]] += 1
        for span in truth:
            fn[row, columns[span.label]] += 1
        for span in answer or ():
            fp[row, columns[span.label]] += 1
        correct[row] = answer is not None and len(found) == len(truth) == len(answer)
    return Counts(tp, fp - tp, fn - tp, correct)


def _error_row(truth: Sequence[Span], answer: Sequence[Span]) -> list[int]:
    """Numbers in the order of the fields of `SpanErrors`."""
    found = _matched(truth, answer, (_is_exact, _has_label, _has_edges, _overlaps))
    kinds = [
        sum(_is_exact(match) for match in found),
        sum(_has_label(match) and not _is_exact(match) for match in found),
        sum(_has_edges(match) and not _is_exact(match) for match in found),
    ]
    return [*kinds, len(found) - sum(kinds), len(truth) - len(found), len(answer) - len(found)]


def _matched(truth: Sequence[Span], answer: Sequence[Span], rules: Sequence[Callable[[Match], bool]]) -> list[Match]:
    pairs = [(span, said) for span in truth for said in answer if _shared(span, said) > 0]
    pairs.sort(key=lambda pair: (-_shared(*pair), pair[0].start, pair[1].start))
    found: list[Match] = []
    for rule in rules:
        for pair in filter(rule, pairs):
            if all(pair[0] != span and pair[1] != said for span, said in found):
                found.append(pair)
    return found


def _shared(span: Span, said: Span) -> int:
    return min(span.end, said.end) - max(span.start, said.start)


def _is_exact(match: Match) -> bool:
    return _has_edges(match) and match[0].label == match[1].label


def _has_label(match: Match) -> bool:
    return match[0].label == match[1].label


def _has_edges(match: Match) -> bool:
    return (match[0].start, match[0].end) == (match[1].start, match[1].end)


def _overlaps(match: Match) -> bool:
    return _shared(*match) > 0
