"""What every figure has: sizes, colours and marks of who labels, and the picture itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from understudy.report.derived import Family

WIDTH = 7.0
"""Inches: the text width of a journal page."""

SCREEN_PX = 118
"""Pixels on the page for one inch in print."""

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
RIGHT, WRONG = "#0072B2", "#D55E00"


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


def plain(headline: str) -> str:
    """The name of the headline measure, without marks of code."""
    return headline.replace("`", "")


def title_of(headline: str) -> str:
    """The name of the headline measure, as it begins a sentence."""
    name = plain(headline)
    return name[:1].upper() + name[1:]
