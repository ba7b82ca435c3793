"""The steps that evaluate and report: gathers what was done and found into one record and writes it."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy import __version__
from understudy.codebook import Task
from understudy.evaluation import Comparison, Gate, accuracy_by_consistency
from understudy.pipeline.annotation import NOT_USABLE, WORRYING_SHARE, total_cost
from understudy.pipeline.arms import TrainedArm, gold_probabilities, stored_annotations, thresholds_of, trained_arms
from understudy.pipeline.checking import check
from understudy.pipeline.judging import TEACHER_DIRECT, Judged, compare_arms, judge
from understudy.pipeline.prediction import recommend
from understudy.pipeline.validation import Validation, validate
from understudy.records import Annotation, Document, Role
from understudy.report import write_report
from understudy.report.data import ConsistencyLevel, Disagreement, ReportData, TeacherResult

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

REPORT_NAME = "report"
MOST_DISAGREEMENTS = 25
PACKAGES = ("torch", "transformers", "scikit-learn", "numpy")


@dataclass(frozen=True)
class RunResult:
    """What a run found.

    Attributes
    ----------
    data : everything the report prints.
    report : path of the page, or None if it was not written.
    """

    data: ReportData
    report: str | None

    @property
    def has_findings(self) -> bool:
        """Whether the teacher failed the gate or too many of its answers cannot be used."""
        teacher = self.data.teacher
        unusable = sum(teacher.outcomes.get(outcome, 0) for outcome in NOT_USABLE)
        is_no = teacher.gate is not None and teacher.gate.verdict is Gate.NO
        return is_no or unusable > WORRYING_SHARE * sum(teacher.outcomes.values())

    def to_json(self) -> dict[str, Any]:
        """The figures that scripts read; the report's JSON has all of them."""
        from understudy.report import summary_json

        return {**summary_json(self.data), "report": self.report}


def evaluate(project: Project) -> RunResult:
    """Judge every arm on gold test, without writing a page."""
    return RunResult(gather(project), None)


def report(project: Project) -> RunResult:
    """Judge every arm on gold test and write the page and its numbers."""
    return _written(project, gather(project))


def report_without_arms(project: Project, validation: Validation) -> RunResult:
    """A page that only says why the gate stopped the run."""
    return _written(project, _data(project, validation, (), (), None))


def gather(project: Project) -> ReportData:
    """Everything a report prints."""
    validation = validate(project)
    judged = judge(project)
    name = _recommended(trained_arms(project))
    if name is not None:
        recommend(project, name)
    return _data(project, validation, judged, compare_arms(project, judged, name), name)


def _written(project: Project, data: ReportData) -> RunResult:
    files = write_report(data, project.folder / "reports", REPORT_NAME)
    return RunResult(data, str(files.html))


def _data(
    project: Project,
    validation: Validation,
    judged: Sequence[Judged],
    comparisons: Sequence[Comparison],
    recommended: str | None,
) -> ReportData:
    settings = project.settings
    return ReportData(
        project=settings.project.name,
        kind=settings.codebook.kind,
        codebook=settings.codebook,
        headline=_headline(project.task),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        n_pool=len(project.pool),
        gold={role: len(project.gold_of(role)) for role in Role},
        share_demo_dev=settings.gold.share_demo_dev,
        teacher=_teacher(project, validation),
        student_kind=settings.student.kind,
        arms=tuple(arm.result for arm in judged),
        comparisons=tuple(comparisons),
        recommended=recommended,
        recommendation=_recommendation(project, judged, recommended),
        disagreements=_disagreements(project, recommended),
        remarks=check(project),
        notes=_notes(project, judged),
        provenance=_provenance(project),
        commands=("understudy run",),
        wall_s=time.monotonic() - project.opened_at,
    )


def _headline(task: Task) -> str:
    return {"positive": f"F1 of `{task.codebook.positive}`", "macro": "macro F1", "micro": "micro F1"}[task.headline]


def _teacher(project: Project, validation: Validation) -> TeacherResult:
    annotations = {**validation.annotations, **stored_annotations(project)}
    reasons = Counter(annotation.reason for annotation in annotations.values() if annotation.reason)
    roles = sorted({role.value for d in validation.documents if (role := project.ledger.role_of(d.id))})
    return TeacherResult(
        name=project.settings.teacher.name,
        kind=project.settings.teacher.kind,
        gate=validation.verdict,
        gate_n=len(validation.documents),
        gate_roles=" and ".join(roles),
        outcomes=dict(Counter(annotation.outcome for annotation in annotations.values())),
        reasons=dict(reasons.most_common(10)),
        consistency=_consistency(validation),
        n_replicates=max((annotation.n_asked for annotation in annotations.values()), default=1),
        cost_usd=total_cost(annotations.values()),
        models_answered=tuple(sorted({a.provenance.model for a in annotations.values() if a.provenance.model})),
    )


