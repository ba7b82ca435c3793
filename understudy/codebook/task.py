"""The kind of task behind one interface: what a value is, how it is checked, encoded, combined and decoded.

Rooms above ask a Task instead of asking which kind it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.records import Document, Value
from understudy.settings import Codebook

if TYPE_CHECKING:
    from understudy.codebook.tally import Tally


@dataclass(frozen=True, slots=True)
class Vote:
    """Several answers to one question, made one.

    Attributes
    ----------
    value : the most frequent answer; a tie goes to the one that comes first in codebook order. Of spans, those that
        more than half of the answers hold.
    consistency : share of the answers equal to `value`, in (0, 1]; of spans, as `Entities.vote` defines it.
    is_tied : whether another answer was as frequent; of spans, whether half of the answers hold one.
    """

    value: Value
    consistency: float
    is_tied: bool


class Task(Protocol):
    """What depends on the kind of task. K is the number of labels; columns are in `labels` order."""

    @property
    def codebook(self) -> Codebook:
        """The codebook the task was made from."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels as they stand in the data, in codebook order."""

    @property
    def headline(self) -> Literal["positive", "macro", "micro"]:
        """Which F1 is reported first."""

    @property
    def positive(self) -> int | None:
        """Column of the declared positive label, or None."""

    @property
    def excluded(self) -> tuple[int, ...]:
        """Columns that the headline leaves out: the null label of relations."""

    @property
    def is_exclusive(self) -> bool:
        """Whether exactly one label holds, so that probabilities add up to 1."""

    @property
    def marks_spans(self) -> bool:
        """Whether a value is spans: no value fits every text, and probabilities of labels do not make one."""

    def check(self, value: Value) -> Value:
        """The value in its canonical form.

        Raises
        ------
        UserError
            If it is no value of this task; names the nearest label.
        """

    def check_in(self, value: Value, document: Document) -> Value:
        """As `check`, and refuses a value that does not fit this document: a span that quotes another text."""

    def read(self, cell: str) -> Value | None:
        """The value in a cell of a table, verbatim; None for an empty cell.

        Raises
        ------
        UserError
            As `check`.
        """

    def from_json(self, value: Any) -> Value | None:
        """The value in parsed JSON (None stays None); raises as `check`."""

    def to_json(self, value: Value) -> Any:
        """A JSON form that `from_json` reads back."""

    def encode(self, values: Sequence[Value | None]) -> NDArray[np.bool_]:
        """Indicator matrix of shape (n, K); a None row is all False."""

    def shares(self, answers: Sequence[Sequence[Value]]) -> NDArray[np.float64]:
        """Share of a document's answers that hold each label: shape (n, K), in [0, 1]; nan rows where no answer is."""

    def vote(self, answers: Sequence[Value]) -> Vote:
        """One value from at least one answer."""

    def count(self, truths: Sequence[Value | None], values: Sequence[Value | None]) -> Tally:
        """Compare values with the truth, document by document.

        A value of None is no answer: a miss of all that is true, never right. Raises ValueError if the lengths differ.
        """

    def decode(self, probabilities: NDArray[np.float64], thresholds: NDArray[np.float64] | None) -> list[Value]:
        """Values from probabilities of shape (n, K).

        `thresholds` has shape (K,) with nan where a label has none of its own. With a declared positive label,
        it alone counts: at or above its threshold the value is the positive label. Raises ValueError for spans, whose
        places such probabilities do not hold.
        """


def task_of(codebook: Codebook, label_separator: str = "|") -> Task:
    """The Task of a codebook.

    Raises
    ------
    UserError
        If the codebook cannot be used: no or one label, repeated names, an unknown positive or null label.
    """
    from understudy.codebook.classification import Classification
    from understudy.codebook.entities import Entities
    from understudy.codebook.multilabel import MultiLabel
    from understudy.codebook.relations import Relations

    _refuse_unusable(codebook)
    if codebook.kind == "classification":
        return Classification(codebook)
    if codebook.kind == "multilabel":
        return MultiLabel(codebook, label_separator)
    return Entities(codebook) if codebook.kind == "entities" else Relations(codebook)


def _refuse_unusable(codebook: Codebook) -> None:
    from understudy.codebook.lint import lint

    errors = [finding.message for finding in lint(codebook) if finding.is_error]
    if errors:
        raise UserError("understudy.toml, [codebook]: " + " ".join(errors), "Edit the labels in `[[codebook.labels]]`.")
