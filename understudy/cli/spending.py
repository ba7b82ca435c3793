"""Asks a person on a terminal before money is spent."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from understudy.cli.console import clean, console
from understudy.errors import UserError

if TYPE_CHECKING:
    from understudy.pipeline import Project
    from understudy.pipeline.plan import Plan


@dataclass(frozen=True)
class Spending:
    """What was planned, and what the project had spent before; `plan` is None for a teacher that is free."""

    plan: Plan | None
    before_usd: float


def confirm(project: Project, yes: bool, *, only_validation: bool = False) -> Spending:
    """Show the plan of a teacher that costs money; on a terminal ask, unless `yes` or nothing is left to ask.

    Raises
    ------
    UserError
        If the person declines.
    """
    if not project.teacher_costs_money:
        return Spending(None, 0.0)
    return confirm_plan(project, project.plan(only_validation=only_validation), yes)


def confirm_plan(project: Project, plan: Plan, yes: bool) -> Spending:
    """Show what a teacher that costs money would be asked; on a terminal ask, unless `yes`; raises as `confirm`."""
    err = console(is_error=True)
    for line in plan.lines(with_prompt=False):
        err.print(clean(line))
    is_asked = plan.n_calls and not yes and sys.stdin.isatty() and sys.stderr.isatty()
    if is_asked and not typer.confirm("Go on?", err=True):
        raise UserError("Stopped before anything was spent.", "`--budget-usd` sets a limit, `--yes` does not ask.")
    return Spending(plan, project.spent_usd())


def confirm_questions(project: Project, yes: bool, n: int, what: str) -> None:
    """Say how many texts will be asked about beside the plan; on a terminal ask, unless `yes`; raises as `confirm`."""
    if not project.teacher_costs_money:
        return
    console(is_error=True).print(clean(f"{what}: at most {n:,} texts are asked about"))
    if not yes and sys.stdin.isatty() and sys.stderr.isatty() and not typer.confirm("Go on?", err=True):
        raise UserError("Stopped before this was asked.", "`--budget-usd` sets a limit, `--yes` does not ask.")


def print_spending(project: Project, spending: Spending) -> None:
    """Planned against actual, on standard error; nothing for a free teacher."""
    plan = spending.plan
    if plan is None:
        return
    if plan.cost_usd is None or plan.cost_usd_at_most is None:
        line = "planned and spent: unknown, because the price is (set teacher.price_in_usd and price_out_usd)"
    else:
        spent_usd = project.spent_usd() - spending.before_usd
        line = f"planned ${plan.cost_usd:,.4f}, at most ${plan.cost_usd_at_most:,.4f}; spent ${spent_usd:,.4f}"
    console(is_error=True).print(line)
