"""Lets one process at a time write to a journal; the operating system frees the lock when its holder dies."""

from __future__ import annotations

import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from understudy.errors import StoreError

LOCK_SUFFIX = ".lock"
HOLDER_BYTES = 1000
LOCKED_AT = 1 << 30
"""Byte that Windows locks: beyond the text, so that others can read who holds the lock."""


class WriterLock:
    """A lock file beside a journal, which says who holds it.

    The file stays when the lock is released; only the lock of the operating system counts.

    Raises
    ------
    StoreError
        If another process holds the lock (with its id, host and start), or the lock file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = _opened(path)
        try:
            _lock(self._file)
        except BlockingIOError as exc:
            holder = _holder(self._file)
            self._file.close()
            raise StoreError(
                f"`{path.with_suffix('')}` is in use by {holder}.",
                "Wait until it has finished, or end it; what it has paid for is kept.",
            ) from exc
        except OSError as exc:
            self._file.close()
            raise StoreError(
                f"`{path}` cannot be locked: {exc}.", "Network file systems often cannot; use a folder on a local disk."
            ) from exc
        _sign(self._file)

    def release(self) -> None:
        """Give the lock back."""
        self._file.truncate(0)
        self._file.close()


def holder(journal: Path) -> str:
    """The process that writes to a journal, in words; "" if there is none."""
    path = journal.with_name(journal.name + LOCK_SUFFIX)
    try:
        with path.open("r+b", buffering=0) as file:
            try:
                _lock(file)
            except BlockingIOError:
                return _holder(file)
    except OSError:  # no lock file, or one that cannot be opened: nobody writes
        return ""
    return ""


def _opened(path: Path) -> IO[bytes]:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644), "r+b", buffering=0)
    except OSError as exc:
        raise StoreError(
            f"`{path.parent}` cannot be written to: {exc.strerror}.", "The journal needs a folder it can write to."
        ) from exc


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(LOCKED_AT)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as exc:
            raise BlockingIOError(*exc.args) from exc
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sign(file: IO[bytes]) -> None:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    file.seek(0)
    file.truncate(0)
    file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": started}).encode())


def _holder(file: IO[bytes]) -> str:
    file.seek(0)
    try:
        holder: dict[str, Any] = json.loads(file.read(HOLDER_BYTES))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
