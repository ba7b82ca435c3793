"""`understudy plan`: what the teacher would be asked and what it would cost at most."""

from __future__ import annotations

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project


def plan(folder: Folder = HERE, overrides: Overrides = [], as_json: AsJson = False) -> int:  # noqa: B006
    """Show calls, tokens, the most it can cost and one real prompt; asks nothing.

    Example: understudy plan my-project
    """
    planned = open_project(folder, overrides).plan()
    if as_json:
        print_json(planned.to_json())
    else:
        print_lines(planned.lines(with_prompt=True))
    return 0
