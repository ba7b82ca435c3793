"""Asks a person on a terminal before money is spent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from understudy.cli.console import clean, console

if TYPE_CHECKING:
    from understudy.pipeline import Project


def confirm(project: Project, yes: bool, *, only_validation: bool = False) -> None:
    """Show the plan of a teacher that costs money; on a terminal ask, unless `yes`.

    Raises
    ------
    typer.Abort
        If the person declines.
    """
    if not project.teacher_costs_money:
        return
    err = console(is_error=True)
    for line in project.plan(only_validation=only_validation).lines(with_prompt=False):
        err.print(clean(line))
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        typer.confirm("Go on?", abort=True, err=True)
