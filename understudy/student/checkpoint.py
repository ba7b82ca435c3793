"""Where an interrupted training goes on: numbered folders of safetensors and JSON, each complete or not there.

Written under another name, synchronised with the disk, renamed at the end; nothing in it is ever unpickled. What the
tensors mean is the training loop's business.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from understudy.errors import UserError

VERSION = 1
TENSORS, STATE = "tensors.safetensors", "state.json"
NAME = re.compile(r"step-(\d{9})")
LARGEST_STATE_BYTES = 100_000_000
EVERY_S = 60.0

Tensors = dict[str, torch.Tensor]


class UnusableCheckpointError(Exception):
    """A checkpoint that cannot be gone on from; the message says why."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after some steps.

    Attributes
    ----------
    step : steps that were finished.
    tensors : weights and moments, by name.
    state : everything else, as JSON values.
    """

    step: int
    tensors: Tensors
    state: Mapping[str, Any]


@dataclass
class Checkpoints:
    """The checkpoints of one training run.

    Parameters
    ----------
    folder : made when the first one is written; belongs to this run alone.
    every_s : a checkpoint is due so many seconds after the one before, or after the start; 0 writes one every step.
    clock : seconds.
    """

    folder: Path
    every_s: float = EVERY_S
    clock: Callable[[], float] = time.monotonic
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def is_due(self) -> bool:
        """Whether more work than that of `every_s` seconds could be lost."""
        return self.clock() - self._last >= self.every_s

    def write(self, checkpoint: Checkpoint, identity: str) -> None:
        """Keep a checkpoint; older ones are removed once it is safe.

        Parameters
        ----------
        identity : of the training: other texts, settings or weights at the start must give another one.

        Raises
        ------
        UserError
            If it cannot be written; older ones are still there.
        """
        try:
            self._write(checkpoint, identity)
        except OSError as exc:
            raise UserError(
                f"a checkpoint cannot be written to `{self.folder}`: {exc}.",
                "Free space or change permissions, and train again: it goes on from the last checkpoint.",
            ) from exc
        self._last = self.clock()

    def newest(self, identity: str, accept: Callable[[Checkpoint], None]) -> tuple[Checkpoint | None, list[str]]:
        """The newest complete checkpoint of this training, and what a person should know about those passed over.

        Parameters
        ----------
        accept : takes the checkpoint over, or raises `UnusableCheckpointError` before anything is changed.
        """
        remarks = []
        for folder in sorted(self._complete(), reverse=True):
            try:
                checkpoint = _read(folder, identity)
                accept(checkpoint)
            except UnusableCheckpointError as exc:
                remarks.append(f"The checkpoint {folder.name} was not used: {exc}.")
            else:
                return checkpoint, remarks
        return None, remarks

    def _complete(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (path for path in self.folder.iterdir() if NAME.fullmatch(path.name))

    def _write(self, checkpoint: Checkpoint, identity: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        final, private = self.folder / f"step-{checkpoint.step:09}", self.folder / "incomplete"
        shutil.rmtree(private, ignore_errors=True)
        private.mkdir(mode=0o700)
        tensors = save({name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()})
        described = {
            "version": VERSION, "step": checkpoint.step, "identity": identity,
            "sha256": hashlib.sha256(tensors).hexdigest(), "state": dict(checkpoint.state),
        }  # fmt: skip
        _write_through(private / TENSORS, tensors)
        _write_through(private / STATE, json.dumps(described).encode())
        older = [path for path in self._complete() if path != final]
        if final.exists():
            shutil.rmtree(final)
        private.rename(final)
        _synchronise(self.folder)
        for path in older:
            shutil.rmtree(path)


def _read(folder: Path, identity: str) -> Checkpoint:
    state = _read_state(folder / STATE)
    if state.get("version") != VERSION:
        raise UnusableCheckpointError(
            f"it has version {state.get('version')!r}, this version of Understudy reads {VERSION}"
        )
    if state.get("identity") != identity:
        raise UnusableCheckpointError("it belongs to a training with other texts, labels, settings or weights")
    try:
        content = (folder / TENSORS).read_bytes()
    except OSError as exc:
        raise UnusableCheckpointError(f"{TENSORS} cannot be read ({exc.strerror})") from exc
    if hashlib.sha256(content).hexdigest() != state.get("sha256"):
        raise UnusableCheckpointError(f"{TENSORS} was altered or cut after it was written")
    try:
        return Checkpoint(int(state["step"]), load(content), state["state"])
    except (SafetensorError, ValueError, KeyError, TypeError) as exc:
        raise UnusableCheckpointError(f"it is damaged ({exc})") from exc


def _read_state(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_STATE_BYTES:
            raise UnusableCheckpointError(f"{STATE} is larger than any")
        state = json.loads(path.read_bytes())
    except OSError as exc:
        raise UnusableCheckpointError(f"{STATE} cannot be read ({exc.strerror})") from exc
    except (ValueError, RecursionError) as exc:
        raise UnusableCheckpointError(f"{STATE} is not JSON ({exc})") from exc
    if not isinstance(state, dict):
        raise UnusableCheckpointError(f"{STATE} holds no object")
    return state


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _synchronise(folder: Path) -> None:
    """Make a rename last, where the system lets folders be synchronised."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
