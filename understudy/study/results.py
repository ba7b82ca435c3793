"""What a study found: every arm on every task, medians over tasks, and paired gaps, each with intervals.

Two intervals stand beside every median. Both resample the test documents within each task, the same ones for all arms,
and add the spread of training runs as normal noise. The first keeps the tasks as they are: what these tasks say. The
second also resamples the tasks: what other tasks like these would say; it is the wider one.

References
----------
Efron and Tibshirani (1993), An Introduction to the Bootstrap; Davison and Hinkley (1997), Bootstrap Methods and their
Application, section 3.8 (hierarchical data).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.evaluation import Counts, Headline, Interval, Spread, headline_score
from understudy.evaluation.counts import Totals
from understudy.evaluation.intervals import percentile_interval
from understudy.evaluation.metrics import accuracy, defined_mean, f1, precision, recall
from understudy.evaluation.resampling import resampled_totals
from understudy.pipeline.judging import intervals_of
from understudy.study.cells import Cell, cell_path, read_cell
from understudy.study.curves import N_DRAWS, Curve, CurveGap, curves_of, gaps_of
from understudy.study.distances import Way, ways_of
from understudy.study.file import Metric, StudyComparison, StudyFile
from understudy.study.running import Place, TaskRun
from understudy.study.tasks import OWN

METRICS: tuple[Metric, ...] = ("f1", "precision", "recall", "accuracy")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """One training run on one task; see `ArmOnTask`."""

    place: Place
    cell: Cell
    scores: FloatArray
    intervals: Mapping[str, Interval]


@dataclass(frozen=True, eq=False)
class ArmOnTask:
    """One arm on one task.

    Attributes
    ----------
    places : one per training run.
    scores : shape (4,), `METRICS` of the counts averaged over runs; nan where undefined.
    intervals : by metric; a missing one is undefined.
    draws : shape (N_DRAWS, 4), what `scores` would be on other test documents and with other runs.
    of_runs : the same of each training run alone.
    """

    places: tuple[Place, ...]
    n_test: int
    scores: FloatArray
    intervals: Mapping[str, Interval]
    draws: FloatArray
    of_runs: tuple[ScoredRun, ...]

    @property
    def place(self) -> Place:
        """Of the first run."""
        return self.places[0]


@dataclass(frozen=True)
class Estimate:
    """A number of the study over several tasks.

    Attributes
    ----------
    these_tasks : interval with the tasks fixed.
    other_tasks : interval with the tasks resampled as well.
    """

    value: float
    these_tasks: Interval
    other_tasks: Interval


@dataclass(frozen=True)
class Median:
    """One arm over all tasks on which it ran.

    Attributes
    ----------
    teacher : the choice of teacher that the table is about; human arms stand in each.
    metrics : medians over tasks by metric, of the tasks where it is defined.
    """

    teacher: str
    arm: str
    n_tasks: int
    metrics: Mapping[Metric, Estimate]
    published: Mapping[Metric, float]


@dataclass(frozen=True)
class Gap:
    """Arm `a` minus arm `b` over the tasks that have both.

    Attributes
    ----------
    median_of_gaps : median over tasks of the difference on each task, by metric.
    gap_of_medians : difference of the two medians over the same tasks, by metric.
    by_task : the F1 difference on each task with its interval, tasks in file order.
    """

    teacher: str
    a: str
    b: str
    median_of_gaps: Mapping[Metric, Estimate]
    gap_of_medians: Mapping[Metric, Estimate]
    by_task: Mapping[str, tuple[float, Interval]]
    published: Mapping[Metric, float]


@dataclass(frozen=True)
class CurveGapOverTasks:
    """Arm `a` minus arm `b` along the learning curves and at their end: medians over the tasks that have both."""

    teacher: str
    a: str
    b: str
    n_tasks: int
    along: Estimate
    last: Estimate


@dataclass(frozen=True)
class StudyResults:
    """Everything that a study's tables and page print.

    Attributes
    ----------
    arms : tasks and arms in file order.
    teachers : the choices of teacher, each with its own medians and gaps.
    missing : tasks whose data were not there, and where they were looked for.
    curves : of the arms that learn in rounds, by task in file order.
    curve_gaps, curve_gaps_over_tasks : the comparisons between them.
    ways : how far each arm goes, by teacher and distance that the file asks about.
    """

    file: StudyFile
    arms: tuple[ArmOnTask, ...]
    teachers: tuple[str, ...]
    medians: tuple[Median, ...]
    gaps: tuple[Gap, ...]
    missing: dict[str, str]
    curves: tuple[Curve, ...] = ()
    curve_gaps: tuple[CurveGap, ...] = ()
    curve_gaps_over_tasks: tuple[CurveGapOverTasks, ...] = ()
    ways: tuple[Way, ...] = ()


def gather(file: StudyFile, runs: Sequence[TaskRun], missing: dict[str, str], work: Path) -> StudyResults:
    """Judge what a study has made.

    Raises
    ------
    UserError
        If a cell has vanished meanwhile, or there is nothing to judge.
    """
    if not any(run.places for run in runs):
        raise UserError("The study has no cell to judge.", "`--plan` says which tasks and arms have data.")
    arms = tuple(arm for number, run in enumerate(runs) for arm in _arms_on_task(run, work, number))
    teachers = file.study.teachers if any(task.set for task in file.tasks) else (OWN,)
    curves = [_curves(run, work, number) for number, run in enumerate(runs)]
    curve_gaps = tuple(gap for of_task in curves for gap in gaps_of(of_task, file.comparisons))
    return StudyResults(
        file,
        arms,
        teachers,
        tuple(median for teacher in teachers for median in _medians(file, _of_teacher(arms, teacher), teacher)),
        tuple(gap for teacher in teachers for gap in _gaps(file, _of_teacher(arms, teacher), teacher)),
        missing,
        tuple(curve for of_task in curves for curve in of_task),
        curve_gaps,
        tuple(_curve_gaps_over_tasks(curve_gaps)),
        tuple(_ways(file, arms, teachers)),
    )


def _ways(file: StudyFile, arms: Sequence[ArmOnTask], teachers: Sequence[str]) -> Iterator[Way]:
    for teacher in teachers:
        of_teacher = tuple(_of_teacher(arms, teacher).values())
        for asked in file.distances:
            yield from ways_of(of_teacher, asked, teacher)


def _curves(run: TaskRun, work: Path, number: int) -> tuple[Curve, ...]:
    loops = [place for place in run.places if place.rounds]
    cells = {place: [_piece(work, place, piece.key) for piece in place.rounds] for place in loops}
    return curves_of(cells, run.headline, run.groups, number)


def _curve_gaps_over_tasks(gaps: Sequence[CurveGap]) -> Iterator[CurveGapOverTasks]:
    grouped: dict[tuple[str, str, str], list[CurveGap]] = {}
    for gap in gaps:
        grouped.setdefault((gap.teacher, gap.a, gap.b), []).append(gap)
    for (teacher, a, b), found in grouped.items():
        along = _median_over_tasks([gap.along for gap in found], [gap.along_draws for gap in found])
        last = _median_over_tasks([gap.last for gap in found], [gap.last_draws for gap in found])
        yield CurveGapOverTasks(teacher, a, b, len(found), along, last)


def _median_over_tasks(values: Sequence[float], draws: Sequence[FloatArray]) -> Estimate:
    """From one value and draws of shape (N_DRAWS,) a task."""
    stacked = np.stack(draws)[:, :, None]
    resampled = _median(_resampled_tasks(stacked[None])[0])
    return _estimate(float(_median(np.array(values))), _median(stacked)[:, 0], resampled[:, 0])


Table = dict[tuple[str, str], ArmOnTask]
"""Arm and task -> what was found, of one choice of teacher."""


def _of_teacher(arms: Iterable[ArmOnTask], teacher: str) -> Table:
    return {(arm.place.arm, arm.place.task): arm for arm in arms if arm.place.teacher in ("", OWN, teacher)}


def _arms_on_task(run: TaskRun, work: Path, number: int) -> Iterator[ArmOnTask]:
    grouped: dict[tuple[str, str], list[Place]] = {}
    for place in run.places:
        grouped.setdefault((place.teacher, place.arm), []).append(place)
    cells = {name: tuple(_cell(work, place) for place in places) for name, places in grouped.items()}
    keys = [tuple(place.key for place in places) for places in grouped.values()]
    draws = _draws(run, keys, list(cells.values()), np.random.default_rng([number, 7]))
    for (name, places), drawn in zip(grouped.items(), draws, strict=True):
        counts = [cell.counts for cell in cells[name]]
        yield ArmOnTask(
            tuple(places),
            counts[0].n,
            scores_of(Counts.mean(counts), run.headline),
            intervals_of(counts, run.headline, run.groups, 0),
            drawn,
            tuple(_scored(run, place, cell) for place, cell in zip(places, cells[name], strict=True)),
        )


def _scored(run: TaskRun, place: Place, cell: Cell) -> ScoredRun:
    intervals = intervals_of([cell.counts], run.headline, run.groups, 0)
    return ScoredRun(place, cell, scores_of(cell.counts, run.headline), intervals)


def _cell(work: Path, place: Place) -> Cell:
    return _piece(work, place, place.key)


def _piece(work: Path, place: Place, key: str) -> Cell:
    cell = read_cell(cell_path(work, key))
    if cell is None:
        raise UserError(f"the cell {key} of {place.task}, {place.arm} has vanished.", "Run the study again.")
    return cell


def scores_of(counts: Counts, headline: Headline) -> FloatArray:
    """The `METRICS` of some counts, shape (4,)."""
    score = headline_score(counts, headline)
    right = float(counts.correct.mean()) if counts.n else math.nan
    return np.array([score.f1, score.precision, score.recall, right])


def _draws(
    run: TaskRun, keys: Sequence[tuple[str, ...]], runs_of_arms: Sequence[Sequence[Cell]], rng: np.random.Generator
) -> list[FloatArray]:
    """Per arm the metrics on resampled documents, the same for all arms, with the spread of training runs added.

    Arms of the same cells are one labeller and share its noise, so that nothing lies between them.
    """
    systems = [run.headline.reduce(Counts.mean([cell.counts for cell in cells])) for cells in runs_of_arms]
    chunks = [[_metrics(totals) for totals in chunk] for chunk in resampled_totals(systems, rng, N_DRAWS, run.groups)]
    drawn = [np.concatenate([chunk[arm] for chunk in chunks]) for arm in range(len(systems))]
    noise = {key: _noise(run.headline, cells, rng) for key, cells in zip(keys, runs_of_arms, strict=True)}
    return [draws + noise[key] for draws, key in zip(drawn, keys, strict=True)]


def _metrics(totals: Totals) -> FloatArray:
    columns = (
        defined_mean(f1(totals)),
        defined_mean(precision(totals)),
        defined_mean(recall(totals)),
        accuracy(totals),
    )
    return np.stack(columns, axis=-1)


def _noise(headline: Headline, cells: Sequence[Cell], rng: np.random.Generator) -> FloatArray:
    """Shape (N_DRAWS, 4): how far the mean over so few training runs may be off."""
    scores = np.array([scores_of(cell.counts, headline) for cell in cells])
    deviations = [math.sqrt(Spread.of(column[np.isfinite(column)].tolist()).variance) for column in scores.T]
    return rng.normal(0.0, 1.0, (N_DRAWS, len(METRICS))) * deviations


def _medians(file: StudyFile, table: Table, teacher: str) -> Iterator[Median]:
    for entry in file.arms:
        found = [arm for (name, _), arm in table.items() if name == entry.name]
        if found:
            values, draws = np.stack([arm.scores for arm in found]), np.stack([arm.draws for arm in found])
            metrics = dict(zip(METRICS, _over_tasks(values, draws), strict=True))
            yield Median(teacher, entry.name, len(found), metrics, entry.published)


def _gaps(file: StudyFile, table: Table, teacher: str) -> Iterator[Gap]:
    for pair in file.comparisons:
        tasks = [task for name, task in table if name == pair.a and (pair.b, task) in table]
        if tasks:
            yield _gap(pair, tasks, table, teacher)


def _gap(pair: StudyComparison, tasks: Sequence[str], table: Table, teacher: str) -> Gap:
    a, b = [table[pair.a, task] for task in tasks], [table[pair.b, task] for task in tasks]
    values = np.stack([np.stack([one.scores for one in side]) for side in (a, b)])
    draws = np.stack([np.stack([one.draws for one in side]) for side in (a, b)])
    pairs = zip(tasks, values[0] - values[1], draws[0] - draws[1], strict=True)
    return Gap(
        teacher,
        pair.a,
        pair.b,
        dict(zip(METRICS, _over_tasks(values[0] - values[1], draws[0] - draws[1]), strict=True)),
        dict(zip(METRICS, _between_medians(values, draws), strict=True)),
        {task: (float(gap[0]), percentile_interval(drawn[:, 0], "paired bootstrap")) for task, gap, drawn in pairs},
        pair.published,
    )


def _over_tasks(values: FloatArray, draws: FloatArray) -> list[Estimate]:
    """Medians over tasks: values of shape (T, 4), draws of shape (T, N_DRAWS, 4)."""
    return _estimates(_median(values), _median(draws), _median(_resampled_tasks(draws[None])[0]))


def _between_medians(values: FloatArray, draws: FloatArray) -> list[Estimate]:
    """Differences of medians over tasks: values of shape (2, T, 4), draws of shape (2, T, N_DRAWS, 4)."""
    resampled = _resampled_tasks(draws)
    gaps = [_median(both[0]) - _median(both[1]) for both in (values, draws, resampled)]
    return _estimates(gaps[0], gaps[1], gaps[2])


def _estimates(values: FloatArray, fixed: FloatArray, resampled: FloatArray) -> list[Estimate]:
    return [_estimate(float(values[column]), fixed[:, column], resampled[:, column]) for column in range(len(METRICS))]


def _estimate(value: float, fixed: FloatArray, resampled: FloatArray) -> Estimate:
    return Estimate(
        value,
        percentile_interval(fixed, "bootstrap of documents"),
        percentile_interval(resampled, "bootstrap of tasks and documents"),
    )


def _median(numbers: FloatArray) -> FloatArray:
    """Over the first axis, of what is defined; nan where nothing is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")
        median: FloatArray = np.nanmedian(numbers, axis=0)
    return median


def _resampled_tasks(draws: FloatArray) -> FloatArray:
    """Draws of shape (systems, T, N_DRAWS, 4) with the tasks of each draw drawn anew, the same for all systems."""
    n_tasks, n_draws = draws.shape[1:3]
    chosen = np.random.default_rng(8).integers(n_tasks, size=(n_tasks, n_draws))
    return draws[:, chosen, np.arange(n_draws)[None, :]]
