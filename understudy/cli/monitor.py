"""`understudy monitor`: whether teacher and texts are still as they were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, BudgetUsd, Folder, Overrides, Yes, open_project
from understudy.cli.spending import confirm_plan, print_spending
from understudy.errors import UserError

if TYPE_CHECKING:
    from understudy.pipeline import Project

Texts = Annotated[
    Path | None, typer.Option("--texts", metavar="FILE", help="New texts to hold against the pool, with its columns.")
]
Gold = Annotated[
    Path | None, typer.Option("--gold", metavar="FILE", help="Human labels of some of these texts, drawn by lot.")
]
Draw = Annotated[
    int | None, typer.Option("--draw", min=1, help="Draw so many of these texts by lot, for people to label, and stop.")
]
To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="CSV file for the texts that are drawn.")]
Canaries = Annotated[
    int, typer.Option("--canaries", min=1, help="Gold dev texts to ask about again; fixed by the first look.")
]
NoTeacher = Annotated[bool, typer.Option("--no-teacher", help="Ask the teacher nothing; only look at new texts.")]


def monitor(
    folder: Folder = HERE,
    texts: Texts = None,
    gold: Gold = None,
    draw: Draw = None,
    to: To = None,
    canaries: Canaries = 200,
    no_teacher: NoTeacher = False,
    overrides: Overrides = [],  # noqa: B006
    budget_usd: BudgetUsd = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Ask the teacher canaries again, compare new texts with the pool, judge them by gold, and print all earlier looks.

    Example: understudy monitor my-project --texts this-month.csv
    """
    from understudy.pipeline.evidence.monitoring import canaries_of, plan_look
    from understudy.pipeline.evidence.monitoring import monitor as look
    from understudy.pipeline.evidence.period import read_period

    project = open_project(folder, overrides, budget_usd)
    if draw is not None or to is not None:
        return _draw(project, texts, draw, to)
    if gold is not None and texts is None:
        raise UserError("a period's gold is a part of its texts.", "Give the texts, too: `--texts FILE`.")
    period = None if gold is None or texts is None else read_period(project, gold, texts)
    known = [] if no_teacher else canaries_of(project, canaries)
    is_asked = project.teacher_costs_money and not no_teacher
    asked = [*known, *(() if period is None or not is_asked else period.gold)]
    spending = confirm_plan(project, plan_look(project, asked), yes) if asked else None
    found = look(project, known, texts, period, asks_teacher=not no_teacher)
    if spending is not None:
        print_spending(project, spending)
    if as_json:
        print_json(found.to_json())
    else:
        print_lines(found.lines())
    return int(found.has_findings)


def _draw(project: Project, texts: Path | None, n: int | None, to: Path | None) -> int:
    from understudy.pipeline.evidence.period import draw_sample

    if texts is None or n is None or to is None:
        raise UserError("`--texts`, `--draw` and `--to` belong together.", "Add `--draw 50 --to sample.csv`.")
    print_lines([f"wrote {draw_sample(project, texts, n, to)} texts to {to}; label them, then give them as `--gold`"])
    return 0
