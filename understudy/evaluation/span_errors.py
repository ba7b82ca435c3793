"""What is wrong about wrong spans and wrong relations: border, label, both, missed, invented, or the direction.

An extra beside the exact counts, which alone decide; it takes no part in any metric that ranks labellers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.records import Span, Value

FloatArray = NDArray[np.float64]
KINDS = ("exact", "boundary", "label", "both", "missed", "spurious")
DIRECTION = re.compile(r"^(?P<name>.*)\((?P<first>[^(),]+),\s*(?P<second>[^(),]+)\)$", re.DOTALL)


@dataclass(frozen=True, eq=False)
class SpanErrors:
    """Every span of the truth and of the answers in one of six kinds, a row per document.

    Attributes
    ----------
    exact : same place and label.
    boundary : same label, overlapping places.
    label : same place, another label.
    both : overlapping places, another label.
    missed : true spans that meet no answer; `spurious` : answers that meet no true span.
    """

    exact: FloatArray
    boundary: FloatArray
    label: FloatArray
    both: FloatArray
    missed: FloatArray
    spurious: FloatArray

    @property
    def overlap_f1(self) -> float:
        """F1 in which an overlapping span of the same label counts as found; nan without any span."""
        found = float((self.exact + self.boundary).sum())
        wrong = float((2 * (self.label + self.both) + self.missed + self.spurious).sum())
        return 2 * found / (2 * found + wrong) if found + wrong else float("nan")

    def totals(self) -> dict[str, float]:
        """Spans of each kind, added up."""
        return {kind: float(getattr(self, kind).sum()) for kind in KINDS}


def span_errors(truths: Sequence[Value | None], values: Sequence[Value | None]) -> SpanErrors:
    """Pair the spans of answers with those of the truth, one to one within a document, and say how each pair differs.

    Pairs are made in the order exact, label, boundary, both; among several the one with the larger overlap, then the
    one that begins first. No answer (None) misses every true span.

    Parameters
    ----------
    truths, values : n tuples of spans, of the same documents.
    """
    rows = [_row(truth or (), said or ()) for truth, said in zip(truths, values, strict=True)]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(KINDS))
    return SpanErrors(*table.T)


def opposite_of(label: str, labels: Sequence[str]) -> str | None:
    """The label that says the same of the swapped pair, as ``Cause(e2,e1)`` does of ``Cause(e1,e2)``; None without one.

    Examples
    --------
    >>> opposite_of("Cause(e1,e2)", ["Cause(e1,e2)", "Cause(e2,e1)", "Other"])
    'Cause(e2,e1)'
    """
    parts = DIRECTION.match(label)
    if parts is None:
        return None
    wanted = (parts["name"], parts["second"].strip(), parts["first"].strip())
    for other in labels:
        found = DIRECTION.match(other)
        if found is not None and (found["name"], found["first"].strip(), found["second"].strip()) == wanted:
            return other
    return None


def direction_errors(
    truths: Sequence[Value | None], values: Sequence[Value | None], labels: Sequence[str]
) -> FloatArray:
    """1.0 for each document whose answer is the right relation in the wrong direction; shape (n,).

    nan everywhere if no label has an opposite.
    """
    opposite = {label: opposite_of(label, labels) for label in labels}
    if not any(opposite.values()):
        return np.full(len(truths), np.nan)
    wrong = [
        isinstance(truth, str) and said is not None and opposite.get(truth) == said
        for truth, said in zip(truths, values, strict=True)
    ]
    return np.array(wrong, dtype=np.float64)


def _row(truth: Sequence[object], said: Sequence[object]) -> tuple[int, ...]:
    gold = [span for span in dict.fromkeys(truth) if isinstance(span, Span)]
    answers = [span for span in dict.fromkeys(said) if isinstance(span, Span)]
    rules: tuple[Callable[[Span, Span], bool], ...] = (
        lambda a, b: a == b,
        lambda a, b: (a.start, a.end) == (b.start, b.end),
        lambda a, b: a.label == b.label and _overlap(a, b) > 0,
        lambda a, b: _overlap(a, b) > 0,
    )
    exact, label, boundary, both = (_pair(gold, answers, rule) for rule in rules)
    return exact, boundary, label, both, len(gold), len(answers)


def _pair(gold: list[Span], answers: list[Span], may_pair: Callable[[Span, Span], bool]) -> int:
    """Take pairs out of both lists, the largest overlap first; how many."""
    pairs = [(span, answer) for span in gold for answer in answers if may_pair(span, answer)]
    n = 0
    for span, answer in sorted(pairs, key=lambda pair: (-_overlap(*pair), pair[0].start, pair[1].start)):
        if span in gold and answer in answers:
            gold.remove(span)
            answers.remove(answer)
            n += 1
    return n


def _overlap(a: Span, b: Span) -> int:
    return min(a.end, b.end) - max(a.start, b.start)
