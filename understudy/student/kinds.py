"""The students that learn by themselves, by kind of task, name and cost; `auto`, which chooses among them, is not one.

A name stands for the same idea in every kind of task; which class that is depends on what a value is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from understudy.codebook import Task
from understudy.errors import UserError, did_you_mean
from understudy.student.base import Student
from understudy.student.contrastive import ContrastiveStudent
from understudy.student.decoder import DecoderStudent
from understudy.student.encoder import EncoderStudent
from understudy.student.linear import LinearStudent
from understudy.student.relations.students import EncoderRelations, LinearRelations
from understudy.student.spans.linear_tagger import LinearTagger
from understudy.student.spans.tagger import EncoderTagger
from understudy.student.static import StaticStudent
from understudy.student.tfidf import TfidfStudent

KINDS: dict[str, type[Student]] = {
    student.kind: student
    for student in (TfidfStudent, StaticStudent, LinearStudent, ContrastiveStudent, EncoderStudent, DecoderStudent)
}
"""The cheapest in use first; of texts."""

OF_SPANS: dict[str, type[Student]] = {student.kind: student for student in (LinearTagger, EncoderTagger)}
"""The cheapest in use first."""

OF_RELATIONS: dict[str, type[Student]] = KINDS | {
    student.kind: student for student in (LinearRelations, EncoderRelations)
}
"""The cheapest in use first; those of texts read the text with its markers."""


def kinds_of(task: Task) -> Mapping[str, type[Student]]:
    """The students that can learn the task, by name, the cheapest in use first."""
    if task.codebook.kind == "entities":
        return OF_SPANS
    return OF_RELATIONS if task.codebook.kind == "relations" else KINDS


def named(kind: str, kinds: Mapping[str, type[Student]]) -> type[Student]:
    """The class of that name.

    Raises
    ------
    UserError
        If there is none; names the nearest.
    """
    if kind not in kinds:
        raise UserError(f"there is no student `{kind}`.", did_you_mean(kind, kinds))
    return kinds[kind]


def refuse_unknown_parameters(kind: type[Student], parameters: Mapping[str, Any]) -> None:
    """Raise UserError if a stored student has a parameter that its class does not know."""
    if unknown := sorted(set(parameters) - set(kind._get_param_names())):
        raise UserError(f"a `{kind.kind}` student has no parameter {', '.join(unknown)}.", "Train it again.")
