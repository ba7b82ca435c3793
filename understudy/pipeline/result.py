"""The steps that evaluate and report: gathers what was done and found into one record and writes it."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy import __version__
from understudy.codebook import Task
from understudy.errors import UserError
from understudy.evaluation import Gate, accuracy_by_consistency, best_constant
from understudy.evaluation.consistency import ConsistencyLevel as AccuracyLevel
from understudy.pipeline.accounts import account
from understudy.pipeline.annotation import NOT_USABLE, WORRYING_SHARE, stored_annotations, total_cost
from understudy.pipeline.canaries import notes_on_flags
from understudy.pipeline.cards import write_cards
from understudy.pipeline.checking import check
from understudy.pipeline.direction import stored_direction
from understudy.pipeline.evidence.declared import declared_estimates
from understudy.pipeline.evidence.monitoring import looks_back
from understudy.pipeline.evidence.worth import worth
from understudy.pipeline.iteration import notes_on_versions
from understudy.pipeline.judging import TEACHER_DIRECT, Judged, compare_arms, judge
from understudy.pipeline.kept import TrainedArm, said_of, trained_arms
from understudy.pipeline.learning.curve import learning_curve
from understudy.pipeline.prediction import recommend
from understudy.pipeline.several import stored_check
from understudy.pipeline.span_trust import measure_span_trust
from understudy.pipeline.teachers import open_teacher
from understudy.pipeline.trust_features import agreement
from understudy.pipeline.trusting import measure_trust
from understudy.pipeline.validation import Validation, headline_of, judge_annotations
from understudy.records import Annotation, Document, Role
from understudy.report import write_report
from understudy.report.data import (
    Account,
    ArmResult,
    ConsistencyLevel,
    Disagreement,
    Distrusted,
    PairedCheck,
    ReportData,
    TeacherResult,
)

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

REPORTS = "reports"
REPORT_NAME = "report"
MOST_DISAGREEMENTS = 25
PACKAGES = ("torch", "transformers", "scikit-learn", "numpy")


@dataclass(frozen=True)
class RunResult:
    """What a run found.

    Attributes
    ----------
    data : everything the report prints.
    report : path of the page, or None if there is none yet.
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
    """Judge every arm on gold test, without writing a page; names the page of an earlier run, if there is one."""
    page = project.folder / REPORTS / f"{REPORT_NAME}.html"
    return RunResult(gather(project), str(page) if page.exists() else None)


def report(project: Project) -> RunResult:
    """Judge every arm on gold test and write the page and its numbers."""
    return _written(project, gather(project))


def report_without_arms(project: Project, validation: Validation) -> RunResult:
    """A page that only says why the gate stopped the run."""
    return _written(project, _data(project, _Findings(validation, stored_annotations(project))))


@dataclass(frozen=True)
class _Findings:
    """What was stored, trained and judged."""

    validation: Validation
    annotations: Mapping[str, Annotation]
    arms: tuple[TrainedArm, ...] = ()
    outdated: tuple[str, ...] = ()
    judged: tuple[Judged, ...] = ()
    recommended: str | None = None


def gather(project: Project) -> ReportData:
    """Everything a report prints, from what is stored and trained; asks and trains nothing.

    Raises
    ------
    UserError
        If nothing can be judged yet.
    """
    annotations = stored_annotations(project)
    arms, outdated = trained_arms(project)
    judged = judge(project, arms, annotations)
    if not judged:
        raise UserError(
            "There is nothing to judge yet: no trained student, and no label of the teacher.",
            f"Run `understudy run {project.folder}`; it does every step that is missing.",
        )
    name = _recommended(arms)
    if name is not None:
        recommend(project, name)
    write_cards(project, arms, judged)
    validation = judge_annotations(project, annotations)
    return _data(project, _Findings(validation, annotations, arms, outdated, judged, name))


def _written(project: Project, data: ReportData) -> RunResult:
    files = write_report(data, project.folder / REPORTS, REPORT_NAME)
    return RunResult(data, str(files.html))


def _data(project: Project, found: _Findings) -> ReportData:
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
        teacher=_teacher(project, found),
        student_kind=settings.student.kind,
        arms=tuple(arm.result for arm in found.judged),
        comparisons=compare_arms(project, found.judged, found.recommended),
        recommended=found.recommended,
        recommendation=_recommendation(project, found),
        disagreements=_disagreements(project, found),
        remarks=check(project),
        notes=tuple(_notes(project, found)),
        provenance=_provenance(project),
        commands=("understudy run",),
        wall_s=time.monotonic() - project.opened_at,
        noise=tuple(trial for arm in found.arms for trial in arm.noise),
        search=tuple(arm.search for arm in found.arms if arm.search is not None),
        distrusted=tuple(_distrusted(project, found)),
        learning=learning_curve(project, found.annotations),
        worth=worth(project, found.judged, found.annotations, found.recommended) if found.judged else None,
        estimates=tuple(declared_estimates(project)),
        looks=tuple(looks_back(project)),
    )


