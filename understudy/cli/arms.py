"""Prints the comparison of the arms as a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from understudy.cli.console import print_lines, print_table

if TYPE_CHECKING:
    from understudy.pipeline.result import RunResult
    from understudy.report import ReportData
    from understudy.report.data import ArmResult


def print_arms(data: ReportData) -> None:
    """The arms with their intervals, what may be concluded and what to deploy; nothing without arms."""
    if not data.arms:
        return
    print_table(
        ("arm", "labels", "judged on", f"{data.headline} [95%]", "precision", "recall", "accuracy"),
        (_row(arm) for arm in data.arms),
        right=(1, 2),
    )
    print_lines([c.verdict if c.better else f"{c.a} against {c.b}: {c.verdict}" for c in data.comparisons])
    if data.recommendation:
        print_lines(["", data.recommendation])
    print_lines(f"note: {note}" for note in data.notes)


def ending(result: RunResult) -> list[str]:
    """What became of the texts, what it cost, how long it took and where the report is."""
    teacher = result.data.teacher
    counts = " · ".join(f"{outcome.value} {n:,}" for outcome, n in teacher.outcomes.items() if n)
    cost = "unknown" if teacher.cost_usd is None else f"${teacher.cost_usd:,.4f}"
    return [
        f"texts: {sum(teacher.outcomes.values()):,} ({counts})",
        f"cost: {cost} in all · this run took {result.data.wall_s:,.0f} s",
        f"report: {result.report}",
    ]


def _row(arm: ArmResult) -> tuple[str, ...]:
    interval = arm.intervals.get("f1")
    bounds = f" [{interval.low:.3f}, {interval.high:.3f}]" if interval else ""
    scores = arm.scores
    return (
        arm.name,
        f"{arm.n_labels:,}" if arm.n_labels else "",
        f"{arm.n_test:,} {arm.judged_on}",
        _number(scores.headline.f1) + bounds,
        _number(scores.headline.precision),
        _number(scores.headline.recall),
        _number(scores.accuracy),
    )


def _number(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"
