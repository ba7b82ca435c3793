"""Peak memory of labelling a file: ten times the rows must not need more memory, nor lose a row when killed.

    python benchmarks/predict_memory.py [--quick]

Trains a small `linear` student on invented texts, lets it label a small file and one ten times as long, each in a
process of its own. The one that labels the long file is killed (SIGKILL) after four fifths and started again. The last
line is one JSON object; `ratio` is the long file's peak over the small file's.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VOCABULARY = """
the a our their this new old quick slow good bad late early bill train letter office garden kitchen teacher
doctor river window report question answer delivery account payment ticket holiday weather music story market
arrived failed worked opened closed changed helped stopped started again today yesterday never always
"""
TRAINING_TEXTS = 60
KILL_AFTER = 0.8


@dataclass(frozen=True)
class Measured:
    """One finished or killed process: peak resident memory in MB, seconds, exit status."""

    peak_mb: float
    seconds: float
    status: int


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2,000 and 20,000 rows instead of 10,000 and 100,000")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _child(*given.child)
    else:
        with tempfile.TemporaryDirectory() as folder:
            _benchmark(Path(folder), 2_000 if given.quick else 10_000)


def _benchmark(folder: Path, n: int) -> None:
    small, large = _texts(folder / "small.csv", n), _texts(folder / "large.csv", 10 * n)
    _finished(_start("train", folder / "student"))
    print(f"labelling {n:,} rows", flush=True)
    first = _finished(_start("score", folder / "student", small, folder / "small_out.csv"))
    print(f"  {first.peak_mb:,.0f} MB, {first.seconds:.0f} s; now {10 * n:,} rows, killed on the way", flush=True)
    second = _score_with_kill(folder, large)
    wrong = _lost_or_doubled(folder / "large_out.csv", 10 * n)
    peak = max(process.peak_mb for process in second)
    seconds = sum(process.seconds for process in second)
    print(f"  {peak:,.0f} MB, {seconds:.0f} s, {wrong} rows lost, doubled or out of order", flush=True)
    names = {2_000: ("2k", "20k"), 10_000: ("10k", "100k")}[n]
    result = {
        f"peak_mb_{names[0]}": round(first.peak_mb, 1),
        f"peak_mb_{names[1]}": round(peak, 1),
        "ratio": round(peak / first.peak_mb, 3),
        "rows_per_s": round(10 * n / seconds, 1),
        "kills": len(second) - 1,
        "rows_lost_or_doubled": wrong,
    }
    print(json.dumps(result))


def _texts(path: Path, n: int) -> Path:
    """A CSV of n invented texts of 5 to 8 words."""
    rng, words = np.random.default_rng(7), VOCABULARY.split()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        for number in range(n):
            writer.writerow([number, " ".join(rng.choice(words, size=rng.integers(5, 9)))])
    return path


def _score_with_kill(folder: Path, source: Path) -> tuple[Measured, ...]:
    target = folder / "large_out.csv"
    running = _start("score", folder / "student", source, target)
    n_parts = -(-sum(1 for _ in source.open(encoding="utf-8")) // 2048)
    parts = target.with_name(target.name + ".parts")
    while running.poll() is None and len(list(parts.glob("part-????????"))) < KILL_AFTER * n_parts:
        time.sleep(0.2)
    running.kill()
    killed = _finished(running, may_be_killed=True)
    return killed, _finished(_start("score", folder / "student", source, target))


@dataclass
class _Process:
    """A child whose own peak memory can be asked for when it ends."""

    pid: int
    started: float
    ended: Measured | None = None

    def poll(self) -> Measured | None:
        if self.ended is None:
            self._wait(os.WNOHANG)
        return self.ended

    def wait(self) -> Measured:
        if self.ended is None:
            self._wait(0)
        assert self.ended is not None
        return self.ended

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, 9)

    def _wait(self, options: int) -> None:
        pid, status, usage = os.wait4(self.pid, options)
        if pid:
            self.ended = Measured(_megabytes(usage), time.perf_counter() - self.started, status)


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def _start(*arguments: object) -> _Process:
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    return _Process(subprocess.Popen(command).pid, time.perf_counter())


def _finished(process: _Process, may_be_killed: bool = False) -> Measured:
    measured = process.wait()
    if measured.status != 0 and not may_be_killed:
        raise SystemExit(f"a child process failed with status {measured.status}")
    return measured


def _lost_or_doubled(path: Path, n: int) -> int:
    """Rows whose id is not the one that stands at their place, plus those missing."""
    with path.open(encoding="utf-8", newline="") as file:
        ids = [int(row["id"]) for row in csv.DictReader(file)]
    return sum(found != expected for expected, found in enumerate(ids)) + abs(n - len(ids))


def _child(action: str, student: str, source: str = "", target: str = "") -> None:
    if action == "train":
        _train(Path(student))
    else:
        from understudy.scoring import score_file
        from understudy.student import load_student

        print("\n".join(score_file(load_student(Path(student)), Path(source), Path(target)).lines()), flush=True)


def _train(folder: Path) -> None:
    from understudy.codebook import Codebook, Label, task_of
    from understudy.embedding import load_encoder
    from understudy.records import Document
    from understudy.settings import EmbeddingSettings, StudentSettings
    from understudy.student import make_student

    task = task_of(Codebook(positive="good", labels=(Label(name="good"), Label(name="bad"))))
    rng, words = np.random.default_rng(8), VOCABULARY.split()
    labels = ["good", "bad"] * (TRAINING_TEXTS // 2)
    documents = [Document(str(i), f"{label} {' '.join(rng.choice(words, size=6))}") for i, label in enumerate(labels)]
    student = make_student(StudentSettings(), task, load_encoder(EmbeddingSettings(), None), 0)
    student.fit(documents, task.encode(labels).astype(float)).save(folder)


if __name__ == "__main__":
    main()
