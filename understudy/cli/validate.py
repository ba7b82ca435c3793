"""`understudy validate`: the teacher against gold, and whether to go on."""

from __future__ import annotations

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, BudgetUsd, Folder, Overrides, Yes, open_project
from understudy.cli.spending import confirm, print_spending


def validate(
    folder: Folder = HERE,
    overrides: Overrides = [],  # noqa: B006
    budget_usd: BudgetUsd = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Score the teacher on gold dev (and demo) texts with intervals, and say go, not yet or no.

    Example: understudy validate my-project
    """
    project = open_project(folder, overrides, budget_usd)
    spending = confirm(project, yes, only_validation=True)
    validation = project.validate()
    print_spending(project, spending)
    if as_json:
        print_json(validation.to_json())
    else:
        print_lines(validation.lines())
    return int(validation.is_no)
