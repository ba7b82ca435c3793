"""What a study would do and how long it would take; trains nothing.

To know what is finished and how many labels each arm finds, the data are read, projects of public sets written and
recorded answers stored; no teacher that costs money is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from understudy.report.words import counted, duration
from understudy.study.cells import cell_path, read_cell
from understudy.study.file import Study
from understudy.study.running import Job, Place, walk, workers_that_fit
from understudy.study.tasks import missing_tasks

SECONDS_PER_LABEL = {"tfidf-linear": 0.02, "static": 0.01, "linear": 0.02, "setfit": 0.4, "encoder": 0.3, "auto": 0.1}
"""Of training on one core of a laptop, where no finished run of the study tells better; very rough."""

UNKNOWN_SECONDS_PER_LABEL = 1.0


@dataclass(frozen=True)
class PlannedArm:
    """One arm of one task with one teacher.

    Attributes
    ----------
    runs, finished : training runs in all and those that need not be made again.
    seconds_left : estimated, on one process.
    """

    task: str
    arm: str
    model: str
    student: str
    n_labels: int
    runs: int
    finished: int
    seconds_left: float


@dataclass(frozen=True)
class StudyPlan:
    """Everything a study would do.

    Attributes
    ----------
    missing : tasks whose data are not there, and where they were looked for.
    measured : whether the time is estimated from finished runs of this study.
    """

    study: str
    arms: tuple[PlannedArm, ...]
    missing: dict[str, str]
    workers: int
    measured: bool

    @property
    def seconds_left(self) -> float:
        """Estimated wall time with these workers, if tasks divide evenly."""
        return sum(arm.seconds_left for arm in self.arms) / self.workers

    @property
    def runs(self) -> int:
        """Training runs in all."""
        return sum(arm.runs for arm in self.arms)

    @property
    def finished(self) -> int:
        """Training runs that need not be made again."""
        return sum(arm.finished for arm in self.arms)

    def to_json(self) -> dict[str, Any]:
        """The plan as a JSON object."""
        return {
            "study": self.study,
            "arms": [dict(arm.__dict__) for arm in self.arms],
            "missing": self.missing,
            "runs": self.runs,
            "finished": self.finished,
            "workers": self.workers,
            "seconds_left": self.seconds_left,
            "measured": self.measured,
        }

    def lines(self) -> Iterator[str]:
        """The sums in words."""
        for task, place in self.missing.items():
            yield f"absent: `{task}`, its data are not in {place}"
        how = "from the finished runs" if self.measured else "a rough guess before any run is finished"
        yield (
            f"{counted(self.runs, 'run')}, {self.finished:,} finished; about {duration(self.seconds_left)} left on "
            f"{counted(self.workers, 'process').replace('processs', 'processes')} ({how})"
        )


def plan_study(study: Study, work: Path, workers: int = 1) -> StudyPlan:
    """Every arm of every task that has data, with what is finished and what is left."""
    absent = missing_tasks(study)
    jobs = [Job(study, task, work) for task in study.file.tasks if task.title not in absent]
    places = list(dict.fromkeys(place for job in jobs for place, *_ in walk(job)))
    pace = _pace(places, work)
    grouped: dict[tuple[str, str, str], list[Place]] = {}
    for place in places:
        grouped.setdefault((place.task, place.model, place.arm), []).append(place)
    keys = {piece.key for place in places for piece in place.pieces}
    left = {key for key in keys if not cell_path(work, key).exists()}
    arms = tuple(_planned(group, left, pace) for group in grouped.values())
    return StudyPlan(study.name, arms, absent, workers_that_fit(workers, max(1, len(jobs))), bool(pace))


def _pace(places: Sequence[Place], work: Path) -> dict[str, float]:
    """Seconds per label of each kind of student, the median of finished runs."""
    seconds: dict[str, list[float]] = {}
    for place in places:
        cell = read_cell(cell_path(work, place.key)) if place.n_labels else None
        if cell is not None:
            seconds.setdefault(place.student, []).append(cell.train_s / cell.n_labels)
    return {student: median(found) for student, found in seconds.items()}


def _planned(group: Sequence[Place], left: set[str], pace: dict[str, float]) -> PlannedArm:
    """One arm's runs; a cell that another arm makes takes no time again, so its key is taken from `left`."""
    first = group[0]
    guess = SECONDS_PER_LABEL.get(first.student, UNKNOWN_SECONDS_PER_LABEL)
    to_make = [place for place in group if any(piece.key in left for piece in place.pieces)]
    pieces = {piece for place in to_make for piece in place.pieces if piece.key in left}
    left.difference_update(piece.key for piece in pieces)
    seconds = sum(piece.n_asked for piece in pieces) * pace.get(first.student, guess)
    return PlannedArm(
        first.task,
        first.arm,
        first.model,
        first.student,
        first.n_labels,
        len(group),
        len(group) - len(to_make),
        seconds,
    )
