"""The figures of learning curves: one for each task and each way to train, a line for each way to choose."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from understudy.report.canvas import FAINT, Sheet, draw
from understudy.report.figures import Line, Picture, spoken
from understudy.study.curves import Curve
from understudy.study.file import StudyFile
from understudy.study.results import StudyResults

WIDTH, HEIGHT = 7.0, 3.6
CHOOSES = "learn.strategy"
COLOURS = ("#0072B2", "#D55E00", "#008060", "#8A3E73", "#8A6D00", "#444444", "#56B4E9", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
STEP = 0.012
"""Of the axis: lines stand a little apart, so that their intervals can be told from each other."""


def draw_curves(results: StudyResults) -> tuple[Picture, ...]:
    """A figure for each task, teacher and set of settings beside the strategy."""
    grouped: dict[tuple[str, str, str], list[Curve]] = {}
    for curve in results.curves:
        way = _way(results.file, curve.place.arm)
        grouped.setdefault((curve.place.task, curve.place.teacher, way), []).append(curve)
    return tuple(_figure(*name, curves) for name, curves in grouped.items())


def _way(file: StudyFile, arm: str) -> str:
    """The settings of an arm beside its strategy, in words."""
    settings = next(entry.settings for entry in file.arms if entry.name == arm)
    others = {name: value for name, value in settings.items() if name != CHOOSES}
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in others.items())


def _figure(task: str, teacher: str, way: str, curves: Sequence[Curve]) -> Picture:
    caption = f"F1 on gold test of {task} by texts asked about, {teacher} teacher" + (f"; {way}" if way else "")
    lines = [
        Line(f"{curve.place.arm}, along the curve", "", curve.along, curve.along_interval, None) for curve in curves
    ]
    name = re.sub(r"[^a-z0-9]+", "-", f"curves-{task}-{teacher}-{way}".lower()).strip("-")
    return Picture(name, caption, spoken(caption, lines), draw(WIDTH, HEIGHT, caption, lambda s: _paint(s, curves)))


def _paint(sheet: Sheet, curves: Sequence[Curve]) -> None:
    axes = sheet.axes(0.6, 1.9, 0.12, 0.5)
    widest = max(curve.points[-1].n_asked for curve in curves)
    for number, (curve, colour, marker) in enumerate(zip(curves, cycle(COLOURS), cycle(MARKERS), strict=False)):
        _paint_curve(axes, curve, (number - (len(curves) - 1) / 2) * STEP * widest, colour, marker)
        _name(axes, curve.place.arm, number, colour, marker)
    axes.set_xlabel("pool texts asked about")
    axes.set_ylabel("F1")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def _paint_curve(axes: Any, curve: Curve, aside: float, colour: str, marker: str) -> None:
    asked = [point.n_asked + aside for point in curve.points]
    axes.plot(asked, [point.f1 for point in curve.points], f"{marker}-", color=colour, markersize=4, linewidth=1)
    for x, point in zip(asked, curve.points, strict=True):
        if point.interval.is_defined:
            axes.plot([x, x], [point.interval.low, point.interval.high], color=colour, linewidth=0.6, alpha=0.6)


def _name(axes: Any, name: str, place: int, colour: str, marker: str) -> None:
    down = 0.96 - 0.08 * place
    axes.plot([1.04], [down], marker, color=colour, markersize=5, transform=axes.transAxes, clip_on=False)
    axes.annotate(name, (1, down), xycoords="axes fraction", xytext=(20, 0), textcoords="offset points", va="center",
                  color=colour, fontsize=8)  # fmt: skip
