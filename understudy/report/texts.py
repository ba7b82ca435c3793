"""Texts that a report quotes: those on which labellers differ, and those whose labels gold distrusts.

Chooses none of them, it only cuts and marks them.
"""

from __future__ import annotations

from dataclasses import dataclass

from understudy.records import Span, Value
from understudy.report.data import (
    Disagreement,
    Distrusted,
)
from understudy.report.highlight import Stretch, safe_cut, stretches
from understudy.report.rows import Measure
from understudy.report.unhide import Piece, pieces

LONG_TEXT = 420
"""Characters of a text that are shown before the rest is folded."""


@dataclass(frozen=True)
class DistrustedRow:
    """One training label that gold texts gave little weight, with the start of its text."""

    document_id: str
    value: str
    weight: float
    visits: int
    zeros: int
    shown: tuple[Piece, ...]
    is_cut: bool


@dataclass(frozen=True)
class DisagreementView:
    """One text on which teacher, student and human differ, cut in what is shown and what is folded."""

    document_id: str
    human: str
    teacher: str
    student: str
    confidence: Measure
    shown: tuple[Stretch, ...]
    folded: tuple[Stretch, ...]
    n_characters: int


def disagreement(item: Disagreement) -> DisagreementView:
    """A text with what everybody said of it, as it is shown."""
    said = _said(item)
    cut = safe_cut(_cut(item.text), said)
    return DisagreementView(
        document_id=item.document_id,
        human=in_words(item.human, "no label"),
        teacher=in_words(item.teacher, "no answer"),
        student=in_words(item.student, "no answer"),
        confidence=Measure(item.confidence, why="the student states none"),
        shown=stretches(item.text, said, 0, cut),
        folded=stretches(item.text, said, cut),
        n_characters=len(item.text),
    )


def _said(item: Disagreement) -> dict[str, tuple[Span, ...]]:
    """The spans to mark in a text: everybody's, or the pair that a relation is about."""
    if item.head is not None and item.tail is not None:
        return {"head": (item.head,), "tail": (item.tail,)}
    values = {"human": item.human, "teacher": item.teacher, "student": item.student}
    return {voice: tuple(part for part in value or () if isinstance(part, Span)) for voice, value in values.items()}


def distrusted(item: Distrusted) -> DistrustedRow:
    """A text whose label gold distrusts, as it is shown."""
    cut = _cut(item.text)
    return DistrustedRow(
        document_id=item.document_id,
        value=in_words(item.value, "no label"),
        weight=item.weight,
        visits=item.visits,
        zeros=item.zeros,
        shown=tuple(pieces(item.text[:cut])),
        is_cut=cut < len(item.text),
    )


def _cut(text: str) -> int:
    """Where a long text is cut: after a word if there is one, and never for the sake of a few more characters."""
    if len(text) <= LONG_TEXT * 1.3:
        return len(text)
    word_end = text.rfind(" ", LONG_TEXT // 2, LONG_TEXT)
    return LONG_TEXT if word_end < 0 else word_end


def in_words(value: Value | None, nothing: str) -> str:
    """A value as text: a label, labels, or quoted spans; `nothing` for None."""
    if value is None:
        return nothing
    if isinstance(value, str):
        return value
    parts = [part if isinstance(part, str) else f"{part.label}: “{part.text}”" for part in value]
    return ", ".join(parts) or "none of the labels"
