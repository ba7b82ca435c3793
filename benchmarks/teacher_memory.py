"""Whether memory and open connections stay flat over many calls, and how fast a large journal opens.

``python benchmarks/teacher_memory.py [--calls N] [--rows N]``. Calls go to a scripted model through the whole teacher
and a journal on disk; afterwards a journal of that many rows is written, opened and asked for what a resumed run asks.

The last line is one JSON object: `calls`; `mib_after_warm_up` and `mib_at_end`, resident memory after a tenth of the
calls and after all; `growth_mib` between them; `open_files_at_end` more than before; and for the large journal its
`rows` (requests, as many replies and annotations), its size `gib`, `open_s`, `spent_s` (what was spent so far, in
dollars and tokens), `open_growth_mib`, and, for whoever reads every annotation, `annotations_s` and
`annotations_growth_mib`.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from understudy.codebook import Codebook, Label, task_of
from understudy.journal import Journal
from understudy.records import Annotation, Batch, BatchState, Document, Outcome, Provenance, Reply, Request
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, PromptPlan, Scripted

TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"))))
MIB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory and open files over many calls.")
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({**calls(Path(folder), arguments.calls), **rows(Path(folder), arguments.rows)}))


def calls(folder: Path, n_calls: int) -> dict[str, object]:
    settings = TeacherSettings(kind="openai", model="scripted", concurrency=64)
    plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some), True, "codebook", "prompt")
    documents = [Document(f"d{i}", f"text number {i}") for i in range(n_calls)]
    n_files, warm = n_open_files(), 0.0
    with Journal.open(folder / "calls.sqlite") as journal:
        teacher = LanguageModelTeacher(
            TASK, Scripted(lambda _: "pos"), journal, plan, settings, DataSettings(), np.random.default_rng(0)
        )
        for number, annotation in enumerate(teacher.annotate(documents), 1):
            journal.add_annotations([annotation], TASK.to_json)
            if number == n_calls // 10:
                warm = resident_mib()
                print(f"{number:,} calls: {warm:.1f} MiB", flush=True)
        end = resident_mib()
        assert journal.counts()["replies"] == n_calls
    gc.collect()
    return {
        "calls": n_calls, "mib_after_warm_up": round(warm, 1), "mib_at_end": round(end, 1),
        "growth_mib": round(end - warm, 1), "open_files_at_end": n_open_files() - n_files,
    }  # fmt: skip


def rows(folder: Path, n_rows: int) -> dict[str, object]:
    path = folder / "rows.sqlite"
    write_rows(path, n_rows)
    before, started = resident_mib(), time.perf_counter()
    with Journal.open(path) as journal:
        open_s = time.perf_counter() - started
        started = time.perf_counter()
        spent = journal.spent_usd()
        journal.spent_tokens()
        spent_s = time.perf_counter() - started
        assert abs(spent - n_rows * 0.0001) < 1e-6 * n_rows, spent
        growth = resident_mib() - before
        started = time.perf_counter()
        annotations = journal.annotations("m", "codebook", "prompt", TASK.from_json)
        annotations_s = time.perf_counter() - started
        assert len(annotations) == n_rows
    return {
        "rows": n_rows, "gib": round(path.stat().st_size / MIB / 1024, 2), "open_s": round(open_s, 3),
        "spent_s": round(spent_s, 4), "open_growth_mib": round(growth, 1), "annotations_s": round(annotations_s, 1),
        "annotations_growth_mib": round(resident_mib() - before - growth, 1),
    }  # fmt: skip


def write_rows(path: Path, n_rows: int) -> None:
    body = json.dumps({"messages": "a question of some length " * 20})
    with Journal.open(path) as journal:
        for number, keys in enumerate(chunks(n_rows)):
            batch = Batch(str(number), "m", "http://here", tuple(keys))
            journal.begin_batch(batch, [Request(key, key[:8], 0, 0, "m", body) for key in keys], [0.001] * len(keys))
            replies = [Reply(key, "{}", "m", 100, 5, 0.0001) for key in keys]
            journal.end_batch(batch.id, BatchState.COMPLETED, str(number), replies, ())
            journal.add_annotations([annotation(key) for key in keys], TASK.to_json).result()


def annotation(key: str) -> Annotation:
    who = Provenance("m", "m", "codebook", "prompt", (key,))
    return Annotation(key[:16], key, Outcome.LABELLED, "pos", who, answers=("pos",), cost_usd=0.0001)


def chunks(n_rows: int) -> Iterator[list[str]]:
    for start in range(0, n_rows, 10_000):
        yield [hashlib.sha256(str(i).encode()).hexdigest() for i in range(start, min(start + 10_000, n_rows))]


def resident_mib() -> float:
    """Resident memory of this process, where Linux says so."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def n_open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


if __name__ == "__main__":
    main()
