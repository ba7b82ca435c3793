"""`understudy audit`: error rates by group, and where the texts come from another domain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project
from understudy.errors import UserError

if TYPE_CHECKING:
    from understudy.pipeline import Project
    from understudy.pipeline.evidence.auditing import Audit
    from understudy.pipeline.evidence.outside import Elsewhere

Column = Annotated[str | None, typer.Option("--by", metavar="COLUMN", help="Column whose values are the groups.")]
Outside = Annotated[
    str | None, typer.Option("--outside", metavar="COLUMN", help="Hold each of its groups out; or `clusters` of texts.")
]
Student = Annotated[str | None, typer.Option("--student", metavar="ARM", help="The student; default: recommended.")]
Swaps = Annotated[
    Path | None, typer.Option("--swaps", metavar="FILE", help="CSV with columns before and after: names to exchange.")
]


def audit(
    folder: Folder = HERE,
    column: Column = None,
    outside: Outside = None,
    student: Student = None,
    swaps: Swaps = None,
    overrides: Overrides = [],  # noqa: B006
    as_json: AsJson = False,
) -> int:
    """Compare error rates between groups of test texts, or hold each group out of training and see who fails there.

    Example: understudy audit my-project --by dialect
    """
    project = open_project(folder, overrides)
    if (column is None) == (outside is None):
        raise UserError("an audit is by group or of what lies outside.", "Give `--by COLUMN` or `--outside COLUMN`.")
    found = _by_group(project, str(column), student, swaps) if outside is None else _outside(project, outside)
    if as_json:
        print_json(found.to_json())
    else:
        print_lines(found.lines())
    return int(found.has_findings)


def _by_group(project: Project, column: str, student: str | None, swaps: Path | None) -> Audit:
    from understudy.pipeline.evidence.auditing import audit as audit_groups
    from understudy.pipeline.evidence.auditing import read_swaps

    return audit_groups(project, column, arm=student, swaps=[] if swaps is None else read_swaps(swaps))


def _outside(project: Project, what: str) -> Elsewhere:
    from understudy.pipeline.evidence.outside import look_outside

    return look_outside(project, what)
