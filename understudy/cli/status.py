"""`understudy status`: where the project stands."""

from __future__ import annotations

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project


def status(folder: Folder = HERE, overrides: Overrides = [], as_json: AsJson = False) -> int:  # noqa: B006
    """Show what is done, left and spent, who is at work and what to type next; works while a run is going on.

    Example: understudy status my-project
    """
    found = open_project(folder, overrides).status()
    if as_json:
        print_json(found.to_json())
    else:
        print_lines(found.lines())
    return 0
