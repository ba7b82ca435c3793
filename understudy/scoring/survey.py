"""The first reading of a file that is to be scored: counts and checks every row, so that nothing breaks hours later.

Keeps no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from understudy.corpus import Row, is_blank, read_rows
from understudy.corpus.spans.marks import read_mark
from understudy.corpus.tables import column_cell
from understudy.errors import UserError
from understudy.records import Document, Span


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


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns make a document; without head and tail it has none."""

    text: str
    head: str | None = None
    tail: str | None = None


def survey(source: Path, encoding: str, wanted: Columns) -> Survey:
    """Read a file once from end to end.

    Raises
    ------
    UserError
        If a row cannot be read, has no text column or no head or tail where they are wanted, or the file has no row.
    """
    n_rows, n_blank = 0, 0
    columns: dict[str, None] = {}
    for row in read_rows(source, encoding):
        n_rows += 1
        n_blank += is_blank(document_of(row, wanted, source).text)
        columns.update(dict.fromkeys(row.cells))
    if n_rows == 0:
        raise UserError(f"`{source}` holds no rows: there is nothing to label.")
    return Survey(n_rows, n_blank, tuple(columns))


def document_of(row: Row, columns: Columns, source: Path) -> Document:
    """The document of a row; a blank text has no head and no tail.

    Raises
    ------
    UserError
        If a wanted column is missing, or head or tail do not fit the text.
    """
    identifier, text = f"row-{row.number}", text_of(row, columns.text, source)
    if columns.head is None or columns.tail is None or is_blank(text):
        return Document(identifier, text)
    head, tail = (_mark(row, column, text, source) for column in (columns.head, columns.tail))
    return Document(identifier, text, head=head, tail=tail)


def _mark(row: Row, column: str, text: str, source: Path) -> Span:
    try:
        return read_mark(column_cell(row, column, source) or "", text)
    except UserError as exc:
        raise UserError(f"{row.place(source)}, `{column}`: {exc.message}", exc.hint) from exc


def text_of(row: Row, column: str, source: Path) -> str:
    """The text of a row; a null is an empty text."""
    return column_cell(row, column, source) or ""
