"""The figures and the self-contained page of a study, in the style of reports."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from markupsafe import Markup

from understudy.report.figures import Line, Picture, interval_plot, spoken
from understudy.report.templating import STYLESHEET, environment, policy_of, read_template
from understudy.report.words import UNDEFINED, amount, brackets, counted, decimal, estimate
from understudy.study.curve_figures import draw_curves
from understudy.study.curves import Curve, CurveGap
from understudy.study.distances import Way
from understudy.study.file import Metric
from understudy.study.results import METRICS, ArmOnTask, CurveGapOverTasks, Estimate, Gap, Median, StudyResults
from understudy.study.running import Place

TEMPLATE = "study.html.jinja"
TITLES = {"f1": "F1", "precision": "precision", "recall": "recall", "accuracy": "accuracy"}


@dataclass(frozen=True)
class NumberCell:
    """A number in words: the estimate, its intervals, and what a paper published; empty where there is none."""

    value: str
    these_tasks: str
    other_tasks: str
    published: str


@dataclass(frozen=True)
class NumberRow:
    """One arm, or one pair of arms, over all tasks."""

    name: str
    n_tasks: int
    cells: tuple[NumberCell, ...]


@dataclass(frozen=True)
class TaskRow:
    """One arm on one task."""

    task: str
    arm: str
    model: str
    student: str
    labels: str
    n_test: int
    cells: tuple[NumberCell, ...]


@dataclass(frozen=True)
class TeacherView:
    """What one choice of teacher gives."""

    teacher: str
    medians: tuple[NumberRow, ...]
    gaps: tuple[NumberRow, ...]
    medians_apart: tuple[NumberRow, ...]
    figures: tuple[Picture, ...]


@dataclass(frozen=True)
class CurveRow:
    """One arm's learning curve on one task: mean and standard deviation after every round."""

    task: str
    arm: str
    cells: tuple[str, ...]
    along: str


@dataclass(frozen=True)
class CurveGapRow:
    """One pair of arms along their curves and at the end, on one task or over all."""

    task: str
    pair: str
    along: str
    last: str
    reaches: str


@dataclass(frozen=True)
class CurveTable:
    """The curves of arms that were asked about equally many texts, and the gaps between them."""

    asked: tuple[str, ...]
    rows: tuple[CurveRow, ...]


@dataclass(frozen=True)
class WayRow:
    """How far one arm goes on one task."""

    task: str
    arm: str
    gain: str
    share: str


@dataclass(frozen=True)
class WayTable:
    """How much of the way between two arms the others go."""

    start: str
    end: str
    rows: tuple[WayRow, ...]


@dataclass(frozen=True)
class StudyPage:
    """What the template prints, by name."""

    title: str
    lead: str
    paper: str
    css: Markup
    policy: Markup
    metrics: tuple[str, ...]
    teachers: tuple[TeacherView, ...]
    tasks: tuple[TaskRow, ...]
    curves: tuple[CurveTable, ...]
    curve_gaps: tuple[CurveGapRow, ...]
    curve_figures: tuple[Picture, ...]
    distances: tuple[WayTable, ...]
    missing: tuple[tuple[str, str], ...]
    command: str


CURVES = "learning curves"
"""Where the figures of curves stand among those of teachers."""


def draw_figures(results: StudyResults) -> dict[str, tuple[Picture, ...]]:
    """The figures of each choice of teacher: medians of every arm, and every pair's gap on each task; then curves."""
    drawn = {teacher: tuple(_figures(results, teacher)) for teacher in results.teachers}
    return drawn | {CURVES: draw_curves(results)}


def render(results: StudyResults, figures: Mapping[str, tuple[Picture, ...]], command: str) -> str:
    """The page as HTML; the same results give the same page."""
    css = read_template(STYLESHEET)
    head = results.file.study
    tasks = list(dict.fromkeys(arm.place.task for arm in results.arms))
    page = StudyPage(
        title=head.title or head.name,
        lead=f"{counted(len(tasks), 'task')}, {counted(len(results.file.arms), 'arm')}, "
        f"{counted(len(head.seeds), 'training run')} each.",
        paper=head.paper,
        css=Markup(css),  # noqa: S704
        policy=policy_of(css),
        metrics=tuple(TITLES[metric] for metric in METRICS),
        teachers=tuple(_teacher(results, teacher, figures[teacher]) for teacher in results.teachers),
        tasks=tuple(_task_row(arm) for arm in results.arms),
        curves=tuple(_curve_tables(results.curves)),
        curve_gaps=(*map(_curve_gap_row, results.curve_gaps), *map(_curve_median_row, results.curve_gaps_over_tasks)),
        curve_figures=figures[CURVES],
        distances=tuple(_way_tables(results.ways)),
        missing=tuple(results.missing.items()),
        command=command,
    )
    source = (files("understudy.study") / "templates" / TEMPLATE).read_text(encoding="utf-8")
    return environment().from_string(source).render(vars(page))


def _teacher(results: StudyResults, teacher: str, figures: tuple[Picture, ...]) -> TeacherView:
    gaps = [gap for gap in results.gaps if gap.teacher == teacher]
    return TeacherView(
        teacher,
        tuple(_median_row(median) for median in results.medians if median.teacher == teacher),
        tuple(_row(_pair(gap), len(gap.by_task), gap.median_of_gaps, gap.published) for gap in gaps),
        tuple(_row(_pair(gap), len(gap.by_task), gap.gap_of_medians, gap.published) for gap in gaps),
        figures,
    )


