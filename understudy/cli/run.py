"""`understudy run`: check, validate, annotate, train, evaluate and report, going on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.arms import ending, print_arms
from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, BudgetUsd, Folder, Overrides, Yes, open_project
from understudy.cli.spending import confirm, print_spending

if TYPE_CHECKING:
    from understudy.pipeline.result import RunResult


def run(
    folder: Folder = HERE,
    overrides: Overrides = [],  # noqa: B006
    budget_usd: BudgetUsd = None,
    yes: Yes = False,
    despite_gate: Annotated[bool, typer.Option("--despite-gate", help="Go on although the teacher failed.")] = False,
    as_json: AsJson = False,
) -> int:
    """Do the whole job, from check to report; the same command resumes after any interruption.

    Example: understudy run my-project --budget-usd 5
    """
    project = open_project(folder, overrides, budget_usd)
    spending = confirm(project, yes)
    result = project.run(despite_gate=despite_gate)
    print_spending(project, spending)
    if as_json:
        print_json(result.to_json())
    else:
        print_arms(result.data)
        print_lines(["", *ending(result), *_next_command(folder, result)])
    return int(result.has_findings)


def _next_command(folder: Path, result: RunResult) -> list[str]:
    if result.data.recommended is None:
        return [f"next: understudy validate {folder}"]
    return [f"next: understudy predict texts.csv labelled.csv --project {folder}"]