def _headline(task: Task) -> str:
    return {"positive": f"F1 of `{task.codebook.positive}`", "macro": "macro F1", "micro": "micro F1"}[task.headline]


def _teacher(project: Project, found: _Findings) -> TeacherResult:
    validation, annotations = found.validation, found.annotations
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
        consistency=_consistency(project, validation),
        n_replicates=max((annotation.n_asked for annotation in annotations.values()), default=1),
        cost_usd=total_cost(annotations.values()),
        account=_account(project),
        models_answered=tuple(sorted({a.provenance.model for a in annotations.values() if a.provenance.model})),
        trust=measure_trust(project, annotations),
        together=_together(project),
        direction=stored_direction(project, annotations),
        span_consistency=_span_consistency(project, validation),
        span_trust=measure_span_trust(project, annotations),
    )


def _account(project: Project) -> Account | None:
    with project.journal_to_read() as journal:
        return None if journal is None else account(project, journal, open_teacher(project))


def _together(project: Project) -> PairedCheck | None:
    return stored_check(project, open_teacher(project, texts_at_once=1).prompt_digest)


def _consistency(project: Project, validation: Validation) -> tuple[ConsistencyLevel, ...]:
    """How right the teacher is where its repeated answers agree; empty without repeated answers."""
    annotations = [validation.annotations[document.id] for document in validation.documents]
    if all(annotation.n_asked == 1 for annotation in annotations):
        return ()
    shares = [agreement(annotation) for annotation in annotations]
    right = [a.value == document.value for a, document in zip(annotations, validation.documents, strict=True)]
    table = accuracy_by_consistency(shares, right)
    by_value = () if project.task.marks_spans else (one for one in table.by_value if one.name != "1.00")
    return _levels((table.unanimous, table.split, *by_value))  # of spans: means that hardly two texts share


def _levels(found: Sequence[AccuracyLevel]) -> tuple[ConsistencyLevel, ...]:
    return tuple(ConsistencyLevel(one.name, one.n, round(one.n * one.accuracy) if one.n else 0, one.interval)
                 for one in found)  # fmt: skip


def _span_consistency(project: Project, validation: Validation) -> tuple[ConsistencyLevel, ...]:
    """Of every span that some answer about a gold text holds: the share of answers with it, and whether it is right."""
    annotations = [validation.annotations[document.id] for document in validation.documents]
    if not project.task.marks_spans or all(annotation.n_asked == 1 for annotation in annotations):
        return ()
    shares, right = [], []
    for annotation, document in zip(annotations, validation.documents, strict=True):
        held = Counter(span for answer in annotation.answers for span in answer)
        shares += [n / len(annotation.answers) for n in held.values()]
        right += [span in (document.value or ()) for span in held]
    return _levels(accuracy_by_consistency(shares, right).by_value)


def _recommended(arms: Sequence[TrainedArm]) -> str | None:
    """The arm with the best mean F1 on gold dev; test is never asked. A tie goes to fewer human labels.

    An arm without F1 on dev, because it learned from dev or dev has none to count, is taken only if all are such:
    then the last one, which has the most labels.
    """
    known = [arm for arm in arms if not np.isnan(arm.mean_dev_f1)]
    if not known:
        return arms[-1].name if arms else None
    return max(known, key=lambda arm: (round(arm.mean_dev_f1, 6), -arm.human_labels)).name


def _recommendation(project: Project, found: _Findings) -> str:
    judged = next((one for one in found.judged if one.result.name == found.recommended), None)
    if judged is None:
        return ""
    arm = judged.result
    headline = _headline(project.task)
    interval = arm.intervals.get("f1")
    bounds = f" [{interval.low:.3f}, {interval.high:.3f}]" if interval else ""
    reached = "undefined" if np.isnan(arm.scores.headline.f1) else f"{arm.scores.headline.f1:.3f}{bounds}"
    return (
        f"Deploy the student `{arm.name}`: {_why(project, found)}; on {arm.n_test} test texts its {headline} is "
        f"{reached}.{_against_constant(project, judged)}"
    )


def _why(project: Project, found: _Findings) -> str:
    arm = next(arm for arm in found.arms if arm.name == found.recommended)
    if np.isnan(arm.mean_dev_f1):
        return "the one with the most labels, because gold dev could not tell the students apart"
    return f"best of the students on gold dev (n = {len(project.gold_of(Role.DEV))})"


