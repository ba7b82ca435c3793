"""Rows of any table the project may name, streamed and verbatim; does not know which column means what."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from understudy.corpus.columnar import read_dataset_folder, read_parquet
from understudy.corpus.delimited import read_delimited
from understudy.corpus.hub import hub_id, read_hub
from understudy.corpus.json_lines import read_json_lines
from understudy.corpus.opening import check_readable
from understudy.corpus.row import Row
from understudy.errors import UserError, did_you_mean

__all__ = ["Row", "column_cell", "read_rows"]

PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz"})
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def read_rows(path: Path, encoding: str = "utf-8") -> Iterator[Row]:
    """The rows of a CSV, TSV, JSONL, Parquet file, saved dataset folder or hub dataset (``hub:owner/name:split``).

    Memory does not grow with the file. Every cell is the text that stands in the file: ``NA``, ``no``, ``01`` and
    ``1.0`` stay what they are, and so do line breaks, NUL and other control characters.

    Parameters
    ----------
    path : the file or folder; its suffix says what it is.
    encoding : of CSV, TSV and JSONL; a byte order mark is stronger.

    Raises
    ------
    UserError
        If `path` is missing, no regular file, of an unknown kind (all before the first row), or as the readers say.
    """
    hub = hub_id(path)
    if hub is not None:
        return read_hub(hub)
    if stat.S_ISDIR(check_readable(path).st_mode):
        return read_dataset_folder(path)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return read_delimited(path, encoding, "," if suffix == ".csv" else "\t")
    if suffix in (".jsonl", ".ndjson"):
        return read_json_lines(path, encoding)
    if suffix == ".parquet":
        return read_parquet(path)
    raise _unknown_kind(path, suffix)


def column_cell(row: Row, column: str, path: Path) -> str | None:
    """The cell of a column that must be there.

    Raises
    ------
    UserError
        If the row has no such column; names the nearest one and what there is.
    """
    if column not in row.cells:
        raise missing_column(column, row.cells, row.place(path))
    return row.cells[column]


def missing_column(column: str, columns: dict[str, str | None] | set[str], place: str) -> UserError:
    """The error for a column that is not there."""
    named = sorted(columns) if isinstance(columns, set) else list(columns)
    found = ", ".join(f"`{name}`" for name in named) or "none"
    return UserError(
        f"{place}: there is no column `{column}`. The columns are {found}.",
        f"{did_you_mean(column, named)} Name the columns under `[data]` in understudy.toml.",
    )


def _unknown_kind(path: Path, suffix: str) -> UserError:
    if suffix in PICKLES:
        return UserError(f"`{path}` may hold pickled objects, which are never opened.", "Save the texts as Parquet.")
    kinds = ", ".join(SUFFIXES)
    return UserError(
        f"`{path}` is of an unknown kind (`{suffix or 'no suffix'}`).",
        f"Save it as one of {kinds}; in Excel: CSV UTF-8.",
    )
