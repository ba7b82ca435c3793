"""The folder of finished parts beside a target, so that scoring can be interrupted at any moment and resumed.

A part appears complete or not at all. The manifest says what the parts were made from; it does not read them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import UserError

MANIFEST = "manifest.json"
MERGED = "merged"
PART = "part-"
OWN_NAMES = (MANIFEST, MERGED, PART)
UNFINISHED = ".tmp"

Manifest = Mapping[str, Any]
"""What the parts depend on: name -> JSON value."""


@dataclass(frozen=True)
class Parts:
    """The parts of one target.

    Attributes
    ----------
    target : the file that the parts become.
    """

    target: Path

    @property
    def folder(self) -> Path:
        """Where the parts are."""
        return self.target.with_name(self.target.name + ".parts")

    def open(self, manifest: Manifest) -> int:
        """Make the folder, or take up the one of an interrupted run.

        Returns
        -------
        int
            How many parts are finished, counted from the first one without a gap.

        Raises
        ------
        UserError
            If the interrupted run was another one; says what differs.
        """
        path = self.folder / MANIFEST
        if path.exists():
            self._refuse_other_run(json.loads(path.read_text(encoding="utf-8")), json.loads(json.dumps(manifest)))
        else:
            self._clear()
            self.folder.mkdir()
            self._write(path, lambda unfinished: _write_json(unfinished, manifest))
        return self._n_finished()

    def path(self, number: int) -> Path:
        """Where a part is, by its 0-based number."""
        return self.folder / f"{PART}{number:08}"

    def add(self, number: int, write: Callable[[Path], None]) -> None:
        """Let `write` write a part; it counts only once it is whole and on disk."""
        self._write(self.path(number), write)

    def finish(self, n_parts: int, merge: Callable[[list[Path], Path], None]) -> None:
        """Let `merge` make one file of the parts, put it in the target's place and remove the folder."""
        unfinished = self.folder / f"{MERGED}{UNFINISHED}"
        merge([self.path(number) for number in range(n_parts)], unfinished)
        _sync(unfinished)
        unfinished.replace(self.target)
        _sync(self.target.parent)
        shutil.rmtree(self.folder)

    def _clear(self) -> None:
        """Remove what an interrupted removal left; a folder with anything else in it is not ours."""
        if not self.folder.exists():
            return
        foreign = [path.name for path in self.folder.iterdir() if not path.name.startswith(OWN_NAMES)]
        if foreign:
            raise UserError(
                f"`{self.folder}` is needed for unfinished work, but holds something else (`{foreign[0]}`).",
                "Write to another file, or move that folder.",
            )
        shutil.rmtree(self.folder)

    def _n_finished(self) -> int:
        number = 0
        while self.path(number).exists():
            number += 1
        return number

    def _write(self, path: Path, write: Callable[[Path], None]) -> None:
        unfinished = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
        write(unfinished)
        _sync(unfinished)
        unfinished.replace(path)
        _sync(self.folder)

    def _refuse_other_run(self, before: Manifest, now: Manifest) -> None:
        changed = [
            f"{name.replace('_', ' ')} (was {_short(before.get(name))}, is {_short(now.get(name))})"
            for name in sorted({*before, *now})
            if before.get(name) != now.get(name)
        ]
        if changed:
            raise UserError(
                f"`{self.folder}` holds an interrupted run that cannot be resumed, because this has changed: "
                + "; ".join(changed)
                + ".",
                f"To start over, delete that folder: rm -r '{self.folder}'. To resume, change it back.",
            )


def _short(value: Any) -> str:
    return f"`{str(value)[:60]}`"


def _write_json(path: Path, value: Manifest) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")


def _sync(path: Path) -> None:
    """Make a file or a folder's entries durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
