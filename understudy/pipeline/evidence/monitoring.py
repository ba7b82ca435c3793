"""For how long: canaries asked again, new texts held against the pool, and every look kept with those before it.

Canaries are gold dev texts that the teacher answered when it was validated, frozen at the first look. Their new answers
are stored beside the old ones and never take their place. A change in what labels mean shows only in new gold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.corpus import read_documents
from understudy.errors import UserError
from understudy.evaluation import Interval
from understudy.evaluation.monitoring import (
    DriftCheck,
    EstimatedAccuracy,
    InputDrift,
    ShareShift,
    check_canaries,
    estimate_accuracy,
    input_drift,
    share_shift,
)
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.evidence.asking_again import asked_apart
from understudy.pipeline.evidence.period import PeriodGold, PeriodLook, look_at_period, student_to_judge
from understudy.pipeline.kept import arm_folder, trained_arms
from understudy.pipeline.plan import Plan, plan_for
from understudy.pipeline.prediction import recommended
from understudy.pipeline.probing import probe
from understudy.pipeline.teachers import OpenedTeacher, open_teacher
from understudy.records import Annotation, Document, Role
from understudy.report.data import LookBack

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project

MOST_CANARIES = 200
MOST_TEXTS = 2000
"""Of pool and of new texts, drawn by lot, that are embedded and labelled."""

FEWEST_TEXTS = 10
REPLICATES_APART = 1000
"""Repetitions of look n are numbered from n times this on."""


@dataclass(frozen=True)
class InputLook:
    """New texts beside the pool.

    Attributes
    ----------
    file : where the new texts stand.
    drift : of their embeddings.
    student : whose labels the other two are about; "" without a trained student, or where answers are spans.
    shift : of the shares of its labels; None without.
    accuracy : what its calibrated probabilities promise on the new texts; None without, or for labels that do not
        exclude each other.
    """

    file: str
    drift: InputDrift
    student: str = ""
    shift: ShareShift | None = None
    accuracy: EstimatedAccuracy | None = None

    @property
    def is_alarm(self) -> bool:
        """Whether texts or predicted shares have changed."""
        return self.drift.is_alarm or (self.shift is not None and self.shift.is_alarm)

    def to_json(self) -> dict[str, Any]:
        """The look as a JSON object."""
        drift = {"auroc": self.drift.auroc, "p_value": self.drift.p_value, "n_pool": self.drift.n_old,
                 "n_new": self.drift.n_new}  # fmt: skip
        shift = None if self.shift is None else {
            "index": self.shift.index, "pool": self.shift.old.tolist(), "new": self.shift.new.tolist()
        }  # fmt: skip
        accuracy = None if self.accuracy is None else {
            "value": self.accuracy.value, "interval": self.accuracy.interval.to_json(), "n": self.accuracy.n
        }  # fmt: skip
        return {"file": self.file, "student": self.student, "drift": drift, "share_shift": shift,
                "estimated_accuracy": accuracy, "is_alarm": self.is_alarm}  # fmt: skip


@dataclass(frozen=True)
class Earlier:
    """A look as the journal has it: when, and what was found, as `Look.to_json` has it."""

    at: str
    found: dict[str, Any]

    def parts(self) -> Iterator[str]:
        """What was looked at and found, each in words."""
        teacher, texts = self.found["canaries"], self.found["texts"]
        if teacher is not None:
            yield (
                f"look {teacher['look']} at {teacher['teacher']}: {teacher['n']} canaries, "
                f"{_percent(teacher['flips'])} flipped, p = {_p(teacher['p_value'])}"
            )
        if texts is not None:
            yield f"{texts['file']}: AUROC {texts['drift']['auroc']:.3f}, p = {_p(texts['drift']['p_value'])}"
        if self.found.get("period") is not None:  # absent in looks of before there were periods
            yield _period_in_short(self.found["period"])

    def line(self) -> str:
        """The look in one line."""
        alarm = " ALARM" if self.found["is_alarm"] else ""
        return f"{self.at[:16]} {'; '.join(self.parts())}{alarm}"


@dataclass(frozen=True)
class Look:
    """One look.

    Attributes
    ----------
    teacher : asked again; "" where it cannot be.
    canaries : ids of the texts it was asked about.
    number : 1 for the first look at this teacher with this codebook and prompt.
    teacher_drift, texts, period : None where that side was not looked at.
    earlier : all looks before, oldest first.
    """

    teacher: str
    canaries: tuple[str, ...]
    number: int
    teacher_drift: DriftCheck | None
    texts: InputLook | None
    earlier: tuple[Earlier, ...]
    period: PeriodLook | None = None

    @property
    def has_findings(self) -> bool:
        """Whether anything alarms."""
        return any(side is not None and side.is_alarm for side in (self.teacher_drift, self.texts, self.period))

    def to_keep(self) -> dict[str, Any]:
        """What the journal keeps."""
        drift = self.teacher_drift
        asked = None if drift is None else {
            "teacher": self.teacher, "look": self.number, "documents": list(self.canaries), **drift.to_json()
        }  # fmt: skip
        return {"canaries": asked, "texts": None if self.texts is None else self.texts.to_json(),
                "period": None if self.period is None else self.period.to_json(),
                "is_alarm": self.has_findings}  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object, earlier looks included."""
        return {**self.to_keep(), "earlier": [{"at": each.at, **each.found} for each in self.earlier]}

    def lines(self) -> Iterator[str]:
        """Everything in words."""
        if self.teacher_drift is not None:
            yield from _teacher_lines(self.teacher, self.number, self.teacher_drift, len(self.canaries))
        if self.texts is not None:
            yield from _text_lines(self.texts)
        if self.period is not None:
            yield from self.period.lines()
        yield f"{len(self.earlier)} earlier looks" + (":" if self.earlier else "")
        yield from (f"  {each.line()}" for each in self.earlier)


