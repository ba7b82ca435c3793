"""The report's figures, one function each: results in, a titled SVG out. Measures nothing, writes no file."""

from understudy.report.figures.every import FIGURE_NAMES, draw_figures
from understudy.report.figures.intervals import Line, interval_plot, spoken
from understudy.report.figures.picture import Picture

__all__ = ["FIGURE_NAMES", "Line", "Picture", "draw_figures", "interval_plot", "spoken"]
