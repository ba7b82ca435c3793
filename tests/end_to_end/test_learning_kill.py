"""Killed at any moment and resumed, the learning loop ends with what it would have chosen and learned without."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from understudy.journal import Journal

HERE = Path(__file__).parent
N_KILLS, N_ROUNDS = 20, 10

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@pytest.fixture
def trace_path(tmp_path):
    return tmp_path / "trace.jsonl"


@pytest.fixture
def nursery(tiny_bert, trace_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, str(HERE / "learning_nursery.py"), str(tiny_bert), str(trace_path)]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment, bufsize=1)
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def run(nursery, folder, delay_s=0.0):
    """Learn there, at most so long; the exit status."""
    nursery.stdin.write(f"{folder} {delay_s}\n")
    return int(nursery.stdout.readline())


def asked(trace_path):
    """Ids of the documents that the teacher was asked about, in order; a half-written last line does not count."""
    lines = trace_path.read_text().splitlines(keepends=True) if trace_path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def state(folder):
    """Rounds without the time, results, and the outcome and value of every answer, from the journal."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return [], [], []
    with Journal.open(path, read_only=True) as journal:
        journal.check()
        rounds = [(row[0], row[1], row[2], json.loads(row[3])) for row in journal._read(
            "select loop, number, strategy, selections from rounds order by number")]  # fmt: skip
        results = [json.loads(text) for (text,) in journal._read("select contents from round_results order by number")]
        answers = journal._read("select document_id, outcome, value from annotations order by document_id")
    return rounds, results, answers


def test_twenty_kills_change_no_choice_no_label_and_no_figure(nursery, trace_path, tmp_path):
    whole = tmp_path / "whole"
    began = time.monotonic()
    assert run(nursery, whole) == 0
    duration_s = time.monotonic() - began
    rounds, results, answers = state(whole)
    assert len(rounds) == len(results) == N_ROUNDS
    assert len(answers) == len({row[0] for row in answers})

    rng = random.Random()
    folder, n_folders, n_kills, n_judged = tmp_path / "killed-0", 1, 0, set()
    stored, n_asked = set(), len(asked(trace_path))
    while n_kills < N_KILLS:
        status = run(nursery, folder, rng.uniform(0.05, 0.6) * duration_s)
        found, questions = state(folder), asked(trace_path)
        assert not stored & set(questions[n_asked:]), "a stored answer was asked for again"
        assert found[0] == rounds[: len(found[0])], "another choice"
        assert found[1] == results[: len(found[1])], "another figure"
        stored, n_asked = {row[0] for row in found[2]}, len(questions)
        if status == 0:
            assert found == (rounds, results, answers)
            folder, n_folders, stored = tmp_path / f"killed-{n_folders}", n_folders + 1, set()
        else:
            assert status == signal.SIGKILL
            n_kills += 1
            n_judged.add(len(found[1]))
    assert len(n_judged) > 5, "the kills all hit the same rounds"
    assert run(nursery, folder) == 0
    assert state(folder) == (rounds, results, answers)
    assert not stored & set(asked(trace_path)[n_asked:]), "a stored answer was asked for again"