def canaries_of(project: Project, n: int = MOST_CANARIES) -> list[Document]:
    """The canaries: those of the first look at this teacher, else `n` answered texts of gold dev, drawn by lot.

    None for a teacher that cannot be asked again: recorded labels and the built-in teachers never change.
    """
    if not project.teacher_costs_money:
        return []
    said = stored_annotations(project, project.gold_of(Role.DEV))
    answered = {d.id: d for d in project.gold_of(Role.DEV) if d.id in said and said[d.id].value is not None}
    frozen = _frozen(project, open_teacher(project))
    if frozen:
        return [answered[identifier] for identifier in frozen if identifier in answered]
    ids = sorted(answered)
    order = np.random.default_rng([project.settings.project.seed, 26]).permutation(len(ids))[:n]
    return [answered[ids[i]] for i in sorted(order)]


def plan_look(project: Project, documents: Sequence[Document]) -> Plan:
    """What asking about canaries and a period's gold would cost; asks nothing."""
    return plan_for(project, documents, documents)


def monitor(
    project: Project,
    canaries: Sequence[Document],
    texts: Path | None = None,
    period: PeriodGold | None = None,
    *,
    asks_teacher: bool = True,
) -> Look:
    """Ask the canaries again, hold new texts against the pool, judge a period by its gold, and keep what was found.

    Parameters
    ----------
    canaries : as of `canaries_of`; none to leave the teacher alone.
    texts : a file of new texts with the columns of the pool.
    period : as of `read_period`.
    asks_teacher : whether the teacher labels the period's gold, too.

    Raises
    ------
    UserError
        If there is nothing to look at, or fewer than 10 texts on a side.
    """
    if not canaries and texts is None:
        raise UserError("there is nothing to look at.", _remedy(project))
    if period is not None:
        student_to_judge(project)  # before anything is asked
    looked_at = None if texts is None else look_at_texts(project, texts)
    with project.journal() as journal:
        opened = open_teacher(project)
        series = _series(project, opened)
        earlier = _earlier(journal)
        number = 1 + sum(1 for found in _of_series(journal, series) if found["canaries"] is not None)
        drift = _ask_canaries(project, journal, opened, canaries, number) if canaries else None
        name = project.settings.teacher.name if canaries else ""
        judged = None
        if period is not None:
            n_before = sum(each.found.get("period") is not None for each in earlier)
            judged = look_at_period(project, journal, period, n_before + 1, asks_teacher=asks_teacher)
        look = Look(name, tuple(d.id for d in canaries), number, drift, looked_at, earlier, judged)
        journal.add_look(series, json.dumps(look.to_keep(), allow_nan=False)).result()
    return look


