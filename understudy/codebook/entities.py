"""Any number of labelled spans a text, none included. Knows offsets and quotes, not where in a file they came from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from understudy.codebook.tally import Tally
from understudy.codebook.task import Vote
from understudy.errors import UserError, did_you_mean
from understudy.records import Document, Span, Value
from understudy.settings import Codebook

OFFSETS_HINT = "Offsets are code points of the stored text, `[start, end)`; the quote is what stands there."


@dataclass(frozen=True)
class Entities:
    """The Task of a codebook that marks spans.

    A value is a tuple of Span, each once, sorted by (start, end, label). What is asked of labels rather than of spans
    (`encode`, `shares`) is answered for the labels present in a document.
    """

    codebook: Codebook

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels as they stand in the data, in codebook order."""
        return self.codebook.names

    @property
    def headline(self) -> Literal["positive", "macro", "micro"]:
        """Micro F1 over exact spans."""
        return "micro"

    @property
    def positive(self) -> int | None:
        """None: every label has its own spans."""
        return None

    @property
    def excluded(self) -> tuple[int, ...]:
        """None is left out."""
        return ()

    @property
    def is_exclusive(self) -> bool:
        """Never: a text may hold spans of several labels."""
        return False

    @property
    def marks_spans(self) -> bool:
        """Always: a value is spans of one text."""
        return True

    @cached_property
    def _column(self) -> dict[str, int]:
        return {label: column for column, label in enumerate(self.labels)}

    def check(self, value: Value) -> tuple[Span, ...]:
        """The spans sorted and each once; whether they fit a text is up to `check_in`."""
        spans = [self._checked(span) for span in value]
        ordered = tuple(sorted(set(spans), key=_place))
        if not self.codebook.nested:
            _refuse_overlaps(ordered)
        return ordered

    def check_in(self, value: Value, document: Document) -> tuple[Span, ...]:
        """The spans sorted and each once, if each quotes the document's text."""
        spans = self.check(value)
        for span in spans:
            _refuse_misfit(span, document.text)
        return spans

    def read(self, cell: str) -> tuple[Span, ...] | None:
        """The spans in a cell that holds a JSON list; None for an empty cell, no spans for ``[]``."""
        return self.from_json(_parsed(cell)) if cell.strip() else None

    def from_json(self, value: Any) -> tuple[Span, ...] | None:
        """The spans in parsed JSON: a list of objects with start, end, label and text."""
        if value is None:
            return None
        if not isinstance(value, list):
            raise UserError(f"expected a list of spans, found `{value!r:.40}`.", "Write `[]` for a text without spans.")
        return self.check(tuple(_span(item) for item in value))

    def to_json(self, value: Value) -> Any:
        """The spans as objects with start, end, label and text."""
        return [
            {"start": span.start, "end": span.end, "label": span.label, "text": span.text} for span in self.check(value)
        ]

    def encode(self, values: Sequence[Value | None]) -> NDArray[np.bool_]:
        """Which labels are present: rows of shape (n, K)."""
        encoded = np.zeros((len(values), len(self.labels)), dtype=np.bool_)
        for row, value in enumerate(values):
            for span in self.check(value or ()):
                encoded[row, self._column[span.label]] = True
        return encoded

    def shares(self, answers: Sequence[Sequence[Value]]) -> NDArray[np.float64]:
        """Share of each document's answers with a span of each label: shape (n, K)."""
        rows = [self.encode(row).mean(axis=0) if row else np.full(len(self.labels), np.nan) for row in answers]
        return np.array(rows, dtype=np.float64).reshape(len(answers), len(self.labels))

    def vote(self, answers: Sequence[Value]) -> Vote:
        """The spans that more than half of the answers hold.

        `consistency` is the mean, over every span that any answer holds, of the share of answers that hold it; 1.0 if
        no answer holds one. A span that exactly half of the answers hold is left out and makes a tie. Answers
        without overlaps cannot elect overlapping spans: some answer would have to hold both.
        """
        counts = Counter(span for answer in answers for span in self.check(answer))
        kept = tuple(span for span, count in counts.items() if 2 * count > len(answers))
        consistency = float(np.mean(list(counts.values()))) / len(answers) if counts else 1.0
        return Vote(self.check(kept), consistency, any(2 * count == len(answers) for count in counts.values()))

    def decode(self, probabilities: NDArray[np.float64], thresholds: NDArray[np.float64] | None) -> list[Value]:  # noqa: ARG002
        """Refused: probabilities of labels do not say where a span stands.

        Raises
        ------
        ValueError
            Always; whoever predicts spans makes them from tokens.
        """
        raise ValueError(f"decode: spans cannot be made from probabilities of labels, shape {probabilities.shape}.")

    def count(self, truths: Sequence[Value | None], values: Sequence[Value | None]) -> Tally:
        """Spans found, invented and missed per label; equal means equal in start, end and label."""
        pairs = [
            (set(self.check(truth or ())), set(self.check(said or ())))
            for truth, said in zip(truths, values, strict=True)
        ]
        answered = [said is not None for said in values]
        return Tally(
            self._per_label([truth & said for truth, said in pairs]),
            self._per_label([said - truth for truth, said in pairs]),
            self._per_label([truth - said for truth, said in pairs]),
            np.array(
                [truth == said and there for (truth, said), there in zip(pairs, answered, strict=True)],
                dtype=np.float64,
            ),
        )

    def _per_label(self, spans: Sequence[set[Span]]) -> NDArray[np.float64]:
        numbers = np.zeros((len(spans), len(self.labels)))
        for row, found in enumerate(spans):
            for span in found:
                numbers[row, self._column[span.label]] += 1
        return numbers

    def _checked(self, span: object) -> Span:
        if not isinstance(span, Span):
            raise UserError(f"expected a span, found `{span!r:.40}`.", OFFSETS_HINT)
        if span.label not in self._column:
            raise UserError(f"label `{span.label}` is not in the codebook.", did_you_mean(span.label, self.labels))
        if span.start < 0 or span.end - span.start != len(span.text):
            raise UserError(f"{_named(span)} has offsets that do not fit its quote.", OFFSETS_HINT)
        if not span.text.strip():
            raise UserError(f"{_named(span)} is empty or only white space.", "Mark at least one visible character.")
        return span


def _place(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.label


def _named(span: Span) -> str:
    return f"span {span.start}:{span.end} `{span.text:.40}`"


def _refuse_overlaps(spans: Sequence[Span]) -> None:
    for first, second in pairwise(spans):
        if second.start < first.end:
            raise UserError(
                f"{_named(first)} and {_named(second)} overlap.",
                "Keep one of them, or set `codebook.nested = true`.",
            )


def _refuse_misfit(span: Span, text: str) -> None:
    if span.end > len(text):
        raise UserError(f"{_named(span)} ends outside the text of {len(text)} characters.", OFFSETS_HINT)
    if text[span.start : span.end] != span.text:
        raise UserError(f"{_named(span)}: the text there is `{text[span.start : span.end]:.40}`.", OFFSETS_HINT)


def _span(item: Any) -> Span:
    match item:
        case {"start": int(start), "end": int(end), "label": str(label), "text": str(text)}:
            return Span(start, end, label, text)
    raise UserError(f"`{item!r:.60}` is no span.", 'Write `{"start": 0, "end": 4, "label": "x", "text": "Anna"}`.')


def _parsed(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as exc:
        raise UserError(f"`{cell:.40}` is not a JSON list of spans.", "Write `[]` for a text without spans.") from exc
