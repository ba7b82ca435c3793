"""Writes scored rows as CSV, TSV, JSONL or Parquet: one part at a time, then all parts as one file.

The original cells stay verbatim. Text is UTF-8 without a byte order mark, lines end in a line feed.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import parquet

from understudy.corpus import Row
from understudy.errors import UserError
from understudy.scoring.columns import Added, AddedColumns

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


class Format(Protocol):
    """One kind of file."""

    def write_part(self, path: Path, rows: Sequence[Row], added: Sequence[Added]) -> None:
        """Write rows and what is added to each."""

    def merge(self, parts: Sequence[Path], path: Path) -> None:
        """Write all parts as one file, in bounded memory."""


def refuse_unknown_suffix(target: Path) -> None:
    """Refuse a target whose ending names no format.

    Raises
    ------
    UserError
        Lists the endings that do.
    """
    if target.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"`{target}`: the ending `{target.suffix}` names no format that can be written.",
            f"End the name with one of {', '.join(SUFFIXES)}.",
        )


def format_of(target: Path, source: Path, columns: Sequence[str], added: AddedColumns) -> Format:
    """The format that the target's ending names; Parquet to Parquet keeps the types of the columns."""
    suffix = target.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return JsonLines()
    if suffix == ".parquet":
        return Parquet(_schema(source, columns, added), keeps_types=source.suffix.lower() == ".parquet")
    return Delimited("\t" if suffix == ".tsv" else ",", (*columns, *added.names))


@dataclass(frozen=True)
class Delimited:
    """CSV and TSV: quotes only where a cell needs them; null is an empty cell, several labels a JSON list."""

    delimiter: str
    columns: tuple[str, ...]

    def write_part(self, path: Path, rows: Sequence[Row], added: Sequence[Added]) -> None:
        """Write records without a header."""
        with path.open("w", encoding="utf-8", newline="") as file:
            for row, extra in zip(rows, added, strict=True):
                cells = {**row.cells, **{name: _as_cell(value) for name, value in extra.items()}}
                file.write(self._record([cells.get(column) or "" for column in self.columns]))

    def merge(self, parts: Sequence[Path], path: Path) -> None:
        """Write the header, then the parts as they are."""
        _concatenate(parts, path, self._record(self.columns).encode())

    def _record(self, cells: Sequence[str]) -> str:
        return self.delimiter.join(self._quoted(cell) for cell in cells) + "\n"

    def _quoted(self, cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if re.search(f'[{self.delimiter}"\r\n]', cell) else cell


@dataclass(frozen=True)
class JsonLines:
    """One object a line; numbers are written as they stood."""

    def write_part(self, path: Path, rows: Sequence[Row], added: Sequence[Added]) -> None:
        """Write one line a row."""
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(_as_json({**row.raw, **extra}) + "\n" for row, extra in zip(rows, added, strict=True))

    def merge(self, parts: Sequence[Path], path: Path) -> None:
        """Write the parts one after the other."""
        _concatenate(parts, path, b"")


@dataclass(frozen=True)
class Parquet:
    """One row group a part."""

    schema: Any
    keeps_types: bool

    def write_part(self, path: Path, rows: Sequence[Row], added: Sequence[Added]) -> None:
        """Write one table."""
        records = [
            {**(row.raw if self.keeps_types else row.cells), **extra} for row, extra in zip(rows, added, strict=True)
        ]
        parquet.write_table(pa.Table.from_pylist(records, schema=self.schema), path)

    def merge(self, parts: Sequence[Path], path: Path) -> None:
        """Write the tables into one file."""
        with parquet.ParquetWriter(path, self.schema) as writer:
            for part in parts:
                writer.write_table(parquet.read_table(part, schema=self.schema))


def _schema(source: Path, columns: Sequence[str], added: AddedColumns) -> Any:
    if source.suffix.lower() == ".parquet":
        original = parquet.read_schema(source).remove_metadata()
    else:
        original = pa.schema([(column, pa.string()) for column in columns])
    if added.task.marks_spans:
        offset, word = pa.int64(), pa.string()
        label = pa.list_(pa.struct([("start", offset), ("end", offset), ("label", word), ("text", word)]))
    else:
        label = pa.string() if added.task.is_exclusive else pa.list_(pa.string())
    kinds = {added.label: label, added.outcome: pa.string()}
    return pa.schema([*original, *(pa.field(name, kinds.get(name, pa.float64())) for name in added.names)])


def _concatenate(parts: Sequence[Path], path: Path, header: bytes) -> None:
    with path.open("wb") as file:
        file.write(header)
        for part in parts:
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, file)


def _as_cell(value: Any) -> str | None:
    if isinstance(value, float):
        return f"{value:.6f}"
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_json(value: Any) -> str:
    """JSON, except that a number read with its notation (attribute `written`) keeps it, and NaN is null."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_as_json(key)}: {_as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_as_json, value)) + "]"
    if isinstance(value, float) and math.isnan(value):
        return "null"
    written = getattr(value, "written", None)
    return written if isinstance(written, str) else json.dumps(value, ensure_ascii=False, default=str)
