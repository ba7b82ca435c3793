"""The options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.errors import UserError

if TYPE_CHECKING:
    from understudy.pipeline import Project

Folder = Annotated[Path, typer.Argument(help="The project folder.", show_default="the current one")]
ProjectOption = Annotated[Path, typer.Option("--project", help="The project folder.", show_default="the current one")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Overrides = Annotated[
    list[str], typer.Option("--set", help="Override a setting: --set teacher.replicates=3. May be repeated.")
]
BudgetUsd = Annotated[
    float | None,
    typer.Option(
        "--budget-usd",
        min=0,
        help="Stop before the teacher has cost the project more than this, earlier runs included.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before spending.")]

HERE = Path()


def open_project(folder: Path, overrides: list[str], budget_usd: float | None = None) -> Project:
    """The project of a folder, with the settings of the command line applied."""
    from understudy.cli.console import ConsoleListener
    from understudy.pipeline import Project

    settings = dict(_pair(override) for override in overrides)
    if budget_usd is not None:
        settings["teacher.budget_usd"] = repr(budget_usd)
    return Project.open(folder, settings, ConsoleListener())


def _pair(override: str) -> tuple[str, str]:
    name, sign, value = override.partition("=")
    if not sign:
        raise UserError(f"`--set {override}` has no `=`.", "Write `--set teacher.replicates=3`.")
    return name.strip(), value.strip()
