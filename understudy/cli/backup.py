"""`understudy backup`: copy the journal while it may be in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, ProjectOption, open_project


def backup(
    target: Annotated[Path, typer.Argument(help="File to make, or a folder to put it into.")],
    project: ProjectOption = HERE,
    salvage: Annotated[bool, typer.Option("--salvage", help="Save what can be read of a damaged journal.")] = False,
    as_json: AsJson = False,
) -> int:
    """Copy the journal, the only file that must not be lost; also while a run is writing to it.

    A plain copy of the file may miss what still stands in its write-ahead log; this one never does.

    With `--salvage`, the readable rows of a damaged journal go into a new one; the damaged file stays as it is.

    Example: understudy backup /media/disk/journal-copy.sqlite --project my-project
    """
    if salvage:
        return _salvage(project, target, as_json)
    made = open_project(project, []).backup(target)
    if as_json:
        print_json({"backup": str(made), "bytes": made.stat().st_size})
    else:
        print_lines([f"{made}: {made.stat().st_size:,} bytes"])
    return 0


def _salvage(project: Path, target: Path, as_json: bool) -> int:
    saved = open_project(project, []).salvage(target)
    if as_json:
        print_json({"salvaged": str(target), "rows": dict(saved)})
    else:
        print_lines([f"{target}:", *(f"  {table}: {n:,} rows" for table, n in saved.items())])
    return 0
