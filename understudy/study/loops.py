"""Arms of a study for which the learning loop chooses the texts: a cell after every round, however often killed.

Each loop has a journal of its own below the study's folder, so that loops of other batches, which the project's journal
would go on with, stay apart; the teacher's answers are in the project's.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.corpus import text_digest
from understudy.errors import UserError
from understudy.journal import Journal
from understudy.pipeline.learning.loop import Loop
from understudy.pipeline.learning.rounds import sizes
from understudy.pipeline.validation import count_values
from understudy.records import Outcome, Role
from understudy.study.cells import Cell, cell_path, read_cell, write_cell

if TYPE_CHECKING:
    from understudy.pipeline import Project
    from understudy.student import Student
    from understudy.study.tasks import TaughtTask

LOOP_CELL_VERSION = 1
WHOLE_SCHEDULE = {"learn.enabled": "true", "learn.stop": "[]"}
"""A loop of a study ends with its schedule, so that all arms have as many labels."""


@dataclass(frozen=True)
class RoundPlace:
    """A round of a loop.

    Attributes
    ----------
    n_asked : texts that the teacher was asked about so far.
    key : of the cell's file.
    """

    n_asked: int
    key: str


def open_loop(taught: TaughtTask, overrides: Mapping[str, str], seed: int) -> Project:
    """The project under an arm's settings, with what is random in choosing and training drawn for one run.

    Raises
    ------
    UserError
        If there is no text to choose from.
    """
    plain = taught.open_unlabelled({**overrides, **WHOLE_SCHEDULE})
    with plain.journal():  # from now on the roles of gold texts do not depend on the run
        own_seed = plain.settings.project.seed + seed
    project = taught.open_unlabelled({**overrides, **WHOLE_SCHEDULE, "project.seed": str(own_seed)})
    if not project.candidates:
        raise UserError(
            f"task `{taught.task}` has no pool, so there is nothing to choose from.",
            "Give the set `gold = 100`: the other labelled texts are the pool. Of a project, name `data.pool`.",
        )
    return project


def rounds_of(project: Project) -> tuple[RoundPlace, ...]:
    """The rounds of the schedule, each with the key of all that its numbers depend on."""
    test = [[d.id, text_digest(d.text), str(d.head), str(d.tail), str(d.value)] for d in project.gold_of(Role.TEST)]
    state = hashlib.sha256(json.dumps([LOOP_CELL_VERSION, project.loop, test]).encode())
    asked = list(accumulate(sizes(project.settings.learn, len(project.candidates))))
    found = []
    for n_asked in asked:
        state.update(f" {n_asked}".encode())
        found.append(RoundPlace(n_asked, state.copy().hexdigest()[:32]))
    return tuple(found)


def make_rounds(project: Project, rounds: Sequence[RoundPlace], work: Path) -> None:
    """Make the cells of the rounds that are missing; a killed loop is gone on with.

    Raises
    ------
    UserError
        If the loop ends before its schedule does.
    """
    writer = _CellWriter(project, rounds, work)
    if not writer.missing:
        return
    path = work / "loops" / f"{rounds[-1].key}.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    project.ledger.judge([document.id for document in project.gold_of(Role.TEST)])
    with Journal.open(path) as journal:
        loop = Loop(project, journal, writer.watch)
        writer.loop = loop
        stopped = loop.run()
        for number in sorted(writer.missing):
            if number >= len(loop.rounds):
                done = len(loop.rounds) - 1
                raise UserError(
                    f"{project.folder}: the loop ended after round {done} of {len(rounds) - 1}: {stopped}",
                    "A study's loop needs money and texts for its whole schedule.",
                )
            writer.watch(number, loop.student(number))


class _CellWriter:
    """Judges each round's student on gold test and writes its cell."""

    loop: Loop

    def __init__(self, project: Project, rounds: Sequence[RoundPlace], work: Path) -> None:
        self._project = project
        self._paths = [cell_path(work, one.key) for one in rounds]
        self._since = time.monotonic()
        self.missing = {number for number, path in enumerate(self._paths) if read_cell(path) is None}

    def watch(self, number: int, student: Student | None) -> None:
        """Write the cell of a round, if it is missing."""
        if number not in self.missing:
            return
        project, test = self._project, self._project.gold_of(Role.TEST)
        said = [None] * len(test) if student is None else student.predict(test)
        dev_f1 = self.loop.results[number].f1
        now = time.monotonic()
        cell = Cell(
            counts=count_values(project.task, test, said),
            student=round_student(project),
            n_labels=self._n_labels(number),
            human_labels=0,
            dev_f1=np.nan if dev_f1 is None else dev_f1,
            train_s=now - self._since,
        )
        write_cell(self._paths[number], cell)
        self._since = now
        self.missing.discard(number)

    def _n_labels(self, number: int) -> int:
        asked = [one.document_id for chosen in self.loop.rounds[: number + 1] for one in chosen.selections]
        return sum(self.loop.annotations[identifier].outcome is Outcome.LABELLED for identifier in asked)


def round_student(project: Project) -> str:
    """The kind of student that learns in the rounds."""
    kind = project.settings.learn.student
    return project.settings.student.kind if kind == "same" else kind
