"""`understudy report`: the page and its numbers."""

from __future__ import annotations

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project


def report(folder: Folder = HERE, overrides: Overrides = [], as_json: AsJson = False) -> int:  # noqa: B006
    """Write the report: one self-contained HTML page and the same numbers as JSON.

    Example: understudy report my-project
    """
    result = open_project(folder, overrides).report()
    if as_json:
        print_json(result.to_json())
    else:
        print_lines([f"wrote {result.report}"])
    return 0
