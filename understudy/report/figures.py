"""The report's figures, one function each: results in, a titled SVG out. Measures nothing, writes no file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import Bin, Comparison, Interval, RiskCoverage, TrustReport
from understudy.report.canvas import FAINT, INK, SOFT, Sheet, draw, room, short
from understudy.report.data import ArmResult, ConsistencyLevel, ReportData
from understudy.report.derived import (
    Calibration,
    Family,
    calibration_of,
    chosen_student,
    direct_teacher,
    family_of,
    main_labellers,
    shown_levels,
)
from understudy.report.words import amount, brackets, counted, decimal, estimate, listed, percent

WIDTH = 7.0
"""Inches: the text width of a journal page."""

SCREEN_PX = 118
"""Pixels on the page for one inch in print."""

ROW = 0.27
COLOURS = {
    Family.HUMAN: "#0072B2",
    Family.TEACHER: "#D55E00",
    Family.BOTH: "#008060",
    Family.WRITTEN: "#8A6D00",
    Family.DIRECT: "#8A3E73",
}
"""Okabe and Ito's colours, two of them darkened until white figures can be read on them."""

MARKERS: dict[Family, str] = {
    Family.HUMAN: "o",
    Family.TEACHER: "s",
    Family.BOTH: "D",
    Family.WRITTEN: "v",
    Family.DIRECT: "^",
}
MOST_LABELS = 25
"""Labels up to which every one is drawn with its interval; beyond, only the weakest."""

RIGHT, WRONG = "#0072B2", "#D55E00"
GLYPHS = str.maketrans("os", "●■")
FIGURE_NAMES = (
    "arms",
    "differences",
    "precision-recall",
    "confusion-student",
    "confusion-teacher",
    "labels",
    "consistency",
    "trust",
    "calibration-student",
    "calibration-teacher",
    "learning-curve",
)


@dataclass(frozen=True)
class Picture:
    """One figure: its file name without ending, what it shows, the same in words for who cannot see it, and the SVG."""

    name: str
    caption: str
    alt: str
    svg: str

    @property
    def width_px(self) -> int:
        """How wide a page shows it: a little larger than in print."""
        width = re.search(r'<svg[^>]* width="([\d.]+)pt"', self.svg)
        assert width is not None
        return round(float(width[1]) / 72 * SCREEN_PX)


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


def draw_figures(data: ReportData) -> tuple[Picture, ...]:
    """Every figure there are data for, in the order of the page."""
    found = [draw_arms(data), draw_differences(data.comparisons), draw_precision_recall(data)]
    found += [draw_confusion(data, arm, part) for part, arm in _main_parts(data)]
    found += [draw_labels(data), draw_consistency(data.teacher.consistency), draw_trust(data.teacher.trust)]
    found += [draw_calibration(calibration_of(arm), part) for part, arm in _main_parts(data)]
    found += [draw_learning_curve(data), draw_rounds(data)]
    return tuple(picture for picture in found if picture is not None)


def _main_parts(data: ReportData) -> list[tuple[str, ArmResult]]:
    parts = (("student", chosen_student(data)), ("teacher", direct_teacher(data)))
    return [(part, arm) for part, arm in parts if arm is not None]


def draw_arms(data: ReportData) -> Picture | None:
    """Headline F1 of every arm with its interval, and each training run as a small dot."""
    if not data.arms:
        return None
    lines = [_arm_line(arm, arm.name == data.recommended) for arm in data.arms]
    caption = f"{_title(data.headline)} of every labeller on human-labelled test texts"
    return Picture(
        "arms", caption, spoken(caption, lines), interval_plot(lines, caption, _plain(data.headline), (0, 1))
    )


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


def _weakest(arm: ArmResult, most: int) -> list[int]:
    """Codebook positions of the labels with the lowest F1, undefined ones last, in codebook order."""
    f1 = np.array([label.f1 for label in arm.scores.labels])
    return sorted(np.argsort(f1, kind="stable")[:most].tolist())


def _arm_line(arm: ArmResult, is_marked: bool) -> Line:
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
    return _span([*ends, *([] if origin is None else [origin])], bounds)