def _median_row(median: Median) -> NumberRow:
    return _row(median.arm, median.n_tasks, median.metrics, median.published)


def _row(name: str, n_tasks: int, metrics: Mapping[Metric, Estimate], published: Mapping[Metric, float]) -> NumberRow:
    cells = [_cell(metrics[metric], published.get(metric)) for metric in METRICS]
    return NumberRow(name, n_tasks, tuple(cells))


def _cell(estimate: Estimate, published: float | None) -> NumberCell:
    return NumberCell(
        decimal(estimate.value),
        brackets(estimate.these_tasks),
        brackets(estimate.other_tasks),
        "" if published is None else decimal(published),
    )


def _task_row(arm: ArmOnTask) -> TaskRow:
    place = arm.place
    cells = [
        NumberCell(decimal(float(score)), brackets(arm.intervals.get(metric)), "", "")
        for metric, score in zip(METRICS, arm.scores, strict=True)
    ]
    n_labels = sum(run.cell.n_labels for run in arm.of_runs) / len(arm.of_runs)
    labels = amount(n_labels) if n_labels else UNDEFINED
    return TaskRow(place.task, place.arm, place.model, place.student, labels, arm.n_test, tuple(cells))


def _curve_tables(curves: Sequence[Curve]) -> Iterator[CurveTable]:
    for asked in dict.fromkeys(tuple(point.n_asked for point in curve.points) for curve in curves):
        rows = [curve for curve in curves if tuple(point.n_asked for point in curve.points) == asked]
        yield CurveTable(tuple(f"{n:,}" for n in asked), tuple(map(_curve_row, rows)))


def _curve_row(curve: Curve) -> CurveRow:
    place = curve.place
    cells = tuple(f"{decimal(point.f1)} ± {decimal(point.deviation)}" for point in curve.points)
    return CurveRow(_with_teacher(place), place.arm, cells, estimate(curve.along, curve.along_interval))


def _with_teacher(place: Place) -> str:
    return f"{place.task} ({place.model})"


def _curve_gap_row(gap: CurveGap) -> CurveGapRow:
    reaches = "never" if gap.reaches is None else f"{gap.reaches:,}"
    along, last = estimate(gap.along, gap.along_interval), estimate(gap.last, gap.last_interval)
    return CurveGapRow(f"{gap.task} ({gap.teacher})", f"{gap.a} − {gap.b}", along, last, reaches)


def _curve_median_row(found: CurveGapOverTasks) -> CurveGapRow:
    along, last = (
        f"{estimate(one.value, one.these_tasks)}; other tasks {brackets(one.other_tasks)}"
        for one in (found.along, found.last)
    )
    title = f"median of {counted(found.n_tasks, 'task')} ({found.teacher})"
    return CurveGapRow(title, f"{found.a} − {found.b}", along, last, UNDEFINED)


def _way_tables(ways: Sequence[Way]) -> Iterator[WayTable]:
    for start, end in dict.fromkeys((way.start, way.end) for way in ways):
        rows = [_way_row(way) for way in ways if (way.start, way.end) == (start, end)]
        yield WayTable(start, end, tuple(rows))


def _way_row(way: Way) -> WayRow:
    gain, share = estimate(way.gain, way.gain_interval), estimate(way.share, way.share_interval)
    return WayRow(f"{way.task} ({way.model or way.teacher})", way.arm, gain, share)


def _figures(results: StudyResults, teacher: str) -> Iterator[Picture]:
    medians = [median for median in results.medians if median.teacher == teacher]
    for metric in METRICS:
        lines = [_median_line(median, metric) for median in medians]
        caption = f"Median {TITLES[metric]} over tasks, {teacher} teacher; intervals for these tasks"
        svg = interval_plot(lines, caption, f"median {TITLES[metric]}", (0, 1))
        yield Picture(f"{teacher}-median-{metric}", caption, spoken(caption, lines), svg)
    for gap in results.gaps:
        if gap.teacher == teacher:
            yield _gap_figure(gap)


def _median_line(median: Median, metric: Metric) -> Line:
    estimate = median.metrics[metric]
    interval = estimate.these_tasks if math.isfinite(estimate.value) else None
    return Line(median.arm, counted(median.n_tasks, "task"), estimate.value, interval, None)


def _gap_figure(gap: Gap) -> Picture:
    lines = [Line(task, "", value, interval, None) for task, (value, interval) in gap.by_task.items()]
    whole = gap.median_of_gaps["f1"]
    lines.append(Line("median of the gaps", "", whole.value, whole.these_tasks, None, is_marked=True))
    lines.append(Line("the same, for other tasks", "", whole.value, whole.other_tasks, None, is_marked=True))
    caption = f"Gap in F1 on the same test texts: {_pair(gap)}, {gap.teacher} teacher"
    svg = interval_plot(lines, caption, f"F1 of {gap.a} − F1 of {gap.b}", (-1, 1), origin=0.0)
    name = re.sub(r"[^\w.-]+", "-", f"{gap.teacher}-gap-{gap.a}-{gap.b}".replace("+", "-and-"))
    return Picture(name, caption, spoken(caption, lines), svg)


def _pair(gap: Gap) -> str:
    return f"{gap.a} − {gap.b}"
