"""The step that scores the teacher on gold and decides whether to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluation import Counts, Gate, GateVerdict, Headline, decide
from understudy.pipeline.annotation import AnnotationSummary, summarise, teach, validation_documents
from understudy.pipeline.iteration import keep_version
from understudy.records import Annotation, Document, Outcome

if TYPE_CHECKING:
    from understudy.codebook import Task
    from understudy.pipeline.project import Project


@dataclass(frozen=True)
class Validation:
    """The teacher against gold.

    Attributes
    ----------
    verdict : go, not yet or no, with its intervals.
    documents : the gold texts it was judged on; those without any recorded answer are left out.
    annotations : what it said about them.
    summary : how asking ended.
    """

    verdict: GateVerdict
    documents: tuple[Document, ...]
    annotations: Mapping[str, Annotation]
    summary: AnnotationSummary

    @property
    def is_no(self) -> bool:
        """Whether the teacher is clearly below the bar."""
        return self.verdict.verdict is Gate.NO

    def to_json(self) -> dict[str, Any]:
        """The verdict, its figures and the outcomes as a JSON object."""
        return {"gate": self.verdict.to_json(), "n": len(self.documents), **self.summary.to_json()}

    def lines(self) -> list[str]:
        """The verdict in words."""
        return [*self.summary.lines(), f"gate: {self.verdict.verdict.value}: {self.verdict.reason}"]


def validate(project: Project) -> Validation:
    """Score the teacher on all of gold dev, filled up from demo; asks what it was not asked yet, keeps the scores."""
    validation = judge_annotations(project, teach(project, validation_documents(project)))
    keep_version(project, validation)
    return validation


def judge_annotations(project: Project, annotations: Mapping[str, Annotation]) -> Validation:
    """Score what the teacher has said about gold dev, filled up from demo; asks nothing."""
    documents = [document for document in validation_documents(project) if document.id in annotations]
    judged = tuple(d for d in documents if annotations[d.id].outcome is not Outcome.SKIPPED)
    counts = count_values(project.task, judged, [annotations[d.id].value for d in judged])
    rng = np.random.default_rng([project.settings.project.seed, 3])
    groups = [document.group for document in judged]
    verdict = decide(
        counts,
        headline_of(project.task),
        project.task.labels,
        project.settings.gate.min_f1,
        rng,
        is_exclusive=project.task.is_exclusive,
        marks_spans=project.task.marks_spans,
        groups=groups if any(groups) else None,
    )
    said = {document.id: annotations[document.id] for document in documents}
    return Validation(verdict, judged, said, summarise(project, said))


def headline_of(task: Task) -> Headline:
    """What the kind of task reports first."""
    return Headline(task.headline, task.positive, task.excluded)


def count_values(task: Task, documents: Sequence[Document], values: Sequence[Any]) -> Counts:
    """Counts of given values against the human ones; None is no answer."""
    tally = task.count([document.value for document in documents], values)
    return Counts(tally.tp, tally.fp, tally.fn, tally.correct)
