"""`understudy demo`: the whole job on a small project that ships with the package."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.arms import ending, print_arms
from understudy.cli.console import ConsoleListener, print_json, print_lines
from understudy.cli.options import AsJson


class DemoKind(StrEnum):
    """The kinds of task that have a demo project."""

    CLASSIFICATION = "classification"
    ENTITIES = "entities"


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put the demo project.")] = Path("understudy-demo"),
    kind: Annotated[
        DemoKind, typer.Option(help="One label a message, or persons, places and organisations in notices.")
    ] = DemoKind.CLASSIFICATION,
    as_json: AsJson = False,
) -> int:
    """Run the main job on messages to a town hall, or on its notices; needs no key and no network.

    Example: understudy demo --kind entities
    """
    from understudy.pipeline import Project, copy_demo_project

    copy_demo_project(folder, kind.value)
    result = Project.open(folder, listener=ConsoleListener()).run()
    if as_json:
        print_json(result.to_json())
    else:
        print_arms(result.data)
        print_lines(["", *ending(result), f"Look into {folder}, then try: understudy check {folder}"])
    return int(result.has_findings)
