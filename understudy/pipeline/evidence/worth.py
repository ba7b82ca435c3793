"""Does it pay, and how good can a student get: break-even volumes, the frontier of cost and F1, the limit of a student.

Counts what the settings under `[costs]` and the journal know; a price that nobody gave is unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation.economics import BreakEven, Costs, Option, break_even, frontier
from understudy.evaluation.student_limit import N_NEIGHBOURS, StudentLimit, neighbour_vote, student_limit
from understudy.pipeline.judging import TEACHER_DIRECT, Judged
from understudy.records import Annotation, Document, Outcome, Role, Value
from understudy.report.data import Worth

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FEWEST_JUDGED = 50
"""Gold test texts with an answer of the teacher below which nothing is said about the limit of a student."""

MOST_LABELLED = 5000
"""Pool texts with a teacher label that vote, drawn by lot."""

SECONDS_PER_HOUR = 3600


def worth(
    project: Project, judged: Sequence[Judged], annotations: Mapping[str, Annotation], recommended: str | None
) -> Worth:
    """What the arms cost and reach, and how far the recommended student is from what its labels allow."""
    student = next((arm for arm in judged if arm.result.name == recommended), None)
    options = [Option(arm.result.name, _cost(project, arm, annotations), arm.result.scores.headline.f1)
               for arm in judged if arm.result.judged_on == Role.TEST.value]  # fmt: skip
    return Worth(
        volume=project.settings.costs.volume,
        options=tuple(options),
        frontier=tuple(option.name for option in frontier(options)),
        break_even=None if student is None else _break_even(project, student, annotations),
        limit=None if student is None else _limit(project, student, annotations),
    )


def _break_even(project: Project, student: Judged, annotations: Mapping[str, Annotation]) -> BreakEven | None:
    """None for a student of human labels, or if the teacher's price is unknown or nothing."""
    result, prices = student.result, project.settings.costs
    each = _teacher_usd(project, annotations)
    n_labels = result.n_labels - result.human_labels
    if not each or n_labels < 1:
        return None
    return break_even(
        Costs(n_labels, each, human_usd=prices.human_usd or 0.0, training_usd=_training_usd(project, student),
              engineering_usd=prices.engineering_usd)
    )  # fmt: skip


def _cost(project: Project, arm: Judged, annotations: Mapping[str, Annotation]) -> float | None:
    """Of labels, training, and of labelling `costs.volume` texts; None if a price is unknown."""
    prices, result = project.settings.costs, arm.result
    each = _teacher_usd(project, annotations)
    if result.name == TEACHER_DIRECT:
        return None if each is None else each * prices.volume
    if result.human_labels and prices.human_usd is None:
        return None
    n_machine = result.n_labels - result.human_labels
    if n_machine and each is None:
        return None
    labels = (each or 0.0) * n_machine + (prices.human_usd or 0.0) * result.human_labels
    return labels + _training_usd(project, arm) + prices.engineering_usd


def _training_usd(project: Project, arm: Judged) -> float:
    return project.settings.costs.machine_usd_per_hour * arm.result.train_s / SECONDS_PER_HOUR


def _teacher_usd(project: Project, annotations: Mapping[str, Annotation]) -> float | None:
    """What one text has cost; None where that is unknown, as for recorded labels."""
    costs = [a.cost_usd for a in annotations.values() if a.outcome is not Outcome.SKIPPED]
    known = [cost for cost in costs if cost is not None]
    if not costs or len(known) < len(costs) or project.settings.teacher.kind == "recorded":
        return None
    return float(np.mean(known))


def _limit(project: Project, student: Judged, annotations: Mapping[str, Annotation]) -> StudentLimit | None:
    """None where labels do not exclude each other, or the teacher labelled too few test or pool texts."""
    if not project.task.is_exclusive or project.task.marks_spans:
        return None
    rows = [i for i, d in enumerate(student.documents) if _is_labelled(annotations, d)]
    pool = [d for d in project.candidates if _is_labelled(annotations, d)]
    if len(rows) < FEWEST_JUDGED or len(pool) <= N_NEIGHBOURS:
        return None
    rng = np.random.default_rng([project.settings.project.seed, 29])
    pool = [pool[i] for i in rng.permutation(len(pool))[:MOST_LABELLED]]
    gold = [student.documents[i] for i in rows]
    said = _codes(project, [annotations[d.id].value for d in (*pool, *gold)])
    voted = neighbour_vote(
        _vectors(project, pool), said[: len(pool)], _vectors(project, gold), len(project.task.labels),
        texts=[d.text for d in pool], texts_around=[d.text for d in gold],
    )  # fmt: skip
    own = _codes(project, [student.values[0][i] for i in rows])
    truth = _codes(project, [document.value for document in gold])
    return student_limit(truth, said[len(pool) :], voted, rng, student=own)


def _is_labelled(annotations: Mapping[str, Annotation], document: Document) -> bool:
    return document.id in annotations and annotations[document.id].value is not None


def _codes(project: Project, values: Sequence[Value | None]) -> NDArray[np.intp]:
    return np.asarray(project.task.encode(values).argmax(axis=1), dtype=np.intp)


def _vectors(project: Project, documents: Sequence[Document]) -> NDArray[np.float32]:
    return project.encoder.encode([document.text for document in documents])
