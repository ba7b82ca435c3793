"""Exactly one label a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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


@dataclass(frozen=True)
class Classification:
    """The Task of a codebook whose texts have exactly one label."""

    codebook: Codebook

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels as they stand in the data, in codebook order."""
        return self.codebook.names

    @property
    def headline(self) -> Literal["positive", "macro", "micro"]:
        """The positive label's F1 for two labels with a declared positive one, macro F1 otherwise."""
        return "macro" if self.positive is None else "positive"

    @property
    def positive(self) -> int | None:
        """Column of the declared positive label of two, or None."""
        if self.codebook.positive is None or len(self.labels) != 2:
            return None
        return self.labels.index(self.codebook.positive)

    @property
    def excluded(self) -> tuple[int, ...]:
        """None is left out."""
        return ()

    @property
    def is_exclusive(self) -> bool:
        """Always: exactly one label holds."""
        return True

    @property
    def marks_spans(self) -> bool:
        """Never: a value is a label."""
        return False

    @cached_property
    def _column(self) -> dict[str, int]:
        return {label: column for column, label in enumerate(self.labels)}

    def check(self, value: Value) -> str:
        """The label, if it is one."""
        if isinstance(value, str) and value in self._column:
            return value
        raise UserError(f"label `{value}` is not in the codebook.", did_you_mean(str(value), self.labels))

    def check_in(self, value: Value, document: Document) -> str:  # noqa: ARG002  # the interface names it
        """As `check`: labels fit any text."""
        return self.check(value)

    def read(self, cell: str) -> str | None:
        """The label in a cell, outer white space aside; None for an empty cell."""
        return self.check(cell if cell in self._column else cell.strip()) if cell.strip() else None

    def from_json(self, value: Any) -> str | None:
        """The label in parsed JSON."""
        return None if value is None else self.check(value if isinstance(value, str) else str(value))

    def to_json(self, value: Value) -> Any:
        """The label itself."""
        return value

    def encode(self, values: Sequence[Value | None]) -> NDArray[np.bool_]:
        """One-hot rows of shape (n, K)."""
        encoded = np.zeros((len(values), len(self.labels)), dtype=np.bool_)
        for row, value in enumerate(values):
            if value is not None:
                encoded[row, self._column[self.check(value)]] = True
        return encoded

    def shares(self, answers: Sequence[Sequence[Value]]) -> NDArray[np.float64]:
        """Share of each document's answers with each label: shape (n, K)."""
        rows = [self.encode(row).mean(axis=0) if row else np.full(len(self.labels), np.nan) for row in answers]
        return np.array(rows, dtype=np.float64).reshape(len(answers), len(self.labels))

    def vote(self, answers: Sequence[Value]) -> Vote:
        """The most frequent label."""
        counts = Counter(self.check(answer) for answer in answers)
        most = max(counts.values())
        winners = sorted((label for label, count in counts.items() if count == most), key=self._column.__getitem__)
        return Vote(winners[0], most / len(answers), len(winners) > 1)

    def count(self, truths: Sequence[Value | None], values: Sequence[Value | None]) -> Tally:
        """Labels found, invented and missed."""
        return tally_labels(self.encode(truths), self.encode(values), values)

    def decode(self, probabilities: NDArray[np.float64], thresholds: NDArray[np.float64] | None) -> list[Value]:
        """The most probable label, or the positive one at or above its threshold."""
        columns = probabilities.argmax(axis=1)
        positive = self.positive
        if positive is not None and thresholds is not None and not np.isnan(thresholds[positive]):
            columns = np.where(probabilities[:, positive] >= thresholds[positive], positive, 1 - positive)
        return [self.labels[column] for column in columns]
