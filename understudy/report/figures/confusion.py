"""The figure of human label by given label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.report.canvas import FAINT, INK, SOFT, Sheet, draw, room, short
from understudy.report.data import ArmResult, ReportData
from understudy.report.figures.picture import RIGHT, WRONG, Picture
from understudy.report.words import amount, percent


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
