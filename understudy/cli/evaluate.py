"""`understudy evaluate`: every arm against the human labels of the test texts."""

from __future__ import annotations

from understudy.cli.arms import print_arms
from understudy.cli.console import print_json
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project


def evaluate(folder: Folder = HERE, overrides: Overrides = [], as_json: AsJson = False) -> int:  # noqa: B006
    """Judge the teacher and every trained student on the test texts.

    Example: understudy evaluate my-project --json
    """
    result = open_project(folder, overrides).evaluate()
    if as_json:
        print_json(result.to_json())
    else:
        print_arms(result.data)
    return 0