def looks_back(project: Project) -> Iterator[LookBack]:
    """All looks so far, oldest first, for the report."""
    with project.journal_to_read() as journal:
        earlier = () if journal is None else _earlier(journal)
    for each in earlier:
        yield LookBack(each.at, tuple(each.parts()), each.found["is_alarm"])


def look_at_texts(project: Project, path: Path) -> InputLook:
    """Hold the texts of a file against the pool: their embeddings, and what the student makes of both."""
    data = project.settings.data.model_copy(update={"meta": (), "allow_duplicate_ids": True})
    new, old = _sample(project, list(read_documents([path], data, None))), _sample(project, project.candidates)
    if min(len(new), len(old)) < FEWEST_TEXTS:
        raise UserError(
            f"{path.name} has {len(new)} texts and the pool {len(old)}; at least {FEWEST_TEXTS} of both are needed.",
            "Gather more texts before comparing.",
        )
    rng = np.random.default_rng([project.settings.project.seed, 28])
    before, after = (project.encoder.encode([document.text for document in side]) for side in (old, new))
    drift = input_drift(before, after, rng)
    name = _student(project)
    if not name or project.task.marks_spans:
        return InputLook(path.name, drift)
    return _with_student(project, InputLook(path.name, drift, name), old, new)


def _with_student(project: Project, look: InputLook, old: Sequence[Document], new: Sequence[Document]) -> InputLook:
    from understudy.student import load_student

    student = load_student(arm_folder(project, look.student), project.folder / "cache" / "embeddings")
    before, after = (student.label(side) for side in (old, new))
    counts = [project.task.encode(said.values).sum(axis=0) for said in (before, after)]
    shift = share_shift(*counts) if all(count.sum() for count in counts) else None
    accuracy = None
    if project.task.is_exclusive:
        predicted = project.task.encode(after.values).argmax(axis=1)
        accuracy = estimate_accuracy(after.probabilities, predicted)
    return InputLook(look.file, look.drift, look.student, shift, accuracy)


def _ask_canaries(
    project: Project, journal: Journal, opened: OpenedTeacher, canaries: Sequence[Document], number: int
) -> DriftCheck:
    then = stored_annotations(project, canaries)
    now = probe(project, asked_apart(opened, f"look {number}", number * REPLICATES_APART), canaries, "asking again")
    return check_canaries(
        [document.value for document in canaries if document.value is not None],
        [then[document.id].value for document in canaries],
        [now[document.id].value for document in canaries],
        look=number,
        usual_flips=_usual_flips(journal, _series(project, opened), list(then.values())),
    )


def _usual_flips(journal: Journal, series: str, then: Sequence[Annotation]) -> float:
    """Flips of the unchanged teacher: those between repeated answers, or those of the first look; nan without both."""
    pairs = [a != b for each in then for a, b in combinations(each.answers, 2)]
    if pairs:
        return float(np.mean(pairs))
    first = next((found["canaries"] for found in _of_series(journal, series) if found["canaries"] is not None), None)
    return nan if first is None or first["flips"] is None else float(first["flips"])


def _series(project: Project, opened: OpenedTeacher) -> str:
    parts = [opened.name, project.codebook_digest, opened.prompt_digest]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _frozen(project: Project, opened: OpenedTeacher) -> list[str]:
    """Ids of the canaries of the first look, if there was one."""
    with project.journal_to_read() as journal:
        if journal is None:
            return []
        looks = _of_series(journal, _series(project, opened))
    return next((list(found["canaries"]["documents"]) for found in looks if found["canaries"] is not None), [])


