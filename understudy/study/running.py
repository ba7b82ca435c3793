"""Runs a study: every task with each of its teachers, arms and runs; finished cells are kept and read again.

Tasks are spread over processes; within one task nothing is computed twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context
from pathlib import Path

import numpy as np

from understudy.corpus import document_digest
from understudy.errors import UserError
from understudy.evaluation import Headline
from understudy.pipeline import Project
from understudy.pipeline.annotation import stored_annotations, total_cost
from understudy.pipeline.arms import Arm
from understudy.pipeline.judging import groups_of
from understudy.pipeline.kept import fingerprint
from understudy.pipeline.listener import Listener, SilentListener
from understudy.pipeline.noise_choice import choose_recipe, used_recipe
from understudy.pipeline.training import train_once
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Annotation, Document, Outcome, Role
from understudy.study.arms import build_arm
from understudy.study.cells import Cell, cell_path, read_cell, write_cell
from understudy.study.file import TEACHER_DIRECT, Study, StudyArm, StudyTask
from understudy.study.loops import RoundPlace, make_rounds, open_loop, round_student, rounds_of
from understudy.study.tasks import TaughtTask, missing_tasks, open_task, overrides_of

CELL_VERSION = 1
GIB = 2**30
MEMORY_OF_A_WORKER = 2 * GIB


@dataclass(frozen=True)
class Place:
    """Where a cell stands in the study.

    Attributes
    ----------
    teacher : `best`, `median`, a model's name or `own`; "" for arms without teacher labels.
    model : who that is; "" likewise.
    n_labels : labels of any kind that it learns from; 0 for teacher-direct.
    cost_usd : paid to the teacher for them; None if unknown.
    key : of the cell's file.
    rounds : of a learning loop; the last one's key is `key`.
    """

    task: str
    teacher: str
    model: str
    arm: str
    seed: int
    student: str
    n_labels: int
    cost_usd: float | None
    key: str
    rounds: tuple[RoundPlace, ...] = ()

    @property
    def pieces(self) -> tuple[RoundPlace, ...]:
        """The cells that are made one after the other: one, or one a round."""
        return self.rounds or (RoundPlace(self.n_labels, self.key),)


@dataclass(frozen=True)
class TaskRun:
    """A finished task.

    Attributes
    ----------
    places : of its cells; those of arms without teacher labels stand once, whoever the teachers are.
    groups : of the gold test documents, in the order of every cell; None if no document has one.
    """

    task: str
    headline: Headline
    groups: tuple[str | None, ...] | None
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Job:
    """What one process does: a task of a study."""

    study: Study
    task: StudyTask
    work: Path


@dataclass(frozen=True)
class Opened:
    """A task with one teacher under an arm's settings: its project and what the teacher said, read once."""

    taught: TaughtTask
    project: Project
    annotations: Mapping[str, Annotation]


def _opened(taught: TaughtTask, overrides: Mapping[str, str]) -> Opened:
    project = taught.open(overrides)
    return Opened(taught, project, stored_annotations(project))


def make_cells(study: Study, work: Path, workers: int = 1, listener: Listener | None = None) -> list[TaskRun]:
    """Make every cell that is missing; the tasks in file order, without those whose data are not there.

    Parameters
    ----------
    work : folder for projects made of public sets, embeddings and cells.
    workers : processes, fewer where memory or tasks are few.
    """
    listener = listener or SilentListener()
    absent = missing_tasks(study)
    for name, place in absent.items():
        listener.say(f"task `{name}` is left out, its data are missing: {place}")
    jobs = [Job(study, task, work) for task in study.file.tasks if task.title not in absent]
    found: dict[str, TaskRun] = {}
    for done, run in enumerate(_finished(jobs, workers_that_fit(workers, len(jobs)), listener), 1):
        found[run.task] = run
        listener.progress("tasks", done, len(jobs), run.task)
    return [found[job.task.title] for job in jobs]


