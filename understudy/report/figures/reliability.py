"""Figures of whether stated probabilities come true, and of what abstaining gains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from understudy.evaluation import Bin, RiskCoverage, TrustReport
from understudy.report.canvas import SOFT, Sheet, draw
from understudy.report.derived import Calibration
from understudy.report.figures.picture import RIGHT, WIDTH, WRONG, Picture
from understudy.report.words import decimal

GLYPHS = str.maketrans("os", "●■")


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
