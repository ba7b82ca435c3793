"""The first reading of a file that is to be scored: counts and checks every row, so that nothing breaks hours later.

Keeps no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from understudy.corpus import Row, is_blank, read_rows
from understudy.corpus.tables import column_cell
from understudy.errors import UserError


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file holds.

    Attributes
    ----------
    n_rows : rows, blank texts included.
    n_blank : rows whose text cannot be seen.
    columns : every column of any row, in order of first appearance.
    """

    n_rows: int
    n_blank: int
    columns: tuple[str, ...]


def survey(source: Path, encoding: str, text_column: str) -> Survey:
    """Read a file once from end to end.

    Raises
    ------
    UserError
        If a row cannot be read or has no text column, or the file has no row.
    """
    n_rows, n_blank = 0, 0
    columns: dict[str, None] = {}
    for row in read_rows(source, encoding):
        n_rows += 1
        n_blank += is_blank(text_of(row, text_column, source))
        columns.update(dict.fromkeys(row.cells))
    if n_rows == 0:
        raise UserError(f"`{source}` holds no rows: there is nothing to label.")
    return Survey(n_rows, n_blank, tuple(columns))


def text_of(row: Row, column: str, source: Path) -> str:
    """The text of a row; a null is an empty text."""
    return column_cell(row, column, source) or ""
