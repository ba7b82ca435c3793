"""The one thread of a process that writes to a journal file: waiting writes share one durable commit.

It does not know what is written. Opening the same file again in one process shares the thread.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from understudy.errors import StoreError
from understudy.journal.lock import LOCK_SUFFIX, WriterLock
from understudy.journal.migrations import migrate
from understudy.journal.opening import create, refuse_damaged

Write = Callable[[sqlite3.Connection], object]

MOST_AT_ONCE = 1000
"""Writes in one commit; bounds how long the first of them waits."""

BUSY_TIMEOUT_S = 30.0


def sqlite_version() -> tuple[int, ...]:
    """The version of the SQLite library behind the journal, such as ``(3, 51, 3)``."""
    return sqlite3.sqlite_version_info


class Writer:
    """Writes to one file, in the order of submission."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_users = 0
        self._process = os.getpid()
        self._queue: queue.SimpleQueue[tuple[Write, Future[None]] | None] = queue.SimpleQueue()
        self._lock = WriterLock(path.with_name(path.name + LOCK_SUFFIX))
        try:
            self._connection = _connected(path)
        except BaseException:
            self._lock.release()
            raise
        self._thread = threading.Thread(target=self._work, name="understudy-journal", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> Future[None]:
        """Queue a write; the future is done when it is on the disk, and cannot be cancelled."""
        if os.getpid() != self._process:
            raise StoreError(
                f"`{self.path}` was opened by process {self._process}, not by this one.",
                "Open the journal anew after a fork.",
            )
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        self._queue.put((write, future))
        return future

    def close(self) -> None:
        """Write what is queued, then free the file."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()
        self._lock.release()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            is_last = False
            while len(batch) < MOST_AT_ONCE and not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    is_last = True
                    break
                batch.append(item)
            self._commit(batch)
            if is_last:
                return

    def _commit(self, batch: list[tuple[Write, Future[None]]]) -> None:
        """All in one transaction; if that fails each alone, so that one bad write does not hurt the others."""
        try:
            self._transact([write for write, _ in batch])
        except (sqlite3.Error, ValueError, OverflowError) as exc:
            if len(batch) > 1:
                for item in batch:
                    self._commit([item])
            else:
                batch[0][1].set_exception(self._translated(exc))
        except BaseException as exc:  # a bug in a write must reach its caller, not end the thread
            for _, future in batch:
                future.set_exception(exc)
        else:
            for _, future in batch:
                future.set_result(None)

    def _transact(self, writes: list[Write]) -> None:
        self._connection.execute("begin immediate")
        try:
            for write in writes:
                write(self._connection)
            self._connection.execute("commit")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise

    def _translated(self, error: Exception) -> StoreError:
        return StoreError(
            f"`{self.path}` could not be written: {error}.", "What was committed before is kept. Is the disk full?"
        )


def _connected(path: Path) -> sqlite3.Connection:
    try:
        if not path.exists():
            create(path)
        refuse_damaged(path)
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            migrate(connection, path)
            _make_durable(connection, path)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as exc:
        raise StoreError(f"`{path}` cannot be used: {exc}.", "`understudy doctor` says more.") from exc
    return connection


def _make_durable(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("pragma journal_mode = wal").fetchone()
    if mode != "wal":
        raise StoreError(
            f"`{path}` cannot keep a write-ahead log (mode `{mode}`).",
            "Use a folder on a local disk, not a network one.",
        )
    connection.execute("pragma synchronous = full")


_WRITERS: dict[tuple[int, Path], Writer] = {}
_WRITERS_LOCK = threading.Lock()


def acquire(path: Path) -> Writer:
    """The process's writer of a file, started if need be; give it back with `release`."""
    key = (os.getpid(), path.resolve())
    with _WRITERS_LOCK:
        writer = _WRITERS.get(key) or Writer(path)
        _WRITERS[key] = writer
        writer.n_users += 1
        return writer


def release(writer: Writer) -> None:
    """Give a writer back; the last user closes it."""
    with _WRITERS_LOCK:
        writer.n_users -= 1
        if writer.n_users == 0:
            del _WRITERS[os.getpid(), writer.path.resolve()]
            writer.close()
