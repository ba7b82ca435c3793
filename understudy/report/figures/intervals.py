"""Figures with one line per estimate, its interval beside its number, as forest plots have it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.evaluation import Comparison, Interval
from understudy.report.canvas import FAINT, INK, SOFT, Sheet, draw, room, short
from understudy.report.data import ArmResult, ConsistencyLevel, ReportData
from understudy.report.derived import Family, family_of, main_labellers, shown_levels
from understudy.report.figures.picture import COLOURS, MARKERS, WIDTH, Picture, plain, title_of
from understudy.report.words import amount, brackets, counted, decimal, estimate, listed

ROW = 0.27
MOST_LABELS = 25
"""Labels up to which every one is drawn with its interval; beyond, only the weakest."""


@dataclass(frozen=True)
class Line:
    """A row of an interval plot: a name, an estimate that may be nan, its interval and how to draw it."""

    name: str
    aside: str
    value: float
    interval: Interval | None
    family: Family | None
    dots: tuple[float, ...] = ()
    is_marked: bool = False


def draw_arms(data: ReportData) -> Picture | None:
    """Headline F1 of every arm with its interval, and each training run as a small dot."""
    if not data.arms:
        return None
    lines = [arm_line(arm, arm.name == data.recommended) for arm in data.arms]
    caption = f"{title_of(data.headline)} of every labeller on human-labelled test texts"
    return Picture("arms", caption, spoken(caption, lines), interval_plot(lines, caption, plain(data.headline), (0, 1)))


def draw_differences(comparisons: Sequence[Comparison]) -> Picture | None:
    """Paired differences of headline F1 with their intervals; a line at 0."""
    if not comparisons:
        return None
    lines = [
        Line(f"{one.a} − {one.b}", "", one.difference, one.interval, None, is_marked=one.better is not None)
        for one in comparisons
    ]
    caption = "Differences of F1 on the same test texts; an interval that crosses the line at 0 decides nothing"
    svg = interval_plot(lines, caption, "difference of F1 (first minus second)", (-1, 1), origin=0.0)
    return Picture("differences", caption, spoken(caption, lines), svg)


def draw_labels(data: ReportData) -> Picture | None:
    """F1 of each label, or of the weakest `MOST_LABELS`: the chosen student and the teacher itself."""
    arms = main_labellers(data)
    if not arms or not arms[0].label_intervals:
        return None
    chosen = _weakest(arms[0], MOST_LABELS)
    which = "each label" if len(chosen) == len(data.codebook.names) else f"the {len(chosen)} weakest labels"
    caption = f"F1 of {which}: {listed([arm.name for arm in arms])}"
    lines = [line for index in chosen for line in _label_lines(arms, index)]
    svg = interval_plot(lines, caption, "F1 of the label", (0, 1), key=arms)
    return Picture("labels", caption, f"{caption}. The table below holds the same numbers.", svg)


def draw_consistency(levels: Sequence[ConsistencyLevel]) -> Picture | None:
    """How often the teacher is right, by how much its repeated answers agree."""
    shown = shown_levels(levels)
    if not shown:
        return None
    caption = "Share of right answers, by the agreement of the teacher's repeated answers"
    lines = [
        Line(
            level.title,
            f"n = {level.n:,}",
            level.n_right / level.n if level.n else math.nan,
            level.interval,
            Family.DIRECT,
        )
        for level in shown
    ]
    svg = interval_plot(lines, caption, "share right", (0, 1))
    return Picture("consistency", caption, spoken(caption, lines), svg)


def _weakest(arm: ArmResult, most: int) -> list[int]:
    """Codebook positions of the labels with the lowest F1, undefined ones last, in codebook order."""
    f1 = np.array([label.f1 for label in arm.scores.labels])
    return sorted(np.argsort(f1, kind="stable")[:most].tolist())


def arm_line(arm: ArmResult, is_marked: bool) -> Line:
    """The line of an arm: its headline F1, and each training run where there are several."""
    dots = arm.seed_f1 if len(arm.seed_f1) > 1 else ()
    where = f"n = {arm.n_test:,}" + ("" if arm.judged_on == "test" else f" {arm.judged_on}")
    return Line(arm.name, where, arm.scores.headline.f1, arm.intervals.get("f1"), family_of(arm), dots, is_marked)


def _label_lines(arms: Sequence[ArmResult], index: int) -> list[Line]:
    lines = []
    for place, arm in enumerate(arms):
        score = arm.scores.labels[index]
        interval = arm.label_intervals[index] if index < len(arm.label_intervals) else None
        name, aside = (score.label, f"n = {amount(score.support)}") if place == 0 else ("", "")
        lines.append(Line(name, aside, score.f1, interval, family_of(arm)))
    return lines


def interval_plot(
    lines: Sequence[Line],
    title: str,
    axis: str,
    bounds: tuple[float, float],
    origin: float | None = None,
    key: Sequence[ArmResult] = (),
) -> str:
    """Names at the left, intervals in the middle, numbers at the right, as forest plots have it.

    With a key of several arms, the lines come in groups of so many, one line per arm.
    """
    places = _places(len(lines), max(1, len(key)))
    names = [short(line.name, 34) for line in lines]
    asides = [short(line.aside, 16) for line in lines]
    numbers = [_in_numbers(line, is_signed=origin is not None) for line in lines]
    left, right, top = room(names) + room(asides) + 0.35, room(numbers) + 0.2, 0.4 if key else 0.1
    body = places[-1] + ROW

    def paint(sheet: Sheet) -> None:
        axes = sheet.axes(left, right, top, 0.5)
        axes.set_ylim(body - ROW / 2, -ROW / 2)
        axes.set_xlim(*_limits(lines, bounds, origin))
        _frame(axes, axis, origin)
        _paint_key_row(axes, key)
        for place, line, name, aside, text in zip(places, lines, names, asides, numbers, strict=True):
            _paint_line(axes, place, line)
            _beside(axes, place, name, -(0.16 + room(asides)), "right", line.is_marked)
            _beside(axes, place, aside, -0.1, "right", False, SOFT)
            _beside(axes, place, text, 0.12, "left", line.is_marked, at=1)

    return draw(WIDTH, body + top + 0.5, title, paint)


def _places(n_lines: int, per_group: int) -> list[float]:
    """How far down each line lies, in inches from the middle of the first."""
    if per_group == 1:
        return [index * ROW for index in range(n_lines)]
    return [index * 0.19 + (index // per_group) * 0.09 for index in range(n_lines)]


def _paint_key_row(axes: Any, arms: Sequence[ArmResult]) -> None:
    """Who is who, in a row above the plot."""
    from matplotlib.transforms import ScaledTranslation

    across = 0.05
    for arm in arms:
        family, name = family_of(arm), short(arm.name, 26)
        spot = axes.transAxes + ScaledTranslation(across, 0.15, axes.figure.dpi_scale_trans)
        axes.plot([0], [1], MARKERS[family], color=COLOURS[family], markersize=6, transform=spot, clip_on=False)
        axes.annotate(name, (0, 1), xycoords="axes fraction", xytext=(72 * across + 8, 10.8), va="center",
                      textcoords="offset points", color=COLOURS[family], fontweight="bold")  # fmt: skip
        across += room([name]) + 0.4


def _in_numbers(line: Line, is_signed: bool) -> str:
    if not math.isfinite(line.value):
        return "— undefined"
    value = f"{line.value:+.3f}" if is_signed else decimal(line.value)
    ends = brackets(line.interval)
    if is_signed and line.interval is not None and line.interval.is_defined:
        ends = f"[{line.interval.low:+.3f}, {line.interval.high:+.3f}]"
    return f"{value} {ends}".replace("-", "−").rstrip()


def _frame(axes: Any, label: str, origin: float | None) -> None:
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(short(label, 60))
    if origin is not None:
        axes.axvline(origin, color=INK, linewidth=0.9)


def _paint_line(axes: Any, place: float, line: Line) -> None:
    colour, marker = (SOFT, "o") if line.family is None else (COLOURS[line.family], MARKERS[line.family])
    if line.interval is not None and line.interval.is_defined:
        axes.plot([line.interval.low, line.interval.high], [place, place], color=colour, linewidth=1.8)
    known = [dot for dot in line.dots if math.isfinite(dot)]
    axes.plot(known, [place + 0.085] * len(known), ".", color=colour, markersize=3, alpha=0.7, clip_on=False)
    if math.isfinite(line.value):
        axes.plot([line.value], [place], marker, color=colour, markersize=6, clip_on=False)


def _beside(
    axes: Any, place: float, text: str, inches: float, align: str, is_bold: bool, colour: str = INK, at: float = 0
) -> None:
    axes.annotate(
        text,
        xy=(at, place),
        xycoords=("axes fraction", "data"),
        xytext=(inches * 72, 0),
        textcoords="offset points",
        ha=align,
        va="center",
        color=colour,
        fontweight="bold" if is_bold else "normal",
        annotation_clip=False,
    )


def _limits(lines: Sequence[Line], bounds: tuple[float, float], origin: float | None) -> tuple[float, float]:
    ends = [line.value for line in lines] + [dot for line in lines for dot in line.dots]
    for line in lines:
        ends += [line.interval.low, line.interval.high] if line.interval is not None else []
    return stretch([*ends, *([] if origin is None else [origin])], bounds)


def stretch(values: Sequence[float], bounds: tuple[float, float], narrowest: float = 0.1) -> tuple[float, float]:
    """A stretch around the defined values, never narrower than `narrowest`, inside the bounds."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return bounds
    low, high = min(known), max(known)
    pad = max(0.05 * (high - low), (narrowest - (high - low)) / 2, 0.01)
    return max(bounds[0], low - pad), min(bounds[1], high + pad)


def spoken(caption: str, lines: Sequence[Line]) -> str:
    """The figure in words, for who cannot see it."""
    parts = [f"{line.name} {estimate(line.value, line.interval)}" for line in lines[:12]]
    rest = f"; and {counted(len(lines) - 12, 'more row')}" if len(lines) > 12 else ""
    return f"{caption}: {'; '.join(parts)}{rest}."
