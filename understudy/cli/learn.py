"""`understudy learn`: choose which texts the teacher labels, round by round, and show whether choosing pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.cli.console import print_json, print_lines, print_table
from understudy.cli.options import HERE, AsJson, BudgetUsd, Folder, Overrides, Yes, open_project
from understudy.cli.spending import confirm, print_spending

if TYPE_CHECKING:
    from understudy.report.data import LearningRound


def learn(
    folder: Folder = HERE,
    overrides: Overrides = [],  # noqa: B006
    budget_usd: BudgetUsd = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Let a student choose what the teacher labels next, in rounds; the same command resumes after any interruption.

    With `enabled = true` under `[learn]`, `run`, `train` and `report` use the texts that were chosen.

    Example: understudy learn my-project --set learn.labels=1000 --budget-usd 5
    """
    project = open_project(folder, ["learn.enabled=true", *overrides], budget_usd)
    spending = confirm(project, yes)
    learned = project.learn()
    print_spending(project, spending)
    if as_json:
        print_json(learned.to_json())
    else:
        print_table(
            ("round", "strategy", "asked", "labels", "F1 on gold dev [95%]", "kappa", "cost"),
            map(_row, learned.rounds),
            right=(0, 2, 3),
        )
        print_lines(learned.lines())
    return int(learned.has_findings)


def _row(done: LearningRound) -> tuple[str, ...]:
    bounds = "" if done.low is None or done.high is None else f" [{done.low:.3f}, {done.high:.3f}]"
    return (
        str(done.number),
        done.strategy,
        f"{done.n_asked:,}",
        f"{done.n_labels:,}",
        "undefined" if done.f1 is None else f"{done.f1:.3f}{bounds}",
        "" if done.kappa is None else f"{done.kappa:.3f}",
        "unknown" if done.cost_usd is None else f"${done.cost_usd:,.4f}",
    )
