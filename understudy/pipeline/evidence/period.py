"""A small random gold sample of one period: how right student and teacher are there, and how frequent labels are.

The gold must be drawn by lot from the period's texts; nothing here can check that, but that it is a part of them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.corpus import read_documents, read_recorded, same_text_key
from understudy.corpus.spans.reading import read_any_rows
from understudy.errors import UserError
from understudy.evaluation import Interval
from understudy.evaluation.inference import Share, powered_share
from understudy.evaluation.monitoring import FEWEST_OF_PERIOD, PeriodQuality, period_quality
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.evidence.asking_again import asked_apart
from understudy.pipeline.kept import TrainedArm, arm_folder, said_of, trained_arms
from understudy.pipeline.prediction import recommended
from understudy.pipeline.probing import probe
from understudy.pipeline.teachers import open_teacher
from understudy.records import Annotation, Document, Outcome, Role, Value
from understudy.teacher import RecordedTeacher

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

MOST_TEXTS = 2000
"""Of the period's texts without gold, drawn by lot, that are labelled."""


@dataclass(frozen=True)
class PeriodGold:
    """A period's texts.

    Attributes
    ----------
    path : of the gold file, whose name is the period's.
    gold, rest : with and without a human label.
    n_known : gold texts that also stand in pool or gold of the project.
    """

    path: Path
    gold: tuple[Document, ...]
    rest: tuple[Document, ...]
    n_known: int