def _against_constant(project: Project, judged: Judged) -> str:
    """A warning where the test texts do not show the student above the best answer that reads no text."""
    task = project.task
    constant = best_constant(
        judged.counts[0],
        headline_of(task),
        task.labels,
        is_exclusive=task.is_exclusive,
        marks_spans=task.marks_spans,
    )
    f1, interval = judged.result.scores.headline.f1, judged.result.intervals.get("f1")
    always = f"always answering `{constant.answer}` reaches {constant.f1:.3f}"
    if f1 <= constant.f1:
        return f" That is not enough to rely on it: {always}."
    if interval is not None and interval.low <= constant.f1:
        return f" These test texts cannot tell it from no student at all: {always}."
    return ""


def _disagreements(project: Project, found: _Findings) -> tuple[Disagreement, ...]:
    """Gold dev texts on which human, teacher and student differ, most confident student first.

    Dev, not test: whoever reads them may change the codebook.
    """
    arm = next((arm for arm in found.arms if arm.name == found.recommended), None)
    if arm is None:
        return ()
    documents = project.gold_of(Role.DEV)
    said = said_of(project, arm, Role.DEV)[arm.deployed_run]
    values, probabilities = said.values, said.probabilities
    confidence = np.max(np.maximum(probabilities, 1 - probabilities), axis=1)
    if project.task.is_exclusive:
        confidence = probabilities.max(axis=1)
    listed = [
        Disagreement(d.id, d.text, d.value, _value(found.annotations, d), value, float(sure), d.head, d.tail)
        for d, value, sure in zip(documents, values, confidence, strict=True)
        if len({d.value, value, _value(found.annotations, d) or d.value}) > 1
    ]
    return tuple(sorted(listed, key=lambda item: -item.confidence)[:MOST_DISAGREEMENTS])


def _distrusted(project: Project, found: _Findings) -> Iterator[Distrusted]:
    """The labels that gold texts trusted least in the training of the recommended student."""
    arm = next((arm for arm in found.arms if arm.name == found.recommended), None)
    if arm is None or not arm.distrusted:
        return
    gold = project.gold_of(Role.DEMO) + project.gold_of(Role.DEV)
    texts = {document.id: document.text for document in (*project.candidates, *gold)}
    for label in arm.distrusted:
        value = project.task.from_json(label.value)
        text = texts[label.document_id]
        yield Distrusted(arm.name, label.document_id, text, value, label.weight, label.visits, label.zeros)


def _value(annotations: Mapping[str, Annotation], document: Document) -> Any:
    annotation = annotations.get(document.id)
    return None if annotation is None else annotation.value


def _notes(project: Project, found: _Findings) -> Iterator[str]:
    left_out = len(project.pool) - len(project.candidates)
    if left_out:
        yield (
            f"{left_out:,} pool texts repeat another pool text or a gold text and were neither labelled nor learned "
            "from."
        )
    if found.outdated and found.arms:
        yield (
            f"Not judged, because labels, texts or settings have changed since it was trained: "
            f"{', '.join(found.outdated)}. `understudy train` brings it up to date."
        )
    for arm in found.judged:
        if arm.result.name == TEACHER_DIRECT:
            yield from _notes_on_teacher(project, arm.result)
    if project.settings.gold.share_demo_dev:
        yield (
            "Gold demo and dev are one set (`gold.share_demo_dev`): demonstrations and what is tuned on dev saw the "
            "same texts."
        )
    yield from _notes_on_dev(found.arms)
    for trained in found.arms:
        yield from (f"{trained.name}: {remark}" for remark in trained.remarks)
    yield from notes_on_versions(project)
    yield from notes_on_flags(found.annotations)


def _notes_on_teacher(project: Project, arm: ArmResult) -> Iterator[str]:
    if arm.judged_on != Role.TEST.value:
        yield (
            f"{arm.name} is judged on gold {arm.judged_on}: the teacher has no answer for any test text. It is not "
            "compared with the other arms."
        )
    elif arm.n_test < len(project.gold_of(Role.TEST)):
        yield (
            f"{arm.name} is judged on the {arm.n_test:,} test texts that the teacher was asked about, and is not "
            "compared pairwise."
        )


def _notes_on_dev(arms: Sequence[TrainedArm]) -> Iterator[str]:
    names = [arm.name for arm in arms if np.isnan(arm.mean_dev_f1)]
    if names and len(names) < len(arms):
        yield (
            f"Learned from gold dev, or undefined there, and therefore neither tuned nor ranked on it: "
            f"{', '.join(names)}."
        )


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
