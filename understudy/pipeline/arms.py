"""The arms that train students: how many labels of whom each learns from. Trains nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from understudy.pipeline.annotation import stored_annotations, total_cost
from understudy.pipeline.sources import TrainingSet, human_set, labelled_set, teacher_and_human, teacher_set
from understudy.pipeline.writing import STYLES, written_texts
from understudy.records import Annotation, Document, Role

if TYPE_CHECKING:
    from understudy.pipeline.project import Project


@dataclass(frozen=True)
class Arm:
    """One way to obtain a student.

    Attributes
    ----------
    name, description : such as ``human-250`` and what that means in plain words.
    source : every labelled document it may draw from, in drawing order, with targets.
    n_labels : how many it draws; a run with another seed draws others.
    human_labels : human labels among those it learns from.
    cost_usd : paid to the teacher for its labels, in proportion if it draws only some; None if unknown.
    is_written : whether the teacher wrote the texts, too.
    """

    name: str
    description: str
    source: TrainingSet
    n_labels: int
    human_labels: int
    cost_usd: float | None
    is_written: bool = False

    def learns(self, documents: Sequence[Document]) -> bool:
        """Whether one of the documents may be learned from, so that nothing can be tuned on them."""
        ids = {document.id for document in documents}
        return any(document.id in ids for document in self.source.documents)

    def draw(self, rng: np.random.Generator) -> TrainingSet:
        """The training set of one run: `n_labels` documents of the source, at random unless it takes all."""
        if self.n_labels == len(self.source.documents):
            return self.source
        return self.source.take(np.sort(rng.permutation(len(self.source.documents))[: self.n_labels]))


def plan_arms(project: Project) -> Iterator[Arm]:
    """The arms that the settings ask for, as far as there are labels."""
    human = human_set(project, project.gold_of(Role.DEMO))
    annotations = stored_annotations(project)
    teacher = teacher_set(project, annotations)
    wanted = project.settings.arms
    for n in _sizes(wanted.human, len(human.documents)):
        yield Arm(f"human-{n}", f"students trained on {n:,} human labels", human, n, n, 0.0)
    cost = total_cost(annotations[d.id] for d in teacher.documents)
    yield from _learned(project, annotations) if project.settings.learn.enabled else _drawn(project, teacher, cost)
    yield from _written(project)
    if wanted.teacher_human and human.documents and teacher.documents:
        yield _teacher_human(project, teacher, human, cost)


def _drawn(project: Project, teacher: TrainingSet, cost: float | None) -> Iterator[Arm]:
    """Teacher labels of texts that were drawn by lot."""
    wanted = project.settings.arms
    sizes = _sizes(wanted.teacher, len(teacher.documents))
    if wanted.all_teacher and len(teacher.documents) > max(sizes, default=0):
        sizes.append(len(teacher.documents))
    for n in sizes:
        share = None if cost is None else cost * n / len(teacher.documents)
        yield Arm(f"teacher-{n}", f"students trained on {n:,} teacher labels", teacher, n, 0, share)


def _written(project: Project) -> Iterator[Arm]:
    """Texts that the teacher wrote with their labels, without and with gold demo texts to go by."""
    for style in STYLES:
        found = written_texts(project, style)
        for n in _sizes(getattr(project.settings.arms, style), len(found.documents)):
            cost = None if found.cost_usd is None else found.cost_usd * n / len(found.documents)
            how = "" if style == "zerogen" else " after gold examples"
            description = f"students trained on {n:,} texts that the teacher wrote with their labels{how}"
            yield Arm(f"{style}-{n}", description, human_set(project, found.documents), n, 0, cost, is_written=True)


def _learned(project: Project, annotations: Mapping[str, Annotation]) -> Iterator[Arm]:
    """Teacher labels of texts that the learning loop chose, and as many of texts that were drawn by lot."""
    from understudy.pipeline.learning.sets import label_sets

    for name, documents in label_sets(project, annotations):
        source = labelled_set(project, documents, annotations)
        n, cost = len(source.documents), total_cost(annotations[d.id] for d in source.documents)
        how = "chosen in rounds" if name == "active" else "drawn by lot"
        yield Arm(f"{name}-{n}", f"students trained on {n:,} teacher labels of texts {how}", source, n, 0, cost)


def _sizes(wanted: Sequence[int], available: int) -> list[int]:
    """The wanted sizes that can be had; the first that cannot becomes all there is."""
    if not available:
        return []
    return sorted({min(n, available) for n in wanted if n > 0})


def _teacher_human(project: Project, teacher: TrainingSet, human: TrainingSet, cost: float | None) -> Arm:
    """Every teacher label and every human label; where both exist, the human one."""
    source, n_human = teacher_and_human(project, teacher, human)
    n = len(source.documents)
    description = f"students trained on {n - n_human:,} teacher labels and {n_human:,} human labels"
    return Arm("teacher+human", description, source, n, n_human, cost)
