"""Kills a labelling run at random moments, resumes it each time, and compares its store with what a server billed.

``python benchmarks/kill_resume.py [--kills N] [--texts N]``. The server runs in its own process and writes each call
into a ledger before it answers. Killed is the whole process, with SIGKILL, after a random number of further calls.

The last line is one JSON object: `kills`; `lost`, committed replies that were gone or paid for again afterwards;
`extra_billed`, calls beyond one for each text; `in_flight_at_kills`, calls that had reached the server and had no
stored reply when the kills came, the most that may be extra; `identical`, whether the labels are those of a run that
nobody killed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from understudy.codebook import Codebook, Label, task_of
from understudy.journal import Journal
from understudy.records import Document
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan

SERVER = Path(__file__).parents[1] / "tests" / "fakellm.py"
LABELS = ("pos", "neg", "unclear")
TASK = task_of(Codebook(labels=tuple(Label(name=name) for name in LABELS)))
CONCURRENCY = 8
ANSWER_S = "0.004"


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill and resume a labelling run.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), arguments.kills, arguments.texts, arguments.seed)))


def measure(folder: Path, n_kills: int, n_texts: int, seed: int) -> dict[str, object]:
    ledger = Ledger(folder / "ledger.jsonl")
    server = subprocess.Popen([sys.executable, SERVER, ledger.path, ANSWER_S, *LABELS], stdout=-1, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        job = Job(url, tuple(Document(f"d{i}", f"text number {i}") for i in range(n_texts)))
        return killed_and_resumed(job, folder, ledger, n_kills, random.Random(seed))
    finally:
        server.kill()
        server.communicate()


def killed_and_resumed(job: Job, folder: Path, ledger: Ledger, n_kills: int, rng: random.Random) -> dict[str, object]:
    journal, n_texts = folder / "killed.sqlite", len(job.documents)
    checkpoints: list[tuple[int, set[str]]] = []
    n_done, n_in_flight, lost = 0, 0, 0
    while n_done < n_kills:
        n_before = ledger.n_calls()
        per_kill = max(0, n_texts - n_texts // 10 - n_before) // (n_kills - n_done)
        child = job.start(journal)
        is_killed = kill_soon(child, ledger, rng.randrange(0, 2 * per_kill + 1), rng.uniform(0, 0.005))
        assert is_killed, "all texts were labelled before all kills were done: more --texts or fewer --kills"
        n_done += 1
        time.sleep(0.02)  # calls that the server had already read are in the ledger now
        replied, unanswered = state(journal)
        in_flight = unanswered & set(ledger.calls()[n_before:])  # the others were ready, but not sent
        assert len(in_flight) <= CONCURRENCY, in_flight
        lost += len((checkpoints[-1][1] if checkpoints else set()) - replied)
        n_in_flight += len(in_flight)
        checkpoints.append((ledger.n_calls(), replied))
        if n_done % 20 == 0:
            print(f"{n_done} kills, {len(replied):,} of {n_texts:,} replies stored, {n_in_flight} in flight at kills")
    job.finish(journal)
    calls = ledger.calls()
    lost += sum(len(replied & set(calls[n_before:])) for n_before, replied in checkpoints)
    job.finish(folder / "whole.sqlite")
    return {
        "kills": n_done,
        "lost": lost,
        "extra_billed": len(calls) - n_texts,
        "in_flight_at_kills": n_in_flight,
        "identical": labels(journal) == labels(folder / "whole.sqlite") and len(labels(journal)) == n_texts,
        "texts": n_texts,
    }


@dataclass(frozen=True)
class Job:
    """What is labelled, in processes of their own."""

    url: str
    documents: tuple[Document, ...]

    def start(self, journal: Path) -> int:
        """A child that labels what is left; its process id."""
        child = os.fork()
        if child == 0:
            self._label(journal)
            os._exit(0)
        return child

    def finish(self, journal: Path) -> None:
        """Label what is left, uninterrupted."""
        _, status = os.waitpid(self.start(journal), 0)
        assert status == 0, status

    def _label(self, path: Path) -> None:
        settings = TeacherSettings(kind="openai", model="fake", base_url=self.url, concurrency=CONCURRENCY)
        plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some), True, "codebook", "prompt")
        with Journal.open(path) as journal:
            teacher = LanguageModelTeacher(
                TASK, OpenAICompatible(self.url, "fake"), journal, plan, settings, DataSettings(),
                np.random.default_rng(0),
            )  # fmt: skip
            known = journal.annotations(teacher.name, "codebook", "prompt", TASK.from_json)
            for annotation in teacher.annotate([d for d in self.documents if d.id not in known]):
                journal.add_annotations([annotation], TASK.to_json)


def kill_soon(child: int, ledger: Ledger, n_calls: int, seconds: float) -> bool:
    """SIGKILL after so many further calls and seconds; False if the child had ended by itself."""
    until = ledger.n_calls() + n_calls
    while ledger.n_calls() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


@dataclass
class Ledger:
    """The calls that the server billed, read as the file grows; a half-written last line does not count."""

    path: Path
    _calls: list[str] = field(default_factory=list)
    _read: int = 0

    def n_calls(self) -> int:
        """How many calls have arrived."""
        return len(self.calls())

    def calls(self) -> list[str]:
        """Hash of what was sent, in the order of arrival."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                whole, newline, _ = file.read().rpartition(b"\n")
            self._calls += [json.loads(line)["hash"] for line in whole.splitlines()]
            self._read += len(whole) + len(newline)
        return self._calls


def state(path: Path) -> tuple[set[str], set[str]]:
    """What the ledger calls the requests with a stored reply, and those sent without one."""
    if not path.exists():
        return set(), set()
    with Journal.open(path, read_only=True) as journal:
        rows = journal._read("select body, exists (select 1 from replies where request_key = key) from requests")
    hashes = [(hashlib.sha256(body.encode()).hexdigest(), is_replied) for body, is_replied in rows]
    return {one for one, replied in hashes if replied}, {one for one, replied in hashes if not replied}


def labels(path: Path) -> dict[str, object]:
    with Journal.open(path, read_only=True) as journal:
        known = journal.annotations("fake", "codebook", "prompt", TASK.from_json)
    return {identifier: (one.outcome, one.value, one.answers) for identifier, one in known.items()}


if __name__ == "__main__":
    main()
