"""What a file of scores depends on, as short digests: the source as it stands on disk, and the student as it answers.

Reads the head of a source only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task, codebook_digest
from understudy.records import Document, Span, Value

HEAD_BYTES = 1 << 20
PROBES = (
    "The committee will meet again on Tuesday.",
    "I have never been so disappointed by a service that I paid for!",
    "Warum ist das so? 为什么? Nobody knows 42.",
)
GRID = 101
DECIMALS = 6

FloatArray = NDArray[np.float64]


def source_state(source: Path) -> dict[str, Any]:
    """Where a source is and what tells it from a changed one: size, time of change and digest of the first MiB.

    A folder is told by its files' names, sizes and times; what is no path on disk by its name alone.
    """
    state: dict[str, Any] = {"source": str(source)}
    if not source.exists():
        return state
    state["source"] = str(source.resolve())
    files = sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else [source]
    stats = [path.stat() for path in files]
    state["source_bytes"] = sum(stat.st_size for stat in stats)
    state["source_changed_ns"] = max((stat.st_mtime_ns for stat in stats), default=0)
    head = "".join(path.name for path in files).encode() if source.is_dir() else _head(source)
    return state | {"source_head_sha256": hashlib.sha256(head).hexdigest()}


def student_digest(
    task: Task,
    answers: Callable[[Sequence[Document]], tuple[Sequence[Value], FloatArray]],
    decode: Callable[[FloatArray], Sequence[Value]],
    *,
    has_pairs: bool = False,
) -> str:
    """A digest of what a student answers: probabilities of fixed probe texts, and its decisions over a grid.

    Where values are spans, its decisions about the probe texts stand for the grid. With `has_pairs`, the first and the
    last word of a probe text are its head and tail.

    Two students with the same codebook that agree on the probes to 6 decimals and decide alike have the same digest.
    """
    values, probabilities = answers([_probe(number, text, has_pairs) for number, text in enumerate(PROBES)])
    rounded = np.round(probabilities, DECIMALS) + 0.0
    grid = np.vstack([_grid(len(task.labels), column) for column in range(len(task.labels))])
    decisions = values if task.marks_spans else decode(grid)
    parts = (codebook_digest(task.codebook), repr(rounded.tolist()), repr([task.to_json(v) for v in decisions]))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _probe(number: int, text: str, has_pair: bool) -> Document:
    if not has_pair:
        return Document(f"probe-{number}", text)
    first, last = text.split()[0], text.split()[-1]
    start = len(text) - len(last)
    return Document(f"probe-{number}", text, head=Span(0, len(first), "", first), tail=Span(start, len(text), "", last))


def _grid(n_labels: int, column: int) -> FloatArray:
    """Rows in which one label goes from 0 to 1 and the others share the rest."""
    rising = np.linspace(0.0, 1.0, GRID)
    rows = np.repeat(((1.0 - rising) / max(1, n_labels - 1))[:, None], n_labels, axis=1)
    rows[:, column] = rising
    return rows


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
