"""Figures of F1 by the number of labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from understudy.evaluation import Interval
from understudy.report.canvas import FAINT, Sheet, draw, short
from understudy.report.data import ArmResult, ReportData
from understudy.report.derived import Family, direct_teacher, family_of
from understudy.report.figures.intervals import Line, arm_line, spoken
from understudy.report.figures.picture import COLOURS, MARKERS, WIDTH, Picture, plain, title_of


def draw_learning_curve(data: ReportData) -> Picture | None:
    """Headline F1 against the number of labels learned from, human and teacher; the teacher itself as a band."""
    trained = [arm for arm in data.arms if arm.n_labels > 0 and math.isfinite(arm.scores.headline.f1)]
    if len({arm.n_labels for arm in trained}) < 2:
        return None
    caption = f"{title_of(data.headline)} by the number of labels learned from"
    direct = direct_teacher(data)

    def paint(sheet: Sheet) -> None:
        axes = sheet.axes(0.6, 2.0, 0.12, 0.5)
        _paint_curves(axes, trained)
        if direct is not None and math.isfinite(direct.scores.headline.f1):
            _paint_band(axes, direct)
        _frame_curves(axes, trained, data.headline)

    lines = [arm_line(arm, False) for arm in trained]
    return Picture("learning-curve", caption, spoken(caption, lines), draw(WIDTH, 3.5, caption, paint))


def _paint_curves(axes: Any, arms: Sequence[ArmResult]) -> None:
    for place, family in enumerate((Family.HUMAN, Family.TEACHER, Family.BOTH)):
        members = sorted((arm for arm in arms if family_of(arm) is family), key=lambda arm: arm.n_labels)
        counts = [arm.n_labels * (1 + 0.012 * (place - 1)) for arm in members]
        f1 = [arm.scores.headline.f1 for arm in members]
        style = "-" if family is not Family.BOTH else ""
        axes.plot(counts, f1, MARKERS[family] + style, color=COLOURS[family], markersize=6)
        for count, arm in zip(counts, members, strict=True):
            _paint_upright(axes, count, arm.intervals.get("f1"), COLOURS[family])
        if members:
            _name_curve(axes, family.value, place, COLOURS[family], MARKERS[family])


def _paint_upright(axes: Any, x: float, interval: Interval | None, colour: str) -> None:
    if interval is not None:
        axes.plot([x, x], [interval.low, interval.high], color=colour, linewidth=1)


def _name_curve(axes: Any, name: str, place: int, colour: str, marker: str) -> None:
    down = 0.96 - 0.09 * place
    axes.plot([1.045], [down], marker, color=colour, markersize=6, transform=axes.transAxes, clip_on=False)
    axes.annotate(name, (1, down), xycoords="axes fraction", xytext=(20, 0), textcoords="offset points", va="center",
                  color=colour, fontweight="bold", fontsize=8)  # fmt: skip


def _paint_band(axes: Any, direct: ArmResult) -> None:
    interval, colour = direct.intervals.get("f1"), COLOURS[Family.DIRECT]
    axes.axhline(direct.scores.headline.f1, color=colour, linewidth=1, linestyle=(0, (4, 3)))
    if interval is not None:
        axes.axhspan(interval.low, interval.high, color=colour, alpha=0.1, linewidth=0)
    _name_curve(axes, Family.DIRECT.value, 3, colour, "_")


def _frame_curves(axes: Any, arms: Sequence[ArmResult], headline: str) -> None:
    counts = sorted({arm.n_labels for arm in arms})
    axes.set_xscale("log")
    axes.set_xlim(counts[0] * 0.88, counts[-1] * 1.14)
    axes.minorticks_off()
    shown = _apart(counts)
    axes.set_xticks(shown, [f"{count:,}" for count in shown])
    axes.set_xlabel("labels learned from (logarithmic)")
    axes.set_ylabel(short(plain(headline), 40))
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def _apart(counts: Sequence[int]) -> list[int]:
    """The counts whose tick labels do not run into each other on the logarithmic axis; the last one always."""
    least = max(math.log(counts[-1] / counts[0]) / 9, 0.01)
    kept = [counts[-1]]
    for count in reversed(counts[:-1]):
        if math.log(kept[-1] / count) >= least:
            kept.append(count)
    return kept[::-1]


def draw_rounds(data: ReportData) -> Picture | None:
    """Headline F1 on gold dev after each round of the learning loop, with intervals, by texts asked about."""
    rounds = [] if data.learning is None else [one for one in data.learning.rounds if one.f1 is not None]
    if len(rounds) < 2:
        return None
    caption = f"{title_of(data.headline)} on gold dev after each round of the learning loop"
    f1 = [one.f1 or 0.0 for one in rounds]
    bounds = [None if one.low is None or one.high is None else Interval(one.low, one.high, "", 0.95) for one in rounds]
    counts = [one.n_asked for one in rounds]

    def paint(sheet: Sheet) -> None:
        axes = sheet.axes(0.6, 0.3, 0.12, 0.5)
        axes.plot(counts, f1, "s-", color=COLOURS[Family.TEACHER], markersize=5)
        for count, interval in zip(counts, bounds, strict=True):
            _paint_upright(axes, count, interval, COLOURS[Family.TEACHER])
        axes.set_xlabel("pool texts asked about")
        axes.set_ylabel(short(plain(data.headline), 40))
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)

    lines = [
        Line(f"{count:,} texts", "", value, interval, Family.TEACHER)
        for count, value, interval in zip(counts, f1, bounds, strict=True)
    ]
    return Picture("rounds", caption, spoken(caption, lines), draw(WIDTH, 3.0, caption, paint))