def _of_series(journal: Journal, series: str) -> list[dict[str, Any]]:
    return [json.loads(contents) for name, contents, _ in journal.looks() if name == series]


def _earlier(journal: Journal) -> tuple[Earlier, ...]:
    return tuple(Earlier(at, json.loads(contents)) for _, contents, at in journal.looks())


def _sample(project: Project, documents: Sequence[Document]) -> list[Document]:
    order = np.random.default_rng([project.settings.project.seed, 27]).permutation(len(documents))[:MOST_TEXTS]
    return [documents[i] for i in sorted(order)]


def _student(project: Project) -> str:
    """The recommended student if it is up to date, else the first that is; "" if none is."""
    names = [arm.name for arm in trained_arms(project)[0]]
    try:
        wanted = recommended(project)
    except UserError:  # none was evaluated yet
        wanted = ""
    return wanted if wanted in names else next(iter(names), "")


def _remedy(project: Project) -> str:
    if project.teacher_costs_money:
        return "Run `understudy validate` first, so that there are answers to compare with, or give `--texts FILE`."
    return "This teacher never changes its answers: give new texts with `--texts FILE`."


def _teacher_lines(name: str, number: int, drift: DriftCheck, n_canaries: int) -> Iterator[str]:
    yield (
        f"{name}, look {number}: {drift.n} of {n_canaries} canaries answered then and now; {_percent(drift.flips)} "
        f"{_bounds(drift.interval)} have another label, {drift.n_lost} were right and are wrong, {drift.n_won} the "
        f"other way round (exact McNemar p = {_p(drift.p_value)}, alarm below {drift.level:.5f} at this look)"
    )
    usual = "unknown before the second look" if isnan(drift.usual_flips) else _percent(drift.usual_flips)
    verdict = "ALARM: the teacher has changed" if drift.is_alarm else "no change beyond chance"
    yield f"  flips of the unchanged teacher: {usual}. {verdict}."


def _text_lines(look: InputLook) -> Iterator[str]:
    drift = look.drift
    verdict = "ALARM: other texts than the pool" if drift.is_alarm else "like the pool, as far as this test can tell"
    yield (
        f"{look.file}: a classifier tells {drift.n_new:,} new texts from {drift.n_old:,} pool texts with AUROC "
        f"{drift.auroc:.3f} (permutation p = {_p(drift.p_value)}): {verdict}."
    )
    if look.shift is not None:
        verdict = "ALARM" if look.shift.is_alarm else "below the customary bar of 0.2"
        yield f"  {look.student}: population stability index of its labels {look.shift.index:.3f}: {verdict}."
    if look.accuracy is not None:
        yield (
            f"  {look.student}: accuracy {look.accuracy.value:.3f} {_bounds(look.accuracy.interval)} on the new texts "
            "by its own probabilities. Assumes that they are calibrated there and that labels mean what they meant; "
            "only new gold can check that."
        )


def _period_in_short(period: dict[str, Any]) -> str:
    found = {period["student"]: period["student_quality"], period["teacher"]: period["teacher_quality"]}
    right = (
        f"{name} right on {each['accuracy']['value']:.3f} [{each['accuracy']['interval']['low']:.3f}, "
        f"{each['accuracy']['interval']['high']:.3f}]"
        for name, each in found.items()
        if each is not None
    )
    return f"period {period['period']} of {period['n_gold']} gold texts: {', '.join(right)}"


def _percent(share: float | None) -> str:
    return "undefined" if share is None or isnan(share) else f"{share:.1%}"


def _p(value: float | None) -> str:
    return "undefined" if value is None or isnan(value) else f"{value:.4f}"


def _bounds(interval: Interval) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]" if interval.is_defined else "[undefined]"
