"""`understudy resume`: go on with a run that was stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from understudy.cli.options import HERE, AsJson, BudgetUsd, Folder, Overrides, Yes
from understudy.cli.run import run


def resume(
    folder: Folder = HERE,
    overrides: Overrides = [],  # noqa: B006
    budget_usd: BudgetUsd = None,
    yes: Yes = False,
    despite_gate: Annotated[bool, typer.Option("--despite-gate", help="Go on although the teacher failed.")] = False,
    as_json: AsJson = False,
) -> int:
    """Go on where `run` stopped: after Ctrl-C, a crash, a spent budget or a provider's no. The same as `run`.

    Example: understudy resume my-project --budget-usd 10
    """
    return run(folder, overrides, budget_usd, yes, despite_gate, as_json)
