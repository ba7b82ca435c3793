"""`understudy check`: what a careful colleague would notice in settings, codebook and data."""

from __future__ import annotations

from dataclasses import asdict

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project

SIGNS = {"ok": "ok     ", "note": "note   ", "warning": "warning", "error": "error  "}


def check(folder: Folder = HERE, overrides: Overrides = [], as_json: AsJson = False) -> int:  # noqa: B006
    """Look at settings, codebook and data; spends nothing and changes nothing.

    Example: understudy check my-project
    """
    remarks = open_project(folder, overrides).check()
    found = any(remark.level in {"warning", "error"} for remark in remarks)
    if as_json:
        print_json({"remarks": [asdict(remark) for remark in remarks]})
        return int(found)
    for remark in remarks:
        print_lines([f"{SIGNS[remark.level]}  {remark.title}", *(f"           {detail}" for detail in remark.details)])
    return int(found)
