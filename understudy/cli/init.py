"""`understudy init`: a new project folder with a commented settings file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import AsJson


class Kind(StrEnum):
    """The kinds of task that have a template."""

    CLASSIFICATION = "classification"
    MULTILABEL = "multilabel"
    ENTITIES = "entities"
    RELATIONS = "relations"


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    kind: Annotated[
        Kind, typer.Option(help="One label a text, any number of labels, spans, or a relation.")
    ] = Kind.CLASSIFICATION,
    as_json: AsJson = False,
) -> int:
    """Make a project folder with a commented understudy.toml and a few rows of data.

    Example: understudy init my-project
    """
    from understudy.pipeline import create_project

    files = create_project(folder, kind.value)
    if as_json:
        print_json({"folder": str(folder), "files": [str(file) for file in files]})
        return 0
    print_lines([*(f"wrote {file}" for file in files), f"Next: edit {files[0]}, then `understudy check {folder}`."])
    return 0
