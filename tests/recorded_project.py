"""Project folders with two labels and a recorded teacher, written on the spot from rows."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

ONE_TEACHER = """
[teacher]
kind = "recorded"
model = "somebody"
[trust]
enabled = false
"""

Rows = Sequence[Mapping[str, object]]


def write_project(
    folder: Path, gold: Rows, pool: Rows, *, labels: tuple[str, str] = ("yes", "no"), data: str = "", tables: str = ""
) -> None:
    """A folder to open; the first label is the positive one.

    `data` holds further lines of `[data]`, `tables` further tables. Rows of one file have the same columns.
    """
    lines = ["[codebook]", f'positive = "{labels[0]}"']
    for label in labels:
        lines += ["[[codebook.labels]]", f'name = "{label}"', f'definition = "It is {label}."']
    lines += ["[data]", 'pool = ["pool.csv"]', 'gold = ["gold.csv"]', data, tables]
    (folder / "understudy.toml").write_text("\n".join(lines), encoding="utf-8")
    write_rows(folder / "gold.csv", gold)
    write_rows(folder / "pool.csv", pool)


def write_rows(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
