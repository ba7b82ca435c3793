"""A sheet to draw on: one style, sizes in inches, SVG with real text that looks the same on every machine.

Knows matplotlib and nothing of what is drawn. Text stays text (`svg.fonttype` none), so that any script is shown in the
reader's own fonts; all room for text is therefore reckoned from its characters, never measured in a font found here.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable
from io import StringIO
from typing import Any

from understudy.report.unhide import unhidden

FONT_SIZE = 9.0
UNIT_IN = 0.074
"""Inches that one Latin character of `FONT_SIZE` may take."""

MEASURED_IN = "DejaVu Sans"
"""The font that matplotlib brings along, so that a drawing is the same wherever it is made."""

SHOWN_IN = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'Noto Sans', 'DejaVu Sans'"
"""Fonts that a reader may have; none is as wide as the one measured in."""

_MEASURED_STYLE = re.compile(rf"(<text style=\"[^\"]*?)'{MEASURED_IN}'")

INK, SOFT, FAINT = "#1b1f24", "#59636e", "#d9dee3"
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "understudy",
    "text.parse_math": False,
    "axes.unicode_minus": False,
    "font.family": ["sans-serif"],
    "font.sans-serif": [MEASURED_IN],
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": FONT_SIZE,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": FONT_SIZE,
    "ytick.labelsize": FONT_SIZE,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "butt",
}


class Sheet:
    """A page of fixed size. Axes are placed by their distance from its edges, everything in inches."""

    def __init__(self, figure: Any, width: float, height: float) -> None:
        self.figure = figure
        self.width = width
        self.height = height

    def axes(self, left: float, right: float, top: float, bottom: float) -> Any:
        """Axes with these margins."""
        width, height = self.width - left - right, self.height - top - bottom
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))


def draw(width: float, height: float, title: str, paint: Callable[[Sheet], None]) -> str:
    """What `paint` draws on a sheet of `width` times `height` inches, as SVG; the same bytes for the same drawing."""
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(["default", STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure = Figure(figsize=(width, height), facecolor="white")
        paint(Sheet(figure, width, height))
        file = StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Title": unhidden(title)})
    return _MEASURED_STYLE.sub(rf"\g<1>{SHOWN_IN}", file.getvalue())


def units(text: str) -> int:
    """How wide a text is, in Latin characters: wide East Asian characters count twice, combining marks not at all."""
    return sum(_units(character) for character in text)


def short(text: str, most: int) -> str:
    """A text on one line of at most `most` units, hidden characters named, cut with an ellipsis."""
    line = " ".join(unhidden(text).split())
    if units(line) <= most:
        return line
    kept, used = "", 1
    for character in line:
        used += _units(character)
        if used > most:
            break
        kept += character
    return kept.rstrip() + "…"


def room(texts: list[str], size: float = FONT_SIZE) -> float:
    """Inches that the widest of the texts takes."""
    return max((units(text) for text in texts), default=0) * UNIT_IN * size / FONT_SIZE


def _units(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