@dataclass(frozen=True)
class PeriodLook:
    """What a period's gold says.

    Attributes
    ----------
    teacher : "" where it was not asked, or has no recorded answer there.
    shares : of labels among the period's texts, by the student corrected by gold.
    """

    period: str
    n_gold: int
    n_rest: int
    n_known: int
    student: str
    student_quality: PeriodQuality
    shares: tuple[tuple[str, Share], ...]
    teacher: str = ""
    teacher_quality: PeriodQuality | None = None

    @property
    def is_alarm(self) -> bool:
        """Whether student or teacher has become worse beyond chance."""
        return self.student_quality.is_alarm or (self.teacher_quality is not None and self.teacher_quality.is_alarm)

    def to_json(self) -> dict[str, Any]:
        """The look as a JSON object."""
        return {
            "period": self.period, "n_gold": self.n_gold, "n_rest": self.n_rest, "n_known": self.n_known,
            "student": self.student, "student_quality": self.student_quality.to_json(), "teacher": self.teacher,
            "teacher_quality": None if self.teacher_quality is None else self.teacher_quality.to_json(),
            "shares": [
                {"label": label, "estimate": share.estimate.to_json(), "naive": share.naive.to_json(),
                 "gold_only": share.gold_only.to_json(), "refusal": share.refusal}
                for label, share in self.shares
            ],
            "is_alarm": self.is_alarm,
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """The look in words."""
        yield (
            f"period {self.period}: {self.n_gold} gold texts and {self.n_rest:,} others. Assumes that the gold was "
            "drawn by lot from the period's texts."
        )
        if self.n_known:
            yield f"  {self.n_known} of the gold texts also stand in the project, where a student may have learned them"
        promised = self.student_quality.accuracy.naive.value
        yield _quality_line(self.student, self.student_quality) + f"; by its own confidence {promised:.3f}"
        if self.teacher_quality is not None:
            yield _quality_line(self.teacher, self.teacher_quality)
        for label, share in self.shares:
            how = f"gold alone: {share.refusal}" if share.refusal else share.estimate.interval.method
            bounds, naive = _bounds(share.estimate.interval), share.naive.value
            yield f"  {label}: {share.estimate.value:.3f} {bounds} ({how}); naive, not to be used: {naive:.3f}"


def read_period(project: Project, gold: Path, texts: Path) -> PeriodGold:
    """Read a period's texts and its gold, which must be a part of them; asks nobody.

    Raises
    ------
    UserError
        If a file cannot be read, the gold is no part of the texts, or there are fewer than 30 gold or 2 other texts.
    """
    if project.task.marks_spans:
        raise UserError("a period's gold can be used where labels are of whole texts.", "Use `--texts` alone.")
    data = project.settings.data.model_copy(update={"meta": (), "role": None, "group": None})
    labelled = [
        d for d in read_documents([gold], data, project.task.read, project.task.check_in) if d.value is not None
    ]
    data = data.model_copy(update={"allow_duplicate_ids": True})
    everything = {document.id: document for document in read_documents([texts], data, None)}
    strange = [d.id for d in labelled if d.id not in everything or everything[d.id].text != d.text]
    if strange:
        raise UserError(
            f"{gold.name}: `{strange[0]}` and {len(strange) - 1} others are not in {texts.name} with the same text.",
            "Draw the gold by lot from the period's texts and keep their ids.",
        )
    chosen = {document.id for document in labelled}
    rest = [document for document in everything.values() if document.id not in chosen]
    if len(labelled) < FEWEST_OF_PERIOD or len(rest) < 2:
        raise UserError(
            f"{gold.name} has {len(labelled)} labelled texts and {texts.name} {len(rest)} others; a period needs "
            f"{FEWEST_OF_PERIOD} and 2.",
            "Label more texts of the period, drawn by lot.",
        )
    known = {same_text_key(document.text) for document in (*project.pool, *project.gold)}
    n_known = sum(same_text_key(document.text) in known for document in labelled)
    return PeriodGold(gold, tuple(labelled), tuple(rest), n_known)


def draw_sample(project: Project, texts: Path, n: int, to: Path) -> int:
    """Draw texts of a period by lot and write them as CSV for people to label; returns how many.

    Parameters
    ----------
    n : texts to draw; all if there are fewer.
    to : a file to be made, with the columns of gold and an empty label.

    Raises
    ------
    UserError
        If the file exists or the texts cannot be read.
    """
    data = project.settings.data.model_copy(update={"meta": (), "allow_duplicate_ids": True})
    if to.exists():
        raise UserError(f"`{to}` exists.", "Choose another name.")
    if data.head is not None:
        raise UserError("relations cannot be drawn: a CSV row would lose head and tail.", "Copy rows of the file.")
    documents = list(read_documents([texts], data, None))
    order = np.random.default_rng([project.settings.project.seed, 35]).permutation(len(documents))[:n]
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([data.id or "id", data.text, data.label])
        writer.writerows([documents[i].id, documents[i].text, ""] for i in sorted(order))
    return len(order)


def look_at_period(
    project: Project, journal: Journal, period: PeriodGold, look: int, *, asks_teacher: bool = True
) -> PeriodLook:
    """Estimate how right student and teacher are in the period.

    Parameters
    ----------
    look : 1 for the first period that this project looks at, 2 for the second, ...
    asks_teacher : whether the teacher labels the gold, too.

    Raises
    ------
    UserError
        If there is no student of the labels of now.
    """
    from understudy.student import load_student

    arm = student_to_judge(project)
    student = load_student(arm_folder(project, arm.name), project.folder / "cache" / "embeddings")
    on_gold, on_rest = student.label(period.gold), student.label(_sample(project, period.rest))
    sure, sure_rest = (_confidence(project, said.probabilities) for said in (on_gold, on_rest))
    right = _right(period.gold, on_gold.values)
    quality = period_quality(right, sure, sure_rest, _student_before(project, arm), look=look)
    said = _by_teacher(project, journal, period) if asks_teacher else {}
    rows = np.array([d.id in said and said[d.id].outcome is not Outcome.SKIPPED for d in period.gold], dtype=bool)
    teacher = None
    if rows.sum() >= FEWEST_OF_PERIOD:
        asked = [document for document, keep in zip(period.gold, rows, strict=True) if keep]
        before = _teacher_before(project)
        teacher = period_quality(_right(asked, _values(asked, said)), sure[rows], sure_rest, before, look=look)
    return PeriodLook(
        period.path.stem, len(period.gold), len(period.rest), period.n_known, arm.name, quality,
        tuple(_shares(project, period.gold, on_gold.probabilities, on_rest.probabilities)),
        project.settings.teacher.name if teacher is not None else "", teacher,
    )  # fmt: skip


def student_to_judge(project: Project) -> TrainedArm:
    """The recommended student; raises UserError if it is not there or not of the labels of now."""
    wanted, trained = recommended(project), {arm.name: arm for arm in trained_arms(project)[0]}
    if wanted not in trained:
        raise UserError(f"there is no student `{wanted}` of the labels of now.", "Run `understudy train`.")
    return trained[wanted]


def _sample(project: Project, documents: Sequence[Document]) -> list[Document]:
    order = np.random.default_rng([project.settings.project.seed, 34]).permutation(len(documents))[:MOST_TEXTS]
    return [documents[i] for i in sorted(order)]


def _confidence(project: Project, probabilities: FloatArray) -> FloatArray:
    """How probably a value is right; where labels do not exclude each other, as if they were independent."""
    if project.task.is_exclusive:
        return np.asarray(probabilities.max(axis=1))
    return np.asarray(np.maximum(probabilities, 1 - probabilities).prod(axis=1))


def _student_before(project: Project, arm: TrainedArm) -> BoolArray:
    test = project.gold_of(Role.TEST)
    project.ledger.judge([document.id for document in test])
    return _right(test, said_of(project, arm, Role.TEST)[arm.deployed_run].values)


def _teacher_before(project: Project) -> BoolArray:
    """On gold dev and test, which it was not shown; texts that it was never asked about are left out."""
    documents = [*project.gold_of(Role.DEV), *project.gold_of(Role.TEST)]
    said = stored_annotations(project, documents)
    asked = [d for d in documents if d.id in said and said[d.id].outcome is not Outcome.SKIPPED]
    return _right(asked, _values(asked, said))


def _by_teacher(project: Project, journal: Journal, period: PeriodGold) -> Mapping[str, Annotation]:
    """By id; a recorded teacher's answers stand in the gold file, or there are none."""
    opened = open_teacher(project)
    if project.teacher_costs_money:
        return probe(project, asked_apart(opened, "period"), period.gold, "asking about the period's gold")
    if project.settings.teacher.kind != "recorded":
        return {annotation.document_id: annotation for annotation in opened.connect(journal).annotate(period.gold)}
    column = project.settings.teacher.recorded_column
    if not _has_column(project, period.path, column):
        return {}
    teacher = RecordedTeacher(project.task, opened.name, read_recorded([period.path], project.settings.data, column))
    return {annotation.document_id: annotation for annotation in teacher.annotate(period.gold)}


def _has_column(project: Project, path: Path, column: str) -> bool:
    return any(column in row.cells for row in read_any_rows(path, project.settings.data))


def _values(documents: Sequence[Document], said: Mapping[str, Annotation]) -> list[Value | None]:
    return [said[document.id].value for document in documents]


def _right(documents: Sequence[Document], values: Sequence[Value | None]) -> BoolArray:
    return np.array([value == d.value for d, value in zip(documents, values, strict=True)], dtype=np.bool_)


def _shares(
    project: Project, gold: Sequence[Document], on_gold: FloatArray, on_rest: FloatArray
) -> Iterator[tuple[str, Share]]:
    """Of the positive label, or of all without one."""
    task = project.task
    truth = task.encode([document.value for document in gold]).astype(np.float64)
    for k in range(len(task.labels)) if task.positive is None else [task.positive]:
        label = task.labels[k]
        yield label, powered_share(truth[:, k], on_gold[:, k], on_rest[:, k], name=label)


def _quality_line(name: str, found: PeriodQuality) -> str:
    estimate = found.accuracy.estimate
    how = f"gold alone: {found.accuracy.refusal}" if found.accuracy.refusal else estimate.interval.method
    if not found.n_before:
        change = "no gold from before to compare with"
    else:
        verdict = "ALARM: worse than before" if found.is_alarm else "no change beyond chance"
        change = (
            f"{found.before:.3f} of {found.n_before} gold texts before, difference {_bounds(found.change)}, "
            f"p = {found.p_value:.4f}, alarm below {found.level:.5f}: {verdict}"
        )
    value = f"{estimate.value:.3f} {_bounds(estimate.interval)}"
    return f"  {name} is right on {value} of the period's texts ({how}); {change}"


def _bounds(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]" if interval.is_defined else "[undefined]"
