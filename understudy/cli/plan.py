"""`understudy plan`: what the teacher would be asked and what it would cost at most, or how much gold is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project
from understudy.errors import UserError

if TYPE_CHECKING:
    from understudy.pipeline import Project

Gold = Annotated[bool, typer.Option("--gold", help="Plan human labels instead of questions to the teacher.")]
HalfWidth = Annotated[float, typer.Option("--half-width", min=0.001, max=0.5, help="Wanted of each F1; with --gold.")]
Certify = Annotated[float, typer.Option("--certify", min=0.01, max=0.99, help="Accuracy to certify; with --gold.")]
Draw = Annotated[
    int | None, typer.Option("--draw", min=1, help="Draw so many pool texts to label; with --gold and --to.")
]
To = Annotated[Path | None, typer.Option("--to", metavar="FILE", help="CSV file for the texts that are drawn.")]
Label = Annotated[str | None, typer.Option("--label", help="The label whose cells are drawn from; default: positive.")]


def plan(
    folder: Folder = HERE,
    overrides: Overrides = [],  # noqa: B006
    gold: Gold = False,
    half_width: HalfWidth = 0.05,
    certify: Certify = 0.8,
    draw: Draw = None,
    to: To = None,
    label: Label = None,
    as_json: AsJson = False,
) -> int:
    """Show calls, tokens, the most it can cost and one real prompt; asks nothing. Or how much gold is needed.

    Example: understudy plan my-project
    """
    project = open_project(folder, overrides)
    if gold:
        return _gold(project, half_width, certify, draw, to, label, as_json)
    planned = project.plan()
    if as_json:
        print_json(planned.to_json())
    else:
        print_lines(planned.lines(with_prompt=True))
    return 0


def _gold(
    project: Project,
    half_width: float,
    certify: float,
    draw: int | None,
    to: Path | None,
    label: str | None,
    as_json: bool,
) -> int:
    from understudy.pipeline.evidence.gold_plan import draw_gold, plan_gold

    if (draw is None) != (to is None):
        raise UserError("`--draw` and `--to` belong together.", "Write `--draw 200 --to next.csv`.")
    planned = plan_gold(project, half_width=half_width, threshold=certify)
    drawn = None if draw is None or to is None else draw_gold(project, draw, to, label)
    if as_json:
        print_json({**planned.to_json(), "draw": None if drawn is None else drawn.to_json()})
    else:
        print_lines([*planned.lines(), *(() if drawn is None else drawn.lines())])
    return 0
