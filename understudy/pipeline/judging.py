"""Judges every arm on human labels: scores, intervals and paired comparisons. Learns nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import (
    Comparison,
    Counts,
    Headline,
    Interval,
    accuracy_interval,
    adjust_for_table,
    bootstrap_statistic,
    compare,
    confusion,
    headline_interval,
    headline_score,
    label_intervals,
    score,
    with_seed_spread,
)
from understudy.evaluation.metrics import defined_mean, precision, recall
from understudy.evaluation.relation_errors import relation_errors
from understudy.evaluation.span_errors import overlap_counts, span_errors
from understudy.pipeline.annotation import total_cost
from understudy.pipeline.kept import TrainedArm, said_of
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Annotation, Document, Outcome, Role, Span, Value
from understudy.report.data import ArmResult

if TYPE_CHECKING:
    from understudy.codebook import Task
    from understudy.pipeline.project import Project

TEACHER_DIRECT = "teacher-direct"


@dataclass(frozen=True)
class Judged:
    """One arm on its documents: what the page prints and the counts that comparisons need."""

    result: ArmResult
    documents: tuple[Document, ...]
    counts: tuple[Counts, ...]
    values: tuple[tuple[Value | None, ...], ...]


def judge(project: Project, arms: Sequence[TrainedArm], annotations: Mapping[str, Annotation]) -> tuple[Judged, ...]:
    """Every arm on gold test; the ledger refuses documents that anything may have learned from."""
    test = project.gold_of(Role.TEST)
    project.ledger.judge([document.id for document in test])
    judged = [_judge_student(project, arm, test) for arm in arms]
    direct = _judge_teacher(project, test, annotations)
    return tuple(judged if direct is None else [*judged, direct])


def compare_arms(project: Project, judged: Sequence[Judged], recommended: str | None) -> tuple[Comparison, ...]:
    """Paired comparisons on the same test documents, p-values corrected by Holm.

    The recommended arm against every other, and the questions of the distillation paper: the largest human arm
    against the largest teacher arm, and the largest teacher arm against asking the teacher directly; and texts that
    the learning loop chose against as many that were drawn by lot.
    """
    by_name = {arm.result.name: arm for arm in judged if arm.result.judged_on == Role.TEST.value}
    pairs: list[tuple[str | None, str]] = []
    if recommended in by_name:
        pairs = [(recommended, name) for name in by_name if name != recommended]
    pairs += _questions(by_name)
    rng = np.random.default_rng([project.settings.project.seed, 5])
    headline = headline_of(project.task)
    comparisons = [
        compare(a, by_name[a].counts, b, by_name[b].counts, headline, rng, groups=groups_of(by_name[a].documents))
        for a, b in dict.fromkeys(pairs)
        if a is not None and by_name[a].documents == by_name[b].documents
    ]
    return adjust_for_table(comparisons)


def _questions(names: Sequence[str] | dict[str, Judged]) -> list[tuple[str | None, str]]:
    human, teacher, active = (_largest(names, kind) for kind in ("human", "teacher", "active"))
    machine = teacher or active
    questions = [(human, machine), (machine, TEACHER_DIRECT)]
    questions += [(name, name.replace("active", "random", 1)) for name in names if name.startswith("active-")]
    return [(a, b) for a, b in questions if a is not None and b is not None and b in names]


def _largest(names: Sequence[str] | dict[str, Judged], kind: str) -> str | None:
    sizes = [int(name.split("-")[1]) for name in names if name.startswith(f"{kind}-") and name.split("-")[1].isdigit()]
    return f"{kind}-{max(sizes)}" if sizes else None


def _judge_student(project: Project, arm: TrainedArm, test: Sequence[Document]) -> Judged:
    runs = said_of(project, arm, Role.TEST)
    return _judged(
        project,
        test,
        [run.values for run in runs],
        name=arm.name,
        description=arm.description,
        n_labels=arm.n_labels,
        judged_on=Role.TEST,
        probabilities=runs[0].probabilities,
        cost_usd=arm.cost_usd,
        human_labels=arm.human_labels,
        train_s=arm.train_s,
        is_written=arm.is_written,
    )


def _judge_teacher(project: Project, test: Sequence[Document], annotations: Mapping[str, Annotation]) -> Judged | None:
    """The teacher itself on gold test, or on gold dev where it has no recorded answer for any test document."""
    for role, documents in ((Role.TEST, test), (Role.DEV, project.gold_of(Role.DEV))):
        asked = [d for d in documents if d.id in annotations and annotations[d.id].outcome is not Outcome.SKIPPED]
        if asked:
            return _judged(
                project,
                asked,
                [tuple(annotations[d.id].value for d in asked)],
                name=TEACHER_DIRECT,
                description=f"{project.settings.teacher.name} labels the texts itself",
                n_labels=0,
                judged_on=role,
                probabilities=None,
                cost_usd=total_cost(annotations[d.id] for d in asked),
                human_labels=0,
                train_s=0.0,
            )
    return None


def _judged(
    project: Project,
    documents: Sequence[Document],
    values: Sequence[tuple[Value | None, ...]],
    *,
    name: str,
    description: str,
    n_labels: int,
    judged_on: Role,
    probabilities: NDArray[np.float64] | None,
    cost_usd: float | None,
    human_labels: int,
    train_s: float,
    is_written: bool = False,
) -> Judged:
    task, headline = project.task, headline_of(project.task)
    truth = task.encode([document.value for document in documents])
    given = [task.encode(row) for row in values]
    counts = [count_values(task, documents, row) for row in values]
    mean = Counts.mean(counts)
    groups = groups_of(documents)
    result = ArmResult(
        name=name,
        description=description,
        n_labels=n_labels,
        n_test=len(documents),
        judged_on=judged_on.value,
        scores=score(mean, task.labels, headline),
        intervals=intervals_of(counts, headline, groups, project.settings.project.seed),
        label_intervals=label_intervals(counts, groups),
        seed_f1=tuple(headline_score(run, headline).f1 for run in counts),
        confusion=np.mean([confusion(truth, row) for row in given], axis=0) if task.is_exclusive else None,
        probabilities=probabilities,
        truth=truth,
        cost_usd=cost_usd,
        human_labels=human_labels,
        train_s=train_s,
        is_written=is_written,
        **_kinds_of_errors(task, documents, values),
    )
    return Judged(result, tuple(documents), tuple(counts), tuple(values))


class _Errors(TypedDict, total=False):
    span_kinds: dict[str, float]
    overlap_f1: float
    relation_kinds: dict[str, float]


def _kinds_of_errors(task: Task, documents: Sequence[Document], values: Sequence[tuple[Value | None, ...]]) -> _Errors:
    """What is wrong about wrong spans or wrong relations; means over runs."""
    if task.marks_spans:
        truths = [spans_of(document.value) or () for document in documents]
        answers = [[spans_of(value) for value in row] for row in values]
        overlap = Counts.mean([overlap_counts(truths, row, task.labels) for row in answers])
        kinds = _mean_counts([span_errors(truths, row).totals() for row in answers])
        return {"span_kinds": kinds, "overlap_f1": headline_score(overlap, headline_of(task)).f1}
    if any(document.head is None for document in documents):
        return {}
    found = [relation_errors(documents, row, task.codebook.null).to_json() for row in values]
    return {"relation_kinds": _mean_counts(found)}


def _mean_counts(runs: Sequence[Mapping[str, int]]) -> dict[str, float]:
    return {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}


def spans_of(value: Value | None) -> tuple[Span, ...] | None:
    """The spans of a value; None stays None."""
    return None if value is None else tuple(part for part in value if isinstance(part, Span))


def intervals_of(
    counts: Sequence[Counts], headline: Headline, groups: Sequence[str | None] | None, seed: int
) -> dict[str, Interval]:
    """Intervals of the headline's F1, precision and recall and of the accuracy; undefined ones are left out."""
    rng = np.random.default_rng([seed, 6])
    reduced = headline.reduce(Counts.mean(counts))
    runs = [headline_score(run, headline) for run in counts]
    found = {
        "f1": headline_interval(counts, headline, rng, groups),
        "precision": with_seed_spread(
            bootstrap_statistic(reduced, lambda totals: defined_mean(precision(totals)), rng, groups=groups),
            [run.precision for run in runs],
        ),
        "recall": with_seed_spread(
            bootstrap_statistic(reduced, lambda totals: defined_mean(recall(totals)), rng, groups=groups),
            [run.recall for run in runs],
        ),
        "accuracy": accuracy_interval(counts, groups),
    }
    return {name: interval for name, interval in found.items() if interval.is_defined}


def groups_of(documents: Sequence[Document]) -> list[str | None] | None:
    """The documents' groups, resampled whole; None if no document has one."""
    groups = [document.group for document in documents]
    return groups if any(group is not None for group in groups) else None
