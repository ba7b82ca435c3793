"""`understudy estimate`: what may be concluded from machine labels, corrected by gold."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project

Labeller = Annotated[str, typer.Option("--labels", metavar="NAME", help="Whose labels: `teacher` or an arm.")]
Label = Annotated[str | None, typer.Option("--label", help="The only label to look at.")]
By = Annotated[str | None, typer.Option("--by", metavar="COLUMN", help="Compare the groups in this column.")]
Regress = Annotated[
    list[str], typer.Option("--regress", metavar="COLUMN", help="Regress the label on this column. May be repeated.")
]
Logistic = Annotated[bool, typer.Option("--logistic", help="Logistic instead of linear regression.")]
Method = Annotated[Literal["ppi", "dsl"], typer.Option("--method", help="How regressions are corrected.")]


def estimate(
    folder: Folder = HERE,
    labeller: Labeller = "teacher",
    label: Label = None,
    by: By = None,
    regress: Regress = [],  # noqa: B006
    logistic: Logistic = False,
    method: Method = "ppi",
    overrides: Overrides = [],  # noqa: B006
    as_json: AsJson = False,
) -> int:
    """Estimate shares, group differences and regressions from machine labels, corrected by gold.

    Example: understudy estimate my-project --by party
    """
    from understudy.pipeline.evidence.contrasting import Questions

    questions = Questions(by, tuple(regress), "logistic" if logistic else "linear", method)
    found = open_project(folder, overrides).estimate(questions, labeller=labeller, label=label)
    if as_json:
        print_json(found.to_json())
    else:
        print_lines(found.lines())
    return 0
