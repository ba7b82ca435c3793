"""The columns that scoring adds to a row: their names, and their values from a student's probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.errors import UserError
from understudy.records import Outcome, Value

DECIMALS = 6

FloatArray = NDArray[np.float64]
Added = dict[str, Any]
"""Added column -> value: the label as JSON holds it, numbers, the outcome's name; None where there is none."""


@dataclass(frozen=True)
class AddedColumns:
    """Names of the added columns: label, confidence, outcome, then one probability a label in codebook order.

    Attributes
    ----------
    task : says what a value is.
    prefix : stands before each name.
    """

    task: Task
    prefix: str = ""

    @property
    def label(self) -> str:
        """Column of the label."""
        return f"{self.prefix}label"

    @property
    def confidence(self) -> str:
        """Column of the confidence."""
        return f"{self.prefix}confidence"

    @property
    def outcome(self) -> str:
        """Column of the outcome."""
        return f"{self.prefix}outcome"

    @property
    def probabilities(self) -> tuple[str, ...]:
        """Columns of the probabilities, codebook order."""
        return tuple(f"{self.prefix}p_{label}" for label in self.task.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in the order in which they are written."""
        return (self.label, self.confidence, self.outcome, *self.probabilities)

    def refuse_clash(self, existing: Sequence[str]) -> None:
        """Refuse a file that has such columns already.

        Raises
        ------
        UserError
            Names the columns that stand twice.
        """
        taken = [name for name in self.names if name in set(existing)]
        if taken:
            names = ", ".join(f"`{name}`" for name in taken)
            raise UserError(
                f"the file already has the column {names}, which would be added.",
                "Give a prefix for the added columns (`--prefix student_`), or rename those of the file.",
            )

    def skipped(self) -> Added:
        """The values of a row without a text to read."""
        return dict.fromkeys(self.names) | {self.outcome: Outcome.SKIPPED.value}

    def labelled(self, value: Value, confidence: float, probabilities: FloatArray) -> Added:
        """The values of a scored row; numbers rounded to 6 decimals."""
        added = {self.label: self.task.to_json(value), self.confidence: round(confidence, DECIMALS)}
        added[self.outcome] = Outcome.LABELLED.value
        rounded = [round(p, DECIMALS) for p in probabilities.tolist()]
        return added | dict(zip(self.probabilities, rounded, strict=True))


def confidences(task: Task, values: Sequence[Value], probabilities: FloatArray) -> FloatArray:
    """How sure the student is of each value.

    Parameters
    ----------
    values : n values of the task.
    probabilities : shape (n, K), in [0, 1].

    Returns
    -------
    shape (n,), in [0, 1]: the probability of the chosen label; where labels are independent, that of the least
    certain single decision (a label's probability if it was given, one minus it if not).
    """
    chosen = task.encode(values)
    if task.is_exclusive:
        return np.asarray(np.where(chosen, probabilities, 0.0).sum(axis=1))
    return np.asarray(np.where(chosen, probabilities, 1.0 - probabilities).min(axis=1))
