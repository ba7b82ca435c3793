"""Vectors on disk by content: an append-only file that several processes may read and extend.

A record is a 32-byte key and a float32 vector. A torn tail is ignored by readers and cut by the next writer; a record
that is no unit vector counts as missing. Does not know what the keys are made of.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError

KEY_BYTES = 32
UNIT_TOLERANCE = 1e-3

FloatArray = NDArray[np.float32]


class VectorStore:
    """The vectors of one encoder.

    Parameters
    ----------
    path : the file; made with its folder on the first append.
    dimension : of every vector.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self.path = path
        self.dimension = dimension
        self._record = np.dtype([("key", np.uint8, KEY_BYTES), ("vector", "<f4", dimension)])
        self._rows: dict[bytes, int] = {}
        self._records: NDArray[np.void] = np.zeros(0, dtype=self._record)
        self._refresh()

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, keys: Sequence[bytes], into: FloatArray) -> NDArray[np.bool_]:
        """Copy the vectors that are stored into their rows of `into` (n, dimension); True where one was found."""
        rows = np.array([self._rows.get(key, -1) for key in keys], dtype=np.int64)
        found = rows >= 0
        vectors = self._records["vector"][rows[found]]
        is_unit = np.abs(np.linalg.norm(vectors, axis=1) - 1) < UNIT_TOLERANCE
        found[np.flatnonzero(found)[~is_unit]] = False
        into[found] = vectors[is_unit]
        return found

    def append(self, keys: Sequence[bytes], vectors: FloatArray) -> None:
        """Add records, durable against a crash of this process.

        Raises
        ------
        UserError
            If the file cannot be written.
        """
        records = np.zeros(len(keys), dtype=self._record)
        records["key"] = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, KEY_BYTES)
        records["vector"] = vectors
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file, _locked(file):
                whole = os.fstat(file.fileno()).st_size // self._record.itemsize * self._record.itemsize
                file.truncate(whole)
                file.write(records.tobytes())
        except OSError as exc:
            raise UserError(
                f"the embedding cache `{self.path}` cannot be written: {exc}.",
                "Free some space or give the folder write permission; the cache may be deleted at any time.",
            ) from exc
        self._refresh()

    def _refresh(self) -> None:
        n_known = len(self._records)
        n_whole = self.path.stat().st_size // self._record.itemsize if self.path.exists() else 0
        if n_whole == n_known:
            return
        self._records = np.memmap(self.path, dtype=self._record, mode="r", shape=(n_whole,))
        keys = np.ascontiguousarray(self._records["key"][n_known:]).tobytes()
        for row in range(n_whole - n_known):
            self._rows[keys[row * KEY_BYTES : (row + 1) * KEY_BYTES]] = n_known + row


@contextlib.contextmanager
def _locked(file: IO[bytes]) -> Iterator[None]:
    """Hold the file alone among writers; a no-op on Windows, where one process at a time should write."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
        file.flush()
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
