"""`understudy doctor`: whether this machine and this project are fit to run."""

from __future__ import annotations

from dataclasses import asdict

from understudy.cli.console import print_json, print_lines
from understudy.cli.options import HERE, AsJson, Folder


def doctor(folder: Folder = HERE, as_json: AsJson = False) -> int:
    """Check versions, disk, encoder, journal and key; prints nothing secret.

    Example: understudy doctor my-project
    """
    from understudy.pipeline import examine

    findings = examine(folder)
    if as_json:
        print_json({"remarks": [asdict(finding) for finding in findings]})
    else:
        print_lines(
            line
            for f in findings
            for line in (f"{f.level:7}  {f.title}", *(f"         {detail}" for detail in f.details))
        )
    return int(any(finding.level in {"warning", "error"} for finding in findings))