def _span(values: Sequence[float], bounds: tuple[float, float], narrowest: float = 0.1) -> tuple[float, float]:
    """A stretch around the defined values, never narrower than `narrowest`, inside the bounds."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return bounds
    low, high = min(known), max(known)
    pad = max(0.05 * (high - low), (narrowest - (high - low)) / 2, 0.01)
    return max(bounds[0], low - pad), min(bounds[1], high + pad)


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
    axes.set_xlim(*_span(recalls, (0, 1.02), 0.2))
    axes.set_ylim(*_span(precisions, (0, 1.02), 0.2))
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


def draw_confusion(data: ReportData, arm: ArmResult, part: str) -> Picture | None:
    """Human label by given label: counts, shaded by their share of the row; the last column is no answer."""
    if arm.confusion is None or not arm.confusion.sum():
        return None
    labels = data.codebook.names
    caption = f"{arm.name}: which label is given (columns) for which human label (rows), n = {arm.n_test:,}"
    right = float(np.trace(arm.confusion[:, : len(labels)]))
    alt = f"{caption}. {percent(right, float(arm.confusion.sum()))} lie on the diagonal."
    return Picture(f"confusion-{part}", caption, alt, _matrix(arm.confusion, labels, caption))


def _matrix(table: NDArray[np.float64], labels: Sequence[str], title: str) -> str:
    n_labels = len(labels)
    size = 6.5 if n_labels > 40 else 7.5 if n_labels > 12 else 9.0
    names = [short(label, 30) for label in labels]
    left, bottom = room(names, size) + 0.45, room([*names, "no answer"], size) * 0.62 + 0.5
    cell = min(0.72, max(0.115, 6.2 / (n_labels + 1.4)))

    def paint(sheet: Sheet) -> None:
        axes = sheet.axes(left, 0.45, 0.15, bottom)
        axes.set_xlim(-0.5, n_labels + 0.9)
        axes.set_ylim(n_labels - 0.5, -0.5)
        columns = [*range(n_labels), n_labels + 0.4]
        _paint_cells(axes, table, columns, cell)
        _name_cells(axes, names, columns, size)
        sheet.figure.text(0.16 / sheet.width, 1 - (0.15 + cell * n_labels / 2) / sheet.height, "human label",
                          rotation=90, ha="center", va="center", color=SOFT)  # fmt: skip
        sheet.figure.text((left + cell * n_labels / 2) / sheet.width, 0.14 / sheet.height, "given label",
                          ha="center", va="center", color=SOFT)  # fmt: skip

    return draw(left + 0.45 + cell * (n_labels + 1.4), bottom + 0.15 + cell * n_labels, title, paint)


def _paint_cells(axes: Any, table: NDArray[np.float64], columns: Sequence[float], cell: float) -> None:
    from matplotlib.patches import Rectangle

    support = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, support, out=np.zeros_like(table), where=support > 0)
    for row, column in zip(*np.nonzero(table), strict=True):
        share, colour = shares[row, column], RIGHT if row == column else WRONG
        corner = (columns[column] - 0.5, row - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, facecolor=_blend(colour, share), linewidth=0))
        if cell >= 0.2:
            _write_cell(axes, columns[column], row, table[row, column], share, cell)
    for edge in range(len(table) + 1):
        axes.plot([-0.5, len(table) - 0.5], [edge - 0.5] * 2, color=FAINT, linewidth=0.4)
        axes.plot([edge - 0.5] * 2, [-0.5, len(table) - 0.5], color=FAINT, linewidth=0.4)
    axes.add_patch(
        Rectangle((columns[-1] - 0.5, -0.5), 1, len(table), facecolor="none", edgecolor=FAINT, linewidth=0.6)
    )


def _write_cell(axes: Any, x: float, y: float, count: float, share: float, cell: float) -> None:
    colour = "white" if share > 0.6 else INK
    wide = cell >= 0.42
    axes.text(x, y - (0.13 if wide else 0), amount(count), ha="center", va="center", color=colour,
              fontsize=9 if wide else 6.5 if cell >= 0.3 else 5.5)  # fmt: skip
    if wide:
        axes.text(x, y + 0.22, f"{100 * share:.0f} %", ha="center", va="center", color=colour, fontsize=6.5)


def _name_cells(axes: Any, names: Sequence[str], columns: Sequence[float], size: float) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set_xticks(columns, [*names, "no answer"], fontsize=size, rotation=45, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _blend(colour: str, share: float) -> tuple[float, float, float]:
    """White at 0, the colour at 1; small shares lifted so that they can be seen."""
    weight = 0.12 + 0.88 * float(share)
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 1 - weight * (1 - red), 1 - weight * (1 - green), 1 - weight * (1 - blue)


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


def draw_trust(trust: TrustReport | None) -> Picture | None:
    """Left, trust and raw consistency against the share that is right; right, what each leaves out gains."""
    if trust is None:
        return None
    caption = "Trust and raw consistency: whether they come true (left); errors if only the surest labels are kept"
    measures = (("calibration error", trust.ece), ("Brier score", trust.brier))
    spoken = [f"{name} {decimal(one.trust)} against {decimal(one.consistency)}" for name, one in measures]
    alt = f"{caption}. {'; '.join(spoken)}; n = {trust.n:,}."
    sides = (
        ("trust", trust.trust_bins, trust.trust_risk, RIGHT, "o-"),
        ("consistency", trust.consistency_bins, trust.consistency_risk, WRONG, "s--"),
    )

    def paint(sheet: Sheet) -> None:
        left, right = sheet.axes(0.6, 3.85, 0.3, 0.5), sheet.axes(4.05, 0.4, 0.3, 0.5)
        _frame_trust(left, right, trust)
        for place, (name, bins, risk, colour, style) in enumerate(sides):
            _paint_bins(left, bins, colour, style, 0.008 * place)
            _paint_coverage(right, risk, colour, style[1:])
            left.annotate(f"{style[0].translate(GLYPHS)} {name}", (0.04, 0.93 - 0.09 * place), xycoords="axes fraction",
                          color=colour, fontweight="bold")  # fmt: skip

    return Picture("trust", caption, alt, draw(WIDTH, 3.35, caption, paint))


def _frame_trust(left: Any, right: Any, trust: TrustReport) -> None:
    bins = (*trust.trust_bins, *trust.consistency_bins)
    low = math.floor(10 * max(0.0, min(min(one.confidence, one.interval.low) for one in bins) - 0.02)) / 10
    left.set(xlim=(low, 1.02), ylim=(low, 1.02), title="Reliability")
    left.set(xlabel="trust, or consistency", ylabel="share right")
    left.plot([low, 1], [low, 1], color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
    worst = max(float(np.max(one.risk)) for one in (trust.trust_risk, trust.consistency_risk))
    right.set(xlim=(0, 101), ylim=(0, max(2.0, 108 * worst)), xlabel="% of labels kept, surest first",
              ylabel="% wrong among them", title="Risk and coverage")  # fmt: skip


def _paint_bins(axes: Any, bins: Sequence[Bin], colour: str, style: str, shift: float) -> None:
    places = [one.confidence + shift for one in bins]
    for place, one in zip(places, bins, strict=True):
        axes.plot([place] * 2, [one.interval.low, one.interval.high], color=colour, linewidth=1)
    axes.plot(places, [one.accuracy for one in bins], style, color=colour, markersize=4.5)


def _paint_coverage(axes: Any, risk: RiskCoverage, colour: str, style: str) -> None:
    few = len(risk.coverage) < 12
    axes.plot(100 * risk.coverage, 100 * risk.risk, color=colour, linestyle=style, marker="." if few else "")


def draw_calibration(calibration: Calibration | None, part: str) -> Picture | None:
    """Left, stated confidence against what came true; right, errors against how much is answered."""
    if calibration is None:
        return None
    caption = f"{calibration.arm}: whether its probabilities come true (left); errors if only the surest are answered"
    last = f"{decimal(1 - calibration.accuracy)} wrong when all are answered"
    alt = f"{caption}. Expected calibration error {decimal(calibration.ece)}; {last}; n = {calibration.n:,}."

    def paint(sheet: Sheet) -> None:
        _paint_reliability(sheet.axes(0.6, 3.85, 0.3, 0.5), calibration)
        _paint_risk(sheet.axes(4.05, 0.4, 0.3, 0.5), calibration)

    return Picture(f"calibration-{part}", caption, alt, draw(WIDTH, 3.35, caption, paint))


def _paint_reliability(axes: Any, calibration: Calibration) -> None:
    bins = [one for one in calibration.bins if math.isfinite(one.accuracy)]
    low = min((min(one.confidence, one.interval.low) for one in bins), default=0.0)
    low = math.floor(10 * max(0.0, low - 0.02)) / 10
    axes.set(xlim=(low, 1.01), ylim=(low, 1.01), xlabel="stated probability", ylabel="share right", title="Reliability")
    axes.plot([low, 1], [low, 1], color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
    for one in bins:
        axes.plot([one.confidence] * 2, [one.interval.low, one.interval.high], color=RIGHT, linewidth=1.2)
    axes.plot([one.confidence for one in bins], [one.accuracy for one in bins], "o-", color=RIGHT, markersize=4.5)


def _paint_risk(axes: Any, calibration: Calibration) -> None:
    coverage, risk = calibration.risk.coverage, calibration.risk.risk
    axes.plot(100 * coverage, 100 * risk, color=WRONG, drawstyle="steps-post" if len(coverage) < 12 else "default")
    axes.plot(100 * coverage[-1:], 100 * risk[-1:], "o", color=WRONG, markersize=4.5, clip_on=False)
    axes.set(xlim=(0, 101), xlabel=f"% of {calibration.unit} answered, surest first", ylabel="% wrong among them",
             title="Risk and coverage")  # fmt: skip
    axes.set_ylim(0, max(2.0, 108 * float(np.max(risk, initial=0.0))))


def draw_learning_curve(data: ReportData) -> Picture | None:
    """Headline F1 against the number of labels learned from, human and teacher; the teacher itself as a band."""
    trained = [arm for arm in data.arms if arm.n_labels > 0 and math.isfinite(arm.scores.headline.f1)]
    if len({arm.n_labels for arm in trained}) < 2:
        return None
    caption = f"{_title(data.headline)} by the number of labels learned from"
    direct = direct_teacher(data)

    def paint(sheet: Sheet) -> None:
        axes = sheet.axes(0.6, 2.0, 0.12, 0.5)
        _paint_curves(axes, trained)
        if direct is not None and math.isfinite(direct.scores.headline.f1):
            _paint_band(axes, direct)
        _frame_curves(axes, trained, data.headline)

    lines = [_arm_line(arm, False) for arm in trained]
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
    axes.set_ylabel(short(_plain(headline), 40))
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
    caption = f"{_title(data.headline)} on gold dev after each round of the learning loop"
    f1 = [one.f1 or 0.0 for one in rounds]
    bounds = [None if one.low is None or one.high is None else Interval(one.low, one.high, "", 0.95) for one in rounds]
    counts = [one.n_asked for one in rounds]

    def paint(sheet: Sheet) -> None:
        axes = sheet.axes(0.6, 0.3, 0.12, 0.5)
        axes.plot(counts, f1, "s-", color=COLOURS[Family.TEACHER], markersize=5)
        for count, interval in zip(counts, bounds, strict=True):
            _paint_upright(axes, count, interval, COLOURS[Family.TEACHER])
        axes.set_xlabel("pool texts asked about")
        axes.set_ylabel(short(_plain(data.headline), 40))
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)

    lines = [
        Line(f"{count:,} texts", "", value, interval, Family.TEACHER)
        for count, value, interval in zip(counts, f1, bounds, strict=True)
    ]
    return Picture("rounds", caption, spoken(caption, lines), draw(WIDTH, 3.0, caption, paint))


def _plain(headline: str) -> str:
    return headline.replace("`", "")


def _title(headline: str) -> str:
    plain = _plain(headline)
    return plain[:1].upper() + plain[1:]


def spoken(caption: str, lines: Sequence[Line]) -> str:
    """The figure in words, for who cannot see it."""
    parts = [f"{line.name} {estimate(line.value, line.interval)}" for line in lines[:12]]
    rest = f"; and {counted(len(lines) - 12, 'more row')}" if len(lines) > 12 else ""
    return f"{caption}: {'; '.join(parts)}{rest}."


def _spoken_places(caption: str, arms: Sequence[ArmResult]) -> str:
    parts = [
        f"{arm.name} precision {decimal(arm.scores.headline.precision)}, recall {decimal(arm.scores.headline.recall)}"
        for arm in arms
    ]
    return f"{caption}: {'; '.join(parts)}."
