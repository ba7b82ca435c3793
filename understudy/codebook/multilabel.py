"""Any number of labels a text, none included."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from understudy.codebook.tally import Tally, tally_labels
from understudy.codebook.task import Vote
from understudy.errors import UserError, did_you_mean
from understudy.records import Document, Value
from understudy.settings import Codebook

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class MultiLabel:
    """The Task of a codebook whose texts have any number of labels.

    A cell holds labels between separators, or a JSON list; ``[]`` is the empty set, an empty cell is no label at all.
    """

    codebook: Codebook
    separator: str = "|"

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels as they stand in the data, in codebook order."""
        return self.codebook.names

    @property
    def headline(self) -> Literal["positive", "macro", "micro"]:
        """Macro F1 over the labels."""
        return "macro"

    @property
    def positive(self) -> int | None:
        """None: every label has its own positives."""
        return None

    @property
    def excluded(self) -> tuple[int, ...]:
        """None is left out."""
        return ()

    @property
    def is_exclusive(self) -> bool:
        """Never: labels are independent."""
        return False

    @property
    def marks_spans(self) -> bool:
        """Never: a value is labels."""
        return False

    @cached_property
    def _column(self) -> dict[str, int]:
        return {label: column for column, label in enumerate(self.labels)}

    def check(self, value: Value) -> tuple[str, ...]:
        """The labels in codebook order, each once."""
        labels = (value,) if isinstance(value, str) else value
        for label in labels:
            if not isinstance(label, str) or label not in self._column:
                raise UserError(f"label `{label}` is not in the codebook.", did_you_mean(str(label), self.labels))
        return self._ordered(str(label) for label in labels)

    def check_in(self, value: Value, document: Document) -> tuple[str, ...]:  # noqa: ARG002  # the interface names it
        """As `check`: labels fit any text."""
        return self.check(value)

    def read(self, cell: str) -> tuple[str, ...] | None:
        """The labels in a cell; None for an empty cell, the empty set for ``[]``."""
        stripped = cell.strip()
        if not stripped:
            return None
        if stripped in self._column:
            return (stripped,)
        if stripped.startswith("["):
            return self.from_json(_parsed(stripped))
        return self.check(tuple(part.strip() for part in stripped.split(self.separator) if part.strip()))

    def from_json(self, value: Any) -> tuple[str, ...] | None:
        """The labels in parsed JSON: a list or one label."""
        if value is None:
            return None
        return self.check(tuple(map(str, value)) if isinstance(value, list) else (str(value),))

    def to_json(self, value: Value) -> Any:
        """The labels as a list."""
        return list(value)

    def encode(self, values: Sequence[Value | None]) -> NDArray[np.bool_]:
        """Multi-hot rows of shape (n, K)."""
        encoded = np.zeros((len(values), len(self.labels)), dtype=np.bool_)
        for row, value in enumerate(values):
            if value is not None:
                encoded[row, [self._column[label] for label in self.check(value)]] = True
        return encoded

    def shares(self, answers: Sequence[Sequence[Value]]) -> NDArray[np.float64]:
        """Share of each document's answers that hold each label: shape (n, K)."""
        rows = [self.encode(row).mean(axis=0) if row else np.full(len(self.labels), np.nan) for row in answers]
        return np.array(rows, dtype=np.float64).reshape(len(answers), len(self.labels))

    def vote(self, answers: Sequence[Value]) -> Vote:
        """The most frequent set of labels, whole sets compared."""
        counts = Counter(self.check(answer) for answer in answers)
        most = max(counts.values())
        winners = sorted(
            (value for value, count in counts.items() if count == most),
            key=lambda value: [self._column[label] for label in value],
        )
        return Vote(winners[0], most / len(answers), len(winners) > 1)

    def count(self, truths: Sequence[Value | None], values: Sequence[Value | None]) -> Tally:
        """Labels found, invented and missed."""
        return tally_labels(self.encode(truths), self.encode(values), values)

    def decode(self, probabilities: NDArray[np.float64], thresholds: NDArray[np.float64] | None) -> list[Value]:
        """Every label at or above its threshold (0.5 where it has none)."""
        own = np.full(len(self.labels), np.nan) if thresholds is None else thresholds
        holds = probabilities >= np.where(np.isnan(own), DEFAULT_THRESHOLD, own)
        return [tuple(label for label, held in zip(self.labels, row, strict=True) if held) for row in holds]

    def _ordered(self, labels: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(set(labels), key=self._column.__getitem__))


def _parsed(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (json.JSONDecodeError, RecursionError) as exc:
        raise UserError(f"`{cell:.40}` is not a JSON list of labels.", 'Write `["a", "b"]`, or `a|b`.') from exc
