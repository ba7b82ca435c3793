"""The figure of precision against recall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.report.canvas import FAINT, SOFT, Sheet, draw, room, short
from understudy.report.data import ArmResult, ReportData
from understudy.report.derived import family_of
from understudy.report.figures.intervals import stretch
from understudy.report.figures.picture import COLOURS, Picture
from understudy.report.words import decimal


def draw_precision_recall(data: ReportData) -> Picture | None:
    """Precision against recall of every arm with both intervals, over lines of equal F1."""
    arms = [arm for arm in data.arms if _is_placed(arm)]
    if not arms:
        return None
    caption = "Precision against recall of every labeller; grey lines join points of equal F1"
    names = [short(arm.name, 34) for arm in arms]
    right = room(names) + 0.6

    def paint(sheet: Sheet) -> None:
        axes = sheet.axes(0.6, right, 0.12, 0.5)
        _paint_places(axes, arms)
        _paint_key(axes, arms, names)

    return Picture("precision-recall", caption, _spoken_places(caption, arms), draw(3.9 + right, 3.9, caption, paint))


def _is_placed(arm: ArmResult) -> bool:
    return math.isfinite(arm.scores.headline.precision) and math.isfinite(arm.scores.headline.recall)


def _paint_places(axes: Any, arms: Sequence[ArmResult]) -> None:
    recalls, precisions = _ends_of(arms, "recall"), _ends_of(arms, "precision")
    axes.set_xlim(*stretch(recalls, (0, 1.02), 0.2))
    axes.set_ylim(*stretch(precisions, (0, 1.02), 0.2))
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    _paint_equal_f1(axes)
    for number, arm in enumerate(arms, 1):
        _paint_place(axes, number, arm)


def _ends_of(arms: Sequence[ArmResult], name: str) -> list[float]:
    ends = [getattr(arm.scores.headline, name) for arm in arms]
    for arm in arms:
        interval = arm.intervals.get(name)
        ends += [] if interval is None else [interval.low, interval.high]
    return ends


def _paint_equal_f1(axes: Any) -> None:
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    levels = np.arange(0.05, 1.0, 0.05)
    for f1 in levels[levels / 2 + 1e-3 < right]:
        recall = np.linspace(max(left, f1 / 2 + 1e-3), right, 200)
        precision = f1 * recall / (2 * recall - f1)
        axes.plot(recall, precision, color=FAINT, linewidth=0.7, zorder=0)
        inside = np.flatnonzero((precision < top) & (precision > bottom) & (recall > left))
        if inside.size:
            _name_line(axes, recall, precision, inside, f1)


def _name_line(
    axes: Any, recall: NDArray[np.float64], precision: NDArray[np.float64], inside: NDArray[np.intp], f1: float
) -> None:
    spot = inside[-1] if precision[inside[-1]] < axes.get_ylim()[1] else inside[0]
    axes.annotate(
        f"{f1:.2f}",
        (recall[spot], precision[spot]),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=6.5,
        color=SOFT,
        zorder=0,
    )


def _paint_place(axes: Any, number: int, arm: ArmResult) -> None:
    recall, precision, colour = arm.scores.headline.recall, arm.scores.headline.precision, COLOURS[family_of(arm)]
    across, along = arm.intervals.get("recall"), arm.intervals.get("precision")
    if across is not None:
        axes.plot([across.low, across.high], [precision, precision], color=colour, linewidth=1, alpha=0.75)
    if along is not None:
        axes.plot([recall, recall], [along.low, along.high], color=colour, linewidth=1, alpha=0.75)
    axes.plot([recall], [precision], "o", color=colour, markersize=10.5, mec="white", zorder=3)
    axes.annotate(str(number), (recall, precision), ha="center", va="center", fontsize=6.5, color="white", zorder=4,
                  fontweight="bold")  # fmt: skip


def _paint_key(axes: Any, arms: Sequence[ArmResult], names: Sequence[str]) -> None:
    for number, (arm, name) in enumerate(zip(arms, names, strict=True), 1):
        down = 1 - (number - 0.5) * 0.25 / 3.28
        axes.annotate(
            f"{number}  {name}",
            (1, down),
            xycoords="axes fraction",
            xytext=(16, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS[family_of(arm)],
            fontweight="bold",
        )


def _spoken_places(caption: str, arms: Sequence[ArmResult]) -> str:
    parts = [
        f"{arm.name} precision {decimal(arm.scores.headline.precision)}, recall {decimal(arm.scores.headline.recall)}"
        for arm in arms
    ]
    return f"{caption}: {'; '.join(parts)}."
