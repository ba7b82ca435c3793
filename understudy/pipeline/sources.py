"""Labelled documents to learn from: those of people, those of the teacher, and both together.

Chooses no sizes and trains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.records import Annotation, Document, Outcome, Role, Span, Value

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingSet:
    """What one training run learns from.

    Attributes
    ----------
    documents : n documents.
    answers : what was said about each of them, at least one value; several where a teacher was asked repeatedly.
    targets : shape (n, K), in [0, 1]; rows of a classification add up to 1.
    uncertain : stretches of each of them from which nothing is learned.
    """

    documents: tuple[Document, ...]
    answers: tuple[tuple[Value, ...], ...]
    targets: FloatArray
    uncertain: tuple[tuple[Span, ...], ...]

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> TrainingSet:
        """The documents at these positions."""
        return TrainingSet(
            tuple(self.documents[row] for row in rows),
            tuple(self.answers[row] for row in rows),
            self.targets[np.asarray(rows, dtype=np.intp)],
            tuple(self.uncertain[row] for row in rows),
        )

    def joined(self, other: TrainingSet) -> TrainingSet:
        """These documents, then those of another set."""
        return TrainingSet(
            self.documents + other.documents,
            self.answers + other.answers,
            np.concatenate([self.targets, other.targets]),
            self.uncertain + other.uncertain,
        )


def human_set(project: Project, documents: Sequence[Document]) -> TrainingSet:
    """Gold documents with their human labels; raises ValueError if one has none."""
    values = [_known(document.value, document.id) for document in documents]
    targets = project.task.encode(values).astype(np.float64)
    return TrainingSet(tuple(documents), tuple((value,) for value in values), targets, ((),) * len(values))


def teacher_set(project: Project, annotations: Mapping[str, Annotation]) -> TrainingSet:
    """Pool documents that the teacher labelled, then (if allowed and needed) gold demo documents it labelled."""
    documents = _labelled(project.candidates, annotations)
    if project.settings.arms.teacher_on_demo and len(documents) < max(project.settings.arms.teacher, default=0):
        documents += _labelled(project.gold_of(Role.DEMO), annotations)
    return labelled_set(project, documents, annotations)


def labelled_set(project: Project, documents: Sequence[Document], annotations: Mapping[str, Annotation]) -> TrainingSet:
    """Those of the documents that the teacher labelled, in the order given."""
    kept = _labelled(documents, annotations)
    answers = [_answers(project, annotations[document.id]) for document in kept]
    uncertain = tuple(annotations[document.id].uncertain for document in kept)
    return TrainingSet(tuple(kept), tuple(answers), project.task.shares(answers), uncertain)


def teacher_and_human(project: Project, teacher: TrainingSet, human: TrainingSet) -> tuple[TrainingSet, int]:
    """Every human label, then every teacher label of another document; and the number of human ones."""
    if project.settings.student.train_on_dev:
        known = {document.id for document in human.documents}
        human = human.joined(human_set(project, [d for d in project.gold_of(Role.DEV) if d.id not in known]))
    with_human = {document.id for document in human.documents}
    rest = [row for row, document in enumerate(teacher.documents) if document.id not in with_human]
    return human.joined(teacher.take(rest)), len(human.documents)


def _labelled(documents: Sequence[Document], annotations: Mapping[str, Annotation]) -> list[Document]:
    return [d for d in documents if d.id in annotations and annotations[d.id].outcome is Outcome.LABELLED]


def _answers(project: Project, annotation: Annotation) -> tuple[Value, ...]:
    value = _known(annotation.value, annotation.document_id)
    return annotation.answers or (value,) if project.settings.student.soft_targets else (value,)


def _known(value: Value | None, document_id: str) -> Value:
    if value is None:
        raise ValueError(f"{document_id}: a document to learn from has no label.")
    return value
