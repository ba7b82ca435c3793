"""Whether this machine and this project are fit to run; prints nothing secret."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from tempfile import NamedTemporaryFile

from understudy.errors import UnderstudyError
from understudy.records import Remark
from understudy.settings import FILE_NAME, Settings, read_settings

PACKAGES = ("torch", "transformers", "scikit-learn", "numpy", "pyarrow", "pydantic")
ENOUGH_FREE_GB = 1.0
FIRST_SAFE_SQLITE = (3, 51, 3)


def examine(folder: Path) -> tuple[Remark, ...]:
    """Remarks on versions, disk, encoder and, where the folder holds a project, settings, key and journal."""
    return tuple(_machine(folder)) + tuple(_project(folder))


def _machine(folder: Path) -> Iterator[Remark]:
    versions = tuple(f"{name} {metadata.version(name)}" for name in PACKAGES)
    yield Remark("ok", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}", versions)
    yield _sqlite()
    yield _disk(folder if folder.exists() else Path())
    yield _encoder()
    encoding = sys.stdout.encoding or "unknown"
    level = "ok" if encoding.lower().replace("-", "") == "utf8" else "note"
    yield Remark(level, f"terminal encoding {encoding}")


def _sqlite() -> Remark:
    from understudy.journal import sqlite_version

    version = sqlite_version()
    if version < FIRST_SAFE_SQLITE:
        return Remark(
            "note",
            f"SQLite {'.'.join(map(str, version))}: safe here, because one process writes at a time",
            ("before 3.51.3 two writing processes can damage a write-ahead log; the journal is locked against that",),
        )
    return Remark("ok", f"SQLite {'.'.join(map(str, version))}")


def _disk(folder: Path) -> Remark:
    free_gb = shutil.disk_usage(folder).free / 1e9
    try:
        with NamedTemporaryFile(dir=folder) as file:
            file.write(b"understudy")
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        return Remark(
            "error", f"cannot write in `{folder}`: {exc.strerror}", ("choose a folder that you may write to",)
        )
    return Remark("ok" if free_gb >= ENOUGH_FREE_GB else "warning", f"{free_gb:,.1f} GB free, writing works")


def _encoder() -> Remark:
    from understudy.embedding import verify_bundled_encoder

    try:
        verify_bundled_encoder()
    except UnderstudyError as exc:
        return Remark("error", exc.message, (exc.hint,))
    return Remark("ok", "bundled encoder all-MiniLM-L6-v2: weights verified")


def _project(folder: Path) -> Iterator[Remark]:
    if not (folder / FILE_NAME).exists():
        yield Remark("note", f"`{folder}` holds no project")
        return
    try:
        settings = read_settings(folder)
    except UnderstudyError as exc:
        yield Remark("error", exc.message, (exc.hint,) if exc.hint else ())
        return
    yield Remark("ok", f"{FILE_NAME} is valid")
    yield from _key(settings)
    yield _journal(folder)


def _key(settings: Settings) -> Iterator[Remark]:
    if not settings.teacher.is_language_model:
        return
    from understudy.teacher.keys import find_key

    name = settings.teacher.key_name
    if find_key(name):
        yield Remark("ok", f"{name} is there")
    else:
        yield Remark("warning", f"{name} is not set", ("local servers may need none; hosted ones do",))


def _journal(folder: Path) -> Remark:
    from understudy.journal import Journal
    from understudy.pipeline.project import JOURNAL_NAME

    path = folder / JOURNAL_NAME
    if not path.exists():
        return Remark("note", "no journal yet")
    try:
        with Journal.open(path, read_only=True) as journal:
            journal.check()
            counts = journal.counts()
    except UnderstudyError as exc:
        return Remark("error", exc.message, (exc.hint,))
    return Remark("ok", "journal intact: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()))
