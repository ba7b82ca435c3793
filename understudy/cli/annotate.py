"""`understudy annotate`: let the teacher label the pool and the gold texts it is compared on."""

from __future__ import annotations

from typing import Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, BudgetUsd, Folder, Overrides, Yes, open_project
from understudy.cli.spending import confirm, print_spending

CancelBatches = Annotated[
    bool, typer.Option("--cancel-batches", help="Ask nothing; cancel open batches and keep what they have answered.")
]


def annotate(
    folder: Folder = HERE,
    overrides: Overrides = [],  # noqa: B006
    budget_usd: BudgetUsd = None,
    yes: Yes = False,
    cancel_batches: CancelBatches = False,
    as_json: AsJson = False,
) -> int:
    """Ask the teacher about every text that has no answer yet; resumes where it stopped.

    Example: understudy annotate my-project --budget-usd 2
    """
    project = open_project(folder, overrides, budget_usd)
    if cancel_batches:
        cancelled = project.cancel_batches()
        print_json(cancelled.to_json()) if as_json else print_lines(cancelled.lines())
        return 0
    spending = confirm(project, yes)
    summary = project.annotate()
    print_spending(project, spending)
    if as_json:
        print_json(summary.to_json())
    else:
        print_lines(summary.lines())
    return int(summary.has_findings)
