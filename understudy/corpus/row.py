"""One record of a table, whatever file it stood in; does not read anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One record.

    Attributes
    ----------
    number : 1-based, header and blank lines not counted.
    cells : column -> text as it stands in the file; None for JSON null and for null in columnar files.
    raw : column -> the value with its own type (CSV: the text itself), to write it again.
    line : 1-based line on which the record begins; None in columnar files.
    """

    number: int
    cells: dict[str, str | None]
    raw: Mapping[str, Any]
    line: int | None = None

    def place(self, path: Path) -> str:
        """Where the record stands, for messages: ``gold.csv row 40 (line 41)``."""
        line = f" (line {self.line})" if self.line not in (None, self.number) else ""
        return f"{path.name} row {self.number}{line}"
