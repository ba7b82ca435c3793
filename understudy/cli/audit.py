"""`understudy audit`: error rates by group, and where the texts come from another domain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project

Column = Annotated[str, typer.Option("--by", metavar="COLUMN", help="Column whose values are the groups.")]
Student = Annotated[str | None, typer.Option("--student", metavar="ARM", help="The student; default: recommended.")]
Swaps = Annotated[
    Path | None, typer.Option("--swaps", metavar="FILE", help="CSV with columns before and after: names to exchange.")
]


def audit(
    column: Column,
    folder: Folder = HERE,
    student: Student = None,
    swaps: Swaps = None,
    overrides: Overrides = [],  # noqa: B006
    as_json: AsJson = False,
) -> int:
    """Compare error rates of teacher and student between groups of test texts, with intervals.

    Example: understudy audit my-project --by dialect
    """
    from understudy.pipeline.evidence.auditing import audit as audit_groups
    from understudy.pipeline.evidence.auditing import read_swaps

    project = open_project(folder, overrides)
    found = audit_groups(project, column, arm=student, swaps=[] if swaps is None else read_swaps(swaps))
    if as_json:
        print_json(found.to_json())
    else:
        print_lines(found.lines())
    return int(found.has_findings)
