"""One directed relation between the two marked spans of a text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from understudy.codebook.classification import Classification
from understudy.errors import UserError
from understudy.records import Document, Value
from understudy.settings import Label


@dataclass(frozen=True)
class Relations(Classification):
    """The Task of a codebook whose documents carry a head and a tail; the value is the relation's label.

    Scored by micro F1 over the labels other than `Codebook.null`, as is the custom since TACRED (Zhang et al. 2017).
    """

    @property
    def headline(self) -> Literal["positive", "macro", "micro"]:
        """Micro F1."""
        return "micro"

    @property
    def positive(self) -> int | None:
        """None: no single relation is reported first."""
        return None

    @property
    def excluded(self) -> tuple[int, ...]:
        """Column of the null label; empty if none is declared."""
        return () if self.codebook.null is None else (self.labels.index(self.codebook.null),)

    def check_in(self, value: Value, document: Document) -> str:
        """The label, if the document has a head and a tail of types that the codebook allows for it."""
        label = self.check(value)
        if document.head is None or document.tail is None:
            raise UserError(
                f"relation `{label}` without a head and a tail.",
                "Name their columns in `data.head` and `data.tail`, or mark both in every text.",
            )
        if not self.allows(label, document):
            raise UserError(
                f"relation `{label}` between a `{document.head.label}` and a `{document.tail.label}`, which its "
                "`heads` and `tails` do not allow.",
                "Fix the types of head and tail, or the label's `heads` and `tails`.",
            )
        return label

    def allows(self, label: str, document: Document) -> bool:
        """Whether the types of head and tail fit a label; a head or tail without a type fits every label."""
        declared = self._declared[label]
        sides = ((declared.heads, document.head), (declared.tails, document.tail))
        return all(not types or mark is None or mark.label in ("", *types) for types, mark in sides)

    @cached_property
    def _declared(self) -> dict[str, Label]:
        return {label.name: label for label in self.codebook.labels}