def workers_that_fit(wanted: int, n_jobs: int) -> int:
    """Processes that there is work and memory for, at least 1."""
    return max(1, min(wanted, n_jobs, _free_memory() // MEMORY_OF_A_WORKER))


def walk(job: Job) -> Iterator[tuple[Place, Opened, StudyArm, Arm | None]]:
    """Every cell of a task: its place, and what is needed to make it; arms without any label are left out."""
    opened: dict[str, Opened] = {}
    for taught in open_task(job.study, job.task, job.work):
        for entry in job.study.file.arms_of(job.task):
            overrides = overrides_of(taught, entry)
            if entry.learns_in_rounds:
                yield from _loops(taught, overrides, entry, job.study.file.study.seeds)
                continue
            name = json.dumps([taught.choice, overrides], sort_keys=True)
            if name not in opened:
                opened[name] = _opened(taught, overrides)
            yield from _cells(opened[name], entry, job.study.file.study.seeds)


def run_task(job: Job, listener: Listener | None = None) -> TaskRun:
    """Make the missing cells of one task."""
    listener = listener or SilentListener()
    places: dict[Place, None] = {}
    project: Project | None = None
    for place, opened, entry, arm in walk(job):
        if any(read_cell(cell_path(job.work, piece.key)) is None for piece in place.pieces):
            listener.say(f"{place.task} · {place.arm} · {place.model or 'people'} · run {place.seed}")
            _make(job, place, opened, entry, arm)
        places[place] = None
        project = project or opened.project
    if project is None:
        raise UserError(f"task `{job.task.title}` has no arm with labels.", "Give it an arm, or leave the task out.")
    return _task_run(job.task.title, project, tuple(places))


def _make(job: Job, place: Place, opened: Opened, entry: StudyArm, arm: Arm | None) -> None:
    if place.rounds:
        make_rounds(opened.project, place.rounds, job.work)
    else:
        unfinished = job.work / "unfinished" / place.key
        write_cell(cell_path(job.work, place.key), _judge(opened, entry, arm, place.seed, unfinished))
        shutil.rmtree(unfinished, ignore_errors=True)


def _task_run(task: str, project: Project, places: tuple[Place, ...]) -> TaskRun:
    groups = groups_of(project.gold_of(Role.TEST))
    return TaskRun(task, headline_of(project.task), None if groups is None else tuple(groups), places)


def _loops(
    taught: TaughtTask, overrides: Mapping[str, str], entry: StudyArm, seeds: Sequence[int]
) -> Iterator[tuple[Place, Opened, StudyArm, Arm | None]]:
    for seed in seeds:
        project = open_loop(taught, overrides, seed)
        rounds = rounds_of(project)
        cost_usd = None if project.teacher_costs_money else 0.0
        place = Place(
            taught.task, taught.choice, taught.model, entry.name, seed, round_student(project), rounds[-1].n_asked,
            cost_usd, rounds[-1].key, rounds,
        )  # fmt: skip
        yield place, Opened(taught, project, {}), entry, None


def _cells(
    opened: Opened, entry: StudyArm, seeds: Sequence[int]
) -> Iterator[tuple[Place, Opened, StudyArm, Arm | None]]:
    taught, project = opened.taught, opened.project
    teacher, model = (taught.choice, taught.model) if entry.needs_teacher else ("", "")
    if entry.source == TEACHER_DIRECT:
        if not _was_asked(project.gold_of(Role.TEST), opened.annotations):
            return
        key = _direct_key(project, opened.annotations)
        cost = total_cost(opened.annotations[d.id] for d in project.gold_of(Role.TEST) if d.id in opened.annotations)
        yield Place(taught.task, teacher, model, entry.name, 0, "", 0, cost, key), opened, entry, None
        return
    for seed in seeds:
        arm = build_arm(project, opened.annotations, entry, seed)
        if arm is not None:
            kind = project.settings.student.kind
            key = _key(project, replace(arm, cost_usd=None), seed)
            place = Place(taught.task, teacher, model, entry.name, seed, kind, arm.n_labels, arm.cost_usd, key)
            yield place, opened, entry, arm


def _judge(opened: Opened, entry: StudyArm, arm: Arm | None, seed: int, unfinished: Path) -> Cell:
    """A run's cell; a training that was interrupted goes on from what is in `unfinished`."""
    project = opened.project
    test = project.gold_of(Role.TEST)
    project.ledger.judge([document.id for document in test])
    if arm is None:
        said = [opened.annotations[d.id].value if d.id in opened.annotations else None for d in test]
        return Cell(count_values(project.task, test, said), entry.source, 0, 0, np.nan, 0.0)
    started = time.monotonic()
    run = train_once(project, arm, seed, used_recipe(choose_recipe(project, arm)), unfinished)
    counts = count_values(project.task, test, run.test.values)
    kind = project.settings.student.kind
    return Cell(counts, kind, arm.n_labels, arm.human_labels, run.dev_f1, time.monotonic() - started)


def _was_asked(documents: Sequence[Document], annotations: Mapping[str, Annotation]) -> bool:
    said = [annotations[d.id].outcome for d in documents if d.id in annotations]
    return any(outcome is not Outcome.SKIPPED for outcome in said)


def _key(project: Project, arm: Arm, seed: int) -> str:
    """Hash of what a trained cell depends on; the arm's name is not among it, so that equal work is done once."""
    return _hash([CELL_VERSION, fingerprint(project, replace(arm, name="")), seed])


def _direct_key(project: Project, annotations: Mapping[str, Annotation]) -> str:
    said = [
        [d.id, document_digest(d), str(d.value), str(annotations[d.id].value) if d.id in annotations else None]
        for d in project.gold_of(Role.TEST)
    ]
    return _hash([CELL_VERSION, TEACHER_DIRECT, project.task.labels, said])


def _hash(state: object) -> str:
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:32]


def _finished(jobs: Sequence[Job], workers: int, listener: Listener) -> Iterator[TaskRun]:
    if workers == 1:
        for job in jobs:
            yield run_task(job, listener)
        return
    with _threads_for(workers), _processes(workers) as pool:
        for future in as_completed([pool.submit(run_task, job) for job in jobs]):
            yield future.result()


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Processes that end when their caller is interrupted; one that is killed ends the study, not its results."""
    before = set(active_children())
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_leave_signals_to_the_parent)
    try:
        yield pool
    except BaseException as exc:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(active_children()) - before:
            child.terminate()
        if isinstance(exc, BrokenProcessPool):
            raise UserError(
                "a process of the study was ended from outside, perhaps for lack of memory.",
                "Run it again with fewer `--workers`; it goes on where it stopped.",
            ) from exc
        raise
    pool.shutdown()


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _threads_for(workers: int) -> Iterator[None]:
    """Let processes that start meanwhile share the processors evenly, unless the environment says otherwise."""
    name = "OMP_NUM_THREADS"
    if name in os.environ:
        yield
        return
    os.environ[name] = str(max(1, (os.cpu_count() or 1) // workers))
    try:
        yield
    finally:
        del os.environ[name]


def _free_memory() -> int:
    """Bytes that programs may still take; where the system does not say, enough for anything."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return 2**63
    return int(kilobytes) * 1024
