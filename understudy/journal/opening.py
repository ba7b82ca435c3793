"""Makes a new journal file and recognises a damaged one before anything is written to it; reads no rows."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from understudy.errors import StoreError
from understudy.journal.migrations import migrate

HEADER = 100
MAGIC = b"SQLite format 3\x00"
RESTORE = "Restore it from a backup, or move it away to begin anew; nothing was changed."


def create(path: Path) -> None:
    """Make an empty journal; it appears under its name only when it is complete.

    Raises
    ------
    StoreError
        If a write-ahead log without its journal lies there: the journal has been moved or deleted.
    """
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise StoreError(f"`{wal}` holds writes of a journal that is gone: `{path.name}` is missing.", RESTORE)
    unfinished = path.with_name(f".{path.name}.new")
    for leftover in path.parent.glob(unfinished.name + "*"):
        leftover.unlink()
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        migrate(connection, unfinished)
        connection.execute("pragma journal_mode = wal")
    _flush(unfinished)
    unfinished.replace(path)
    _flush(path.parent)


def refuse_damaged(path: Path) -> None:
    """Look at the file's header and length.

    Raises
    ------
    StoreError
        If it is empty, shorter than its header says, or no SQLite file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(HEADER)
    if size == 0:
        raise StoreError(f"`{path}` is damaged: it is empty (0 bytes).", RESTORE)
    if len(header) < HEADER or not header.startswith(MAGIC):
        raise StoreError(f"`{path}` is damaged, or no journal: it does not begin like an SQLite file.", RESTORE)
    if not _has_wal(path) and size < expected_size(header):
        raise StoreError(f"`{path}` is damaged: {size:,} of {expected_size(header):,} bytes are there.", RESTORE)


def _has_wal(path: Path) -> bool:
    """Whether a crash left writes beside the file; SQLite completes the file from them."""
    wal = path.with_name(path.name + "-wal")
    return wal.exists() and wal.stat().st_size > 0


def expected_size(header: bytes) -> int:
    """Bytes according to the header, or 0 if it does not say (https://sqlite.org/fileformat.html, 1.3.7)."""
    if header[24:28] != header[92:96]:
        return 0
    page_size = int.from_bytes(header[16:18], "big")
    return (65536 if page_size == 1 else page_size) * int.from_bytes(header[28:32], "big")


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
