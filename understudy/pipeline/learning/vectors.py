"""The pool's embeddings as one memory-mapped file: computed once, read in blocks by every round."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.corpus import text_digest

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.records import Document

AT_ONCE = 4096
FOLDER = "pool"

FloatArray = NDArray[np.float32]


def pool_vectors(project: Project) -> FloatArray:
    """Unit vectors of the candidates, shape (n, d), memory-mapped and read-only; computed where they are missing."""
    documents = project.candidates
    path = _path(project, documents)
    if not path.exists():
        _write(project, documents, path)
    return np.load(path, mmap_mode="r") if documents else np.zeros((0, project.encoder.dimension), dtype=np.float32)


def blocks(n: int) -> Iterator[slice]:
    """Slices that cover n rows, so that no step holds more than a few thousand texts' numbers beside its result."""
    return (slice(start, min(start + AT_ONCE, n)) for start in range(0, n, AT_ONCE))


def _path(project: Project, documents: Sequence[Document]) -> Path:
    state = hashlib.sha256(project.encoder.digest.encode())
    for document in documents:
        state.update(text_digest(document.text).encode())
    return project.folder / "cache" / FOLDER / f"{state.hexdigest()}.npy"


def _write(project: Project, documents: Sequence[Document], path: Path) -> None:
    """The file takes its name when it is complete; a killed pass finds its texts in the encoder's cache again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    shape = (len(documents), project.encoder.dimension)
    file = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=shape)
    for rows in blocks(len(documents)):
        file[rows] = project.encoder.encode([document.text for document in documents[rows]])
        project.listener.progress("embedding the pool", rows.stop, len(documents))
    file.flush()
    unfinished.replace(path)
