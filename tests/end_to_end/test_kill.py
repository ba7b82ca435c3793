"""Cases R-01, R-02, R-07: killed at any moment and resumed, nothing that was paid for is lost or paid for again."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from understudy.journal import Journal

HERE = Path(__file__).parent
N_DOCUMENTS, N_KILLS, CONCURRENCY = 500, 20, 8

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def started(*command):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *map(str, command)], stdin=-1, stdout=-1, text=True, env=environment, bufsize=1
    )


@pytest.fixture
def ledger_path(tmp_path):
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def nursery(ledger_path):
    server = started(HERE.parent / "fakellm.py", ledger_path, "0.004", "pos", "neg", "unclear")
    url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    nursery = started(HERE / "annotating_child.py", url)
    yield nursery
    for process in (nursery, server):
        process.kill()
        process.communicate()


def run(nursery, journal_path, point="never"):
    """Start a child; its process id."""
    nursery.stdin.write(f"{journal_path} {point}\n")
    return int(nursery.stdout.readline())


def billed(ledger_path):
    """Hashes of the calls in the ledger, in order; a half-written last line does not count."""
    lines = ledger_path.read_text().splitlines(keepends=True) if ledger_path.exists() else []
    return [json.loads(line)["hash"] for line in lines if line.endswith("\n")]


def wait_for_calls(ledger_path, n):
    deadline = time.monotonic() + 30
    while len(billed(ledger_path)) < n and time.monotonic() < deadline:
        time.sleep(0.002)


def state(journal_path):
    """Request keys with a reply, and those that were sent without one."""
    if not journal_path.exists():
        return set(), set()
    with Journal.open(journal_path, read_only=True) as journal:
        journal.check()
        replied = {key for (key,) in journal._read("select request_key from replies")}
        sent = {key for (key,) in journal._read("select key from requests")}
    return replied, sent - replied


def final_labels(journal_path):
    with Journal.open(journal_path, read_only=True) as journal:
        annotations = journal.annotations("fake", "codebook", "prompt", lambda value: value)
        counts = journal.counts()
    return {a.document_id: (a.outcome, a.value, a.answers, a.cost_usd) for a in annotations.values()}, counts


def killed(nursery, journal_path, ledger_path, rng):
    """Run until some random number of further calls has arrived, and a little longer; then SIGKILL."""
    n_before = len(billed(ledger_path))
    child = run(nursery, journal_path)
    wait_for_calls(ledger_path, n_before + rng.randrange(0, 16))
    time.sleep(rng.uniform(0, 0.01))
    os.kill(child, signal.SIGKILL)
    return int(nursery.stdout.readline())


def test_r01_twenty_kills_lose_nothing_and_pay_nothing_twice(nursery, ledger_path, tmp_path):
    rng = random.Random(20)
    journal_path = tmp_path / "killed.sqlite"
    replied_before, n_in_flight, checkpoints = set(), 0, []
    for _ in range(N_KILLS):
        n_before = len(billed(ledger_path))
        assert killed(nursery, journal_path, ledger_path, rng) == signal.SIGKILL
        time.sleep(0.02)  # calls that the server had already read are in the ledger now
        replied, unanswered = state(journal_path)
        in_flight = _hashes(journal_path, unanswered) & set(billed(ledger_path)[n_before:])  # others were only ready
        assert replied_before <= replied, "a committed reply was lost"
        assert len(in_flight) <= CONCURRENCY
        replied_before, n_in_flight = replied, n_in_flight + len(in_flight)
        checkpoints.append((len(billed(ledger_path)), _hashes(journal_path, replied)))
    assert len(replied_before) > 50, "the kills came too early to mean anything"
    assert len(replied_before) < N_DOCUMENTS, "the kills came too late to mean anything"

    run(nursery, journal_path)
    assert nursery.stdout.readline() == "0\n"
    ledger = billed(ledger_path)
    for n_calls, paid in checkpoints:
        assert not paid & set(ledger[n_calls:]), "a committed reply was paid for again"
    assert len(set(ledger)) == N_DOCUMENTS
    assert len(ledger) - N_DOCUMENTS <= n_in_flight
    labels, counts = final_labels(journal_path)
    assert counts["requests"] == N_DOCUMENTS
    assert counts["annotations"] == len(labels) == N_DOCUMENTS

    run(nursery, tmp_path / "uninterrupted.sqlite")
    assert nursery.stdout.readline() == "0\n"
    assert Counter(billed(ledger_path)[len(ledger) :]) == Counter(set(ledger))
    assert final_labels(tmp_path / "uninterrupted.sqlite")[0] == labels
    assert len({value for _, value, _, _ in labels.values()}) == 3


def _hashes(journal_path, keys):
    """What the ledger calls these requests: the hash of what was sent."""
    if not keys:
        return set()
    with Journal.open(journal_path, read_only=True) as journal:
        rows = journal._read("select key, body from requests")
    return {hashlib.sha256(body.encode()).hexdigest() for key, body in rows if key in keys}


def test_r07_nothing_left_asks_nothing(nursery, ledger_path, tmp_path):
    for _ in range(2):
        run(nursery, tmp_path / "journal.sqlite")
        assert nursery.stdout.readline() == "0\n"
        assert len(billed(ledger_path)) == N_DOCUMENTS


@pytest.mark.parametrize("point", ["after_intent", "after_reply", "after_commit"])
def test_r02_killed_at_a_named_point(nursery, ledger_path, tmp_path, point):
    journal_path = tmp_path / "journal.sqlite"
    run(nursery, journal_path, point)
    assert int(nursery.stdout.readline()) == signal.SIGKILL
    time.sleep(0.02)
    replied, in_flight = state(journal_path)
    n_calls, paid = len(billed(ledger_path)), _hashes(journal_path, replied)
    assert in_flight
    with Journal.open(journal_path, read_only=True) as journal:
        n_uncertain = round(journal.spent_usd() * 1e6) - 105 * len(replied)  # a settled call costs 105 millionths
    assert n_uncertain > 0, "what may have been billed counts as spent"
    run(nursery, journal_path)
    assert nursery.stdout.readline() == "0\n"
    ledger = billed(ledger_path)
    assert not paid & set(ledger[n_calls:])
    assert len(set(ledger)) == N_DOCUMENTS
    assert len(ledger) - N_DOCUMENTS <= len(in_flight)
    assert len(final_labels(journal_path)[0]) == N_DOCUMENTS
