"""Makes a project folder from a folder of public data with recorded LLM labels.

    python examples/public_set.py SET_FOLDER PROJECT_FOLDER [--teacher MODEL] [--seed N] [--kind STUDENT]

A set folder holds JSONL files, `stats.json` and `README.md`. Rows are `{"id", "text", "label", "llm": {MODEL: label
or [labels]}}`; null is an answer nobody could read. Entities have `tokens` and `tags`, relations `tokens`, `head` and
`tail`. The texts stay outside the repository, and so must the project.
It does not download anything and asks no model: the recorded labels of one model become the teacher.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from understudy.errors import UserError
from understudy.settings import StudentSettings
from understudy.study.conversion import Options, convert

KINDS = get_args(StudentSettings.model_fields["kind"].annotation)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when the project is written, 2 when something is to be fixed first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("set_folder", type=Path, help="folder with JSONL files, stats.json and README.md")
    parser.add_argument("project_folder", type=Path, help="folder to make, outside the repository")
    parser.add_argument("--teacher", metavar="MODEL", help="whose recorded labels; default: the most accurate model's")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the project")
    parser.add_argument("--kind", choices=KINDS, default="linear", help="of the student")
    parser.add_argument("--group-regex", metavar="REGEX", help="its first group, found in the text, names the group")
    parser.add_argument("--as-texts", action="store_true", help="relations as texts with marked entities")
    given = parser.parse_args(arguments)
    options = Options(given.teacher, given.seed, given.kind, given.group_regex, given.as_texts)
    try:
        made = convert(given.set_folder, given.project_folder, options)
    except UserError as error:
        print(f"error: {error.message} {error.hint}".rstrip(), file=sys.stderr)
        return error.exit_code
    print("\n".join(made.lines()))
    balance = Counter(label for item in made.roles.test for label in item.labels or ("(no span)",))
    print("test texts with label: " + ", ".join(f"{label} {n:,}" for label, n in balance.most_common()))
    print(f"now: understudy run {given.project_folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
