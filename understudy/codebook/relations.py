"""One directed relation between the two marked spans of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from understudy.codebook.classification import Classification


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
