"""`understudy predict`: a trained student labels a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Overrides, ProjectOption, open_project


def predict(
    source: Annotated[Path, typer.Argument(help="CSV, TSV, JSONL or Parquet with texts.")],
    target: Annotated[Path, typer.Argument(help="File to write; the ending says the format.")],
    folder: ProjectOption = HERE,
    student: Annotated[str | None, typer.Option(help="Which arm's student.", show_default="the recommended")] = None,
    text: Annotated[str | None, typer.Option(help="Column of the text.", show_default="as in the project")] = None,
    prefix: Annotated[str, typer.Option(help="Put before the names of the new columns.")] = "",
    overrides: Overrides = [],  # noqa: B006
    as_json: AsJson = False,
) -> int:
    """Add label, confidence and probabilities to every row; resumes after an interruption.

    Example: understudy predict texts.csv labelled.csv --project my-project
    """
    summary = open_project(folder, overrides).predict(source, target, student=student, text_column=text, prefix=prefix)
    if as_json:
        print_json(summary.to_json())
    else:
        print_lines(summary.lines())
    return 0
