"""Copies what can still be read of a damaged journal into a new one; the damaged file is never written to.

It mends nothing: rows on unreadable pages are lost, and counted as far as anybody can tell.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from understudy.errors import StoreError
from understudy.journal.opening import HEADER, MAGIC, create, expected_size
from understudy.journal.sums import recount

BY_NUMBER = (
    "replies", "failures", "annotations", "human_labels", "gold_roles", "runs", "validations", "batch_events", "rounds",
    "round_results", "looks", "trials",
)  # fmt: skip
BY_NAME = {"meta": "name", "requests": "key", "batches": "id"}
"""Tables without row numbers, and the column that they are sorted by."""


def salvage(damaged: Path, target: Path) -> Mapping[str, int]:
    """Write the readable rows of a journal to a new one.

    Parameters
    ----------
    damaged : the file; its write-ahead log is used if it lies beside it.
    target : appears when it is complete.

    Returns
    -------
    Rows saved of each table that has any.

    Raises
    ------
    StoreError
        If `target` exists, the file is missing, or nothing can be read.
    """
    if target.exists():
        raise StoreError(f"`{target}` exists.", "Choose another name for what can be saved.")
    if not damaged.exists():
        raise StoreError(f"there is no journal `{damaged}`.", "Name the damaged file.")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as private:
        copy, new = Path(private) / "damaged", Path(private) / "new"
        shutil.copy2(damaged, copy)
        log = damaged.with_name(damaged.name + "-wal")
        if log.exists():
            shutil.copy2(log, copy.with_name("damaged-wal"))
        _lengthen(copy)
        create(new)
        saved = _copy_rows(copy, new)
        if not saved:
            raise StoreError(f"nothing can be read of `{damaged}`.", "Restore it from a backup; nothing was changed.")
        new.replace(target)
    return saved


def _lengthen(path: Path) -> None:
    """Fill what was cut off with zeros: SQLite reads nothing of a file that is shorter than it says."""
    with path.open("r+b") as file:
        header = file.read(HEADER)
        if header.startswith(MAGIC) and len(header) == HEADER:
            file.truncate(max(path.stat().st_size, expected_size(header)))


def _copy_rows(damaged: Path, new: Path) -> dict[str, int]:
    saved = {}
    with closing(sqlite3.connect(damaged)) as source, closing(sqlite3.connect(new)) as sink:
        for table in (*BY_NUMBER, *BY_NAME):
            n = 0
            for columns, row in _rows(source, table):
                places = ", ".join("?" for _ in row)
                n += sink.execute(f"insert or ignore into {table} ({columns}) values ({places})", row).rowcount  # noqa: S608  # constants
            saved[table] = n
        recount(sink)
        sink.commit()
        sink.execute("pragma wal_checkpoint(truncate)")
    return {table: n for table, n in saved.items() if n}


def _rows(source: sqlite3.Connection, table: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Each readable row once, with its columns: from the front to the damage, from the back to it, then in between."""
    key = BY_NAME.get(table, "rowid")
    seen: set[object] = set()
    for order in ("asc", "desc"):
        for columns, found, row in _until_damage(source, f"select {key}, * from {table} order by {key} {order}"):  # noqa: S608  # constants
            if found in seen:
                break
            seen.add(found)
            yield columns, row
    if key == "rowid":
        yield from _between(source, table, {number for number in seen if isinstance(number, int)})


def _between(source: sqlite3.Connection, table: str, seen: set[int]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Rows by their numbers, where neither end leads to them."""
    for number in range(1, max(seen, default=0)):
        if number not in seen:
            statement = f"select rowid, * from {table} where rowid = {number}"  # noqa: S608  # a constant and a number
            yield from ((columns, row) for columns, _, row in _until_damage(source, statement))


def _until_damage(source: sqlite3.Connection, statement: str) -> Iterator[tuple[str, object, tuple[object, ...]]]:
    try:
        cursor = source.execute(statement)
        columns = ", ".join(column[0] for column in cursor.description[1:])
        for key, *row in cursor:
            yield columns, key, tuple(row)
    except sqlite3.Error:  # the damage: what lies before it was given
        return
