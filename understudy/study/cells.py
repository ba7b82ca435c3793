"""The smallest finished piece of a study: one arm, task and run, judged; one file each, written whole or not at all.

A file's name is the hash of everything its numbers depend on, so that equal work is done once and no stale number is
ever read. It holds counts and no text.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from understudy.evaluation import Counts

ENDING = ".safetensors"
COLUMNS = ("tp", "fp", "fn", "correct")


@dataclass(frozen=True, eq=False)
class Cell:
    """One run, judged on gold test.

    Attributes
    ----------
    counts : a row per gold test document, in the order of the ledger.
    n_labels, human_labels : what it learned from.
    dev_f1 : headline F1 on gold dev; nan where undefined.
    train_s : seconds of training and scoring; 0 for teacher-direct.
    """

    counts: Counts
    student: str
    n_labels: int
    human_labels: int
    dev_f1: float
    train_s: float


def cell_path(work: Path, key: str) -> Path:
    """Where a cell is kept."""
    return work / "cells" / f"{key}{ENDING}"


def write_cell(path: Path, cell: Cell) -> None:
    """Store a cell in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {name: getattr(cell, name) for name in ("student", "n_labels", "human_labels", "train_s")}
    about["dev_f1"] = None if np.isnan(cell.dev_f1) else cell.dev_f1
    counts = {name: np.ascontiguousarray(getattr(cell.counts, name), dtype=np.float32) for name in COLUMNS}
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        save_file(counts, scratch, metadata={"cell": json.dumps(about, allow_nan=False)})
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def read_cell(path: Path) -> Cell | None:
    """A stored cell; None if there is none, or if the file is damaged and must be made again."""
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads(file.metadata()["cell"])
            counts = Counts(*(file.get_tensor(name).astype(np.float64) for name in COLUMNS))
    except (FileNotFoundError, SafetensorError):
        return None
    about["dev_f1"] = np.nan if about["dev_f1"] is None else about["dev_f1"]
    return Cell(counts=counts, **about)
