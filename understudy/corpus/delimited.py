"""CSV and TSV, cell by cell verbatim; does not guess types, and repairs nothing."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from understudy.corpus.opening import open_text
from understudy.corpus.row import Row
from understudy.errors import UserError

MAX_CELL_CHARACTERS = 100_000_000
QUOTE_HINT = 'A cell with the separator, a quote or a line break stands in "…", and a quote inside it is doubled.'


def read_delimited(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    """The rows of a delimited file with a header, streamed; wholly blank lines are no rows.

    A ``.csv`` whose header has semicolons and no comma, as Excel writes it in much of Europe, is split at semicolons.

    Raises
    ------
    UserError
        If the file is empty, column names repeat, a row has more or fewer cells than the header,
        or a quote is not closed: with the row and the line on which it begins.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))
    with open_text(path, encoding, newline="") as file:
        separator = _separator(file.readline(), delimiter)
        file.seek(0)
        records = _records(file, separator, path)
        _, columns = next(records, (0, []))
        _check_header(columns, path)
        for number, (line, cells) in enumerate(records, 1):
            if len(cells) != len(columns):
                raise _ragged(path, number, line, cells, columns)
            values = dict(zip(columns, cells, strict=True))
            yield Row(number, dict(values), values, line)


def _records(file: TextIO, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of every record that is not a blank line, header included."""
    reader = csv.reader(file, delimiter=separator, strict=True)
    number = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            raise UserError(f"{path.name} row {number} (begins on line {line}): {exc}.", QUOTE_HINT) from exc
        if cells:
            number += 1
            yield line, cells


def _separator(header: str, delimiter: str) -> str:
    return ";" if delimiter == "," and ";" in header and "," not in header else delimiter


def _check_header(columns: list[str], path: Path) -> None:
    if not columns:
        raise UserError(f"{path.name} is empty: 0 rows and no header.", "The first line names the columns.")
    repeated = [column for column, count in Counter(columns).items() if count > 1]
    if repeated:
        names = ", ".join(f"`{column}`" for column in repeated)
        raise UserError(f"{path.name} line 1: column {names} stands more than once.", "Give each column its own name.")


def _ragged(path: Path, number: int, line: int, cells: list[str], columns: list[str]) -> UserError:
    return UserError(
        f"{path.name} row {number} (line {line}): the header has {len(columns)} cells, this row {len(cells)}.",
        QUOTE_HINT,
    )
