"""`understudy compare-teachers`: several teachers side by side on gold."""

from __future__ import annotations

from typing import Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, BudgetUsd, Folder, Overrides, Yes, open_project
from understudy.cli.spending import confirm_questions

Models = Annotated[list[str], typer.Option("--model", metavar="NAME", help="Another model to ask. May be repeated.")]
Columns = Annotated[
    list[str], typer.Option("--column", metavar="NAME", help="Another column of recorded labels. May be repeated.")
]
Annotators = Annotated[
    list[str], typer.Option("--annotator", metavar="COLUMN", help="One person's labels; two or more test replacement.")
]
Epsilon = Annotated[
    float, typer.Option("--epsilon", min=0, max=1, help="Tolerance: 0.2 experts, 0.15 skilled, 0.1 crowd workers.")
]


def compare_teachers(
    folder: Folder = HERE,
    models: Models = [],  # noqa: B006
    columns: Columns = [],  # noqa: B006
    annotators: Annotators = [],  # noqa: B006
    epsilon: Epsilon = 0.15,
    overrides: Overrides = [],  # noqa: B006
    budget_usd: BudgetUsd = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Compare teachers on gold: F1, cost, mistakes that they share, and whether one may replace an annotator.

    Example: understudy compare-teachers my-project --model gpt-4o --model gpt-4o-mini
    """
    from understudy.pipeline.annotation import validation_documents
    from understudy.pipeline.evidence.comparing import compare_teachers as compare
    from understudy.pipeline.evidence.comparing import variants

    project = open_project(folder, overrides, budget_usd)
    teachers = variants(project, models, columns)
    confirm_questions(project, yes, len(teachers) * len(validation_documents(project)), "comparing teachers")
    found = compare(teachers, annotators=annotators, epsilon=epsilon)
    if as_json:
        print_json(found.to_json())
    else:
        print_lines(found.lines())
    return 0