def _consistency(validation: Validation) -> tuple[ConsistencyLevel, ...]:
    """How right the teacher is where its repeated answers agree; empty without repeated answers."""
    annotations = [validation.annotations[document.id] for document in validation.documents]
    if all(annotation.n_asked == 1 for annotation in annotations):
        return ()
    shares = [np.nan if a.consistency is None else a.consistency for a in annotations]
    right = [a.value == document.value for a, document in zip(annotations, validation.documents, strict=True)]
    table = accuracy_by_consistency(shares, right)
    levels = (table.unanimous, table.split, *(one for one in table.by_value if one.name != "1.00"))
    return tuple(ConsistencyLevel(one.name, one.n, round(one.n * one.accuracy) if one.n else 0, one.interval)
                 for one in levels)  # fmt: skip


def _recommended(arms: Sequence[TrainedArm]) -> str | None:
    """The arm with the best mean F1 on gold dev; test is never asked. A tie goes to fewer human labels."""
    known = [arm for arm in arms if not np.isnan(arm.mean_dev_f1)]
    if not known:
        return arms[-1].name if arms else None
    return max(known, key=lambda arm: (round(arm.mean_dev_f1, 6), -arm.human_labels)).name


def _recommendation(project: Project, judged: Sequence[Judged], recommended: str | None) -> str:
    by_name = {arm.result.name: arm.result for arm in judged}
    if recommended is None or recommended not in by_name:
        return ""
    arm = by_name[recommended]
    interval = arm.intervals.get("f1")
    bounds = f" [{interval.low:.3f}, {interval.high:.3f}]" if interval else ""
    return (
        f"Deploy the student `{recommended}`: best of the students on gold dev (n = {len(project.gold_of(Role.DEV))}); "
        f"on {arm.n_test} test texts its {_headline(project.task)} is {arm.scores.headline.f1:.3f}{bounds}."
    )


def _disagreements(project: Project, recommended: str | None) -> tuple[Disagreement, ...]:
    """Gold dev texts on which human, teacher and student differ, most confident student first.

    Dev, not test: whoever reads them may change the codebook.
    """
    arm = next((arm for arm in trained_arms(project) if arm.name == recommended), None)
    if arm is None:
        return ()
    annotations = stored_annotations(project)
    documents = project.gold_of(Role.DEV)
    probabilities = gold_probabilities(project, arm, Role.DEV)[arm.deployed_run]
    values = project.task.decode(probabilities, thresholds_of(arm, arm.deployed_run))
    confidence = np.max(np.maximum(probabilities, 1 - probabilities), axis=1)
    if project.task.is_exclusive:
        confidence = probabilities.max(axis=1)
    found = [
        Disagreement(d.id, d.text, d.value, _value(annotations, d), value, float(sure))
        for d, value, sure in zip(documents, values, confidence, strict=True)
        if len({d.value, value, _value(annotations, d) or d.value}) > 1
    ]
    return tuple(sorted(found, key=lambda item: -item.confidence)[:MOST_DISAGREEMENTS])


def _value(annotations: Mapping[str, Annotation], document: Document) -> Any:
    annotation = annotations.get(document.id)
    return None if annotation is None else annotation.value


def _notes(project: Project, judged: Sequence[Judged]) -> tuple[str, ...]:
    notes = []
    left_out = len(project.pool) - len(project.candidates)
    if left_out:
        notes.append(f"{left_out:,} pool texts repeat another pool text or a gold text and were neither labelled nor "
                     "learned from.")  # fmt: skip
    for arm in judged:
        if arm.result.judged_on != Role.TEST.value:
            notes.append(f"{arm.result.name} is judged on gold {arm.result.judged_on}: the recorded teacher has no "
                         "answer for any test text. It is not compared with the other arms.")  # fmt: skip
        elif arm.result.name == TEACHER_DIRECT and arm.result.n_test < len(project.gold_of(Role.TEST)):
            notes.append(f"{arm.result.name} is judged on the {arm.result.n_test:,} test texts that have a recorded "
                         "answer, and is not compared pairwise.")  # fmt: skip
    if project.settings.gold.share_demo_dev:
        notes.append("Gold demo and dev are one set (`gold.share_demo_dev`): demonstrations, early stopping and "
                     "thresholds saw the same texts.")  # fmt: skip
    return tuple(notes)


def _provenance(project: Project) -> dict[str, str]:
    settings = project.settings
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return {
        "understudy": __version__,
        "python": platform.python_version(),
        "packages": versions,
        "codebook sha256": project.codebook_digest,
        "seed": str(settings.project.seed),
        "encoder": project.encoder.name,
        "encoder digest": project.encoder.digest,
        "settings": settings.model_dump_json(indent=2),
    }
