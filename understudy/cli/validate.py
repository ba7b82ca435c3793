"""`understudy validate`: the teacher against gold, what to sharpen in the codebook, and whether to go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, BudgetUsd, Folder, Overrides, Yes, open_project
from understudy.cli.spending import confirm, confirm_questions, print_spending

if TYPE_CHECKING:
    from understudy.pipeline import Project
    from understudy.pipeline.canaries import CanaryResult
    from understudy.pipeline.sensitivity import Sensitivity

Canaries = Annotated[bool, typer.Option("--canaries", help="Also measure how often injected texts change their label.")]
Prompts = Annotated[bool, typer.Option("--prompts", help="Also ask in other words and with shuffled labels.")]
Replacement = Annotated[
    str, typer.Option("--replacement", metavar="MODEL", help="Also ask another model about the same texts.")
]


def validate(
    folder: Folder = HERE,
    overrides: Overrides = [],  # noqa: B006
    budget_usd: BudgetUsd = None,
    yes: Yes = False,
    canaries: Canaries = False,
    prompts: Prompts = False,
    replacement: Replacement = "",
    as_json: AsJson = False,
) -> int:
    """Score the teacher on gold dev (and demo) texts with intervals, list where it disagrees, and say go or no.

    Example: understudy validate my-project --prompts
    """
    project = open_project(folder, overrides, budget_usd)
    spending = confirm(project, yes, only_validation=True)
    validation = project.validate()
    print_spending(project, spending)
    iteration = project.iterate(validation)
    more = dict(_more(project, yes, canaries, prompts, replacement))
    if as_json:
        print_json(validation.to_json() | iteration.to_json() | {name: found.to_json() for name, found in more.items()})
    else:
        print_lines([*validation.lines(), *iteration.lines()])
        for found in more.values():
            print_lines(["", *found.lines()])
    return int(validation.is_no)


def _more(
    project: Project, yes: bool, canaries: bool, prompts: bool, replacement: str
) -> Iterator[tuple[str, CanaryResult | Sensitivity]]:
    """What was asked for beside the scores, each after its own question about money."""
    from understudy.pipeline.canaries import n_questions as n_canaries
    from understudy.pipeline.sensitivity import n_prompts, n_replacement

    if prompts:
        confirm_questions(project, yes, n_prompts(project), "`--prompts`")
        yield "prompts", project.vary_prompts()
    if replacement:
        confirm_questions(project, yes, n_replacement(project), f"`--replacement {replacement}`")
        yield "replacement", project.replace_model(replacement)
    if canaries:
        confirm_questions(project, yes, n_canaries(), "`--canaries`")
        yield "canaries", project.sing()
