"""Case R-25: a journal of many rows opens, says what was spent, and is resumed without reading them."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter

import pytest

from understudy.journal import Journal, salvage
from understudy.journal.sums import recount
from understudy.records import Annotation, Batch, BatchState, Failure, Outcome, Provenance, Reply, Request

FEW, MANY = 200, 20_000
WHO = Provenance("m", "m", "codebook", "prompt")


def key(number):
    return f"{number:064x}"


def fill(journal, start, end):
    """Requests, each with a reply that costs a millionth of a dollar, and annotations."""
    requests = [Request(key(i), f"d{i}", 0, 0, "m", "{}") for i in range(start, end)]
    batch = Batch(f"b{start}", "m", "http://here", tuple(request.key for request in requests))
    journal.begin_batch(batch, requests, [0.001] * len(requests))
    replies = [Reply(request.key, "{}", "m", 1, 2, 1e-6, 0.1, "2026-01-01") for request in requests]
    journal.end_batch(batch.id, BatchState.COMPLETED, "batch", replies, ())
    done = [Annotation(f"d{i}", "sha", Outcome.LABELLED, "pos", WHO) for i in range(start, end)]
    journal.add_annotations(done, str).result()


def steps(journal, ask):
    """How many hundreds of instructions SQLite carries out for a question."""
    n = 0

    def count():
        nonlocal n
        n += 1

    journal._reader.set_progress_handler(count, 100)
    ask(journal)
    journal._reader.set_progress_handler(None, 0)
    return n


QUESTIONS = {
    "spent_usd": lambda journal: journal.spent_usd(),
    "spent_tokens": lambda journal: journal.spent_tokens(),
    "reply_to": lambda journal: journal.reply_to(key(7)),
    "recall": lambda journal: journal.recall("anything"),
}
"""What a run asks of its journal before it sends a call."""


def test_r25_what_a_start_asks_takes_no_more_steps_for_many_rows(path):
    with Journal.open(path) as journal:
        fill(journal, 0, MANY)
        assert steps(journal, lambda journal: journal._read("select sum(cost_usd) from replies")) > MANY / 100
        assert {name: steps(journal, ask) for name, ask in QUESTIONS.items()} == dict.fromkeys(QUESTIONS, 0)
        assert journal.spent_usd() == pytest.approx(MANY * 1e-6)
        assert journal.spent_tokens() == MANY * 3
    with Journal.open(path) as journal:
        assert steps(journal, lambda journal: journal._read("select name from sqlite_master")) < 5  # learns the tables
        assert {name: steps(journal, ask) for name, ask in QUESTIONS.items()} == dict.fromkeys(QUESTIONS, 0)


def test_r25_a_resumed_run_reads_no_stored_question_or_reply_that_it_does_not_use(path):
    with Journal.open(path) as journal:
        fill(journal, 0, FEW)
    read = set()

    def note(action, table, column, *_):
        if action == sqlite3.SQLITE_READ:
            read.add((table, column))
        return sqlite3.SQLITE_OK

    with Journal.open(path) as journal:
        journal._reader.set_authorizer(note)
        for question in ("spent_usd", "spent_tokens", "recall"):
            QUESTIONS[question](journal)
        assert len(journal.annotations("m", "codebook", "prompt", str)) == FEW
        assert [batch.state for batch in journal.batches()] == [BatchState.COMPLETED]
        journal.most_usd_of([key(1)])
        assert ("annotations", "value") in read
        assert {table for table, column in read if column == "body"} == set()


def recounted(path):
    """Dollars and tokens as they follow from requests, replies and failures."""
    connection = sqlite3.connect(path)
    recount(connection)
    (found,) = connection.execute(
        "select usd + (select total(at_most_usd * n) from unanswered), "
        "tokens + (select total(n_bytes * n) from unanswered) from spent"
    )
    connection.close()  # without a commit: nothing is changed
    return found


class Calls:
    """Makes writes as runs make them, any number of calls to one question at once."""

    def __init__(self, journal, seed):
        self.journal, self.rng = journal, random.Random(seed)
        self.n_open = Counter()

    def write(self):
        waiting = [name for name, n in self.n_open.items() if n]
        ways = [self.send, self.batch, *([self.reply, self.fail] if waiting else [])]
        return self.rng.choice(ways)(self.rng.choice(waiting or [""]))

    def send(self, _):
        name = key(self.rng.randrange(12))
        self.n_open[name] += 1
        request = Request(name, "d", 0, 0, "m", "é" * self.rng.randrange(9))
        return self.journal.intend(request, self.rng.choice([None, 0.5, 0.25]))

    def reply(self, name):
        self.n_open[name] -= 1
        tokens = self.rng.choice([(None, None), (3, 4), (None, 4)])
        return self.journal.settle(Reply(name, "answer", "m", *tokens, self.rng.choice([None, 0.125]), 0.1))

    def fail(self, name):
        is_maybe_billed = self.rng.random() < 0.5
        self.n_open[name] -= not is_maybe_billed
        return self.journal.record_failure(name, "timeout", "", is_maybe_billed=is_maybe_billed)

    def batch(self, _):
        names = [key(i) for i in self.rng.sample(range(12), 3)]
        batch = Batch(f"{self.rng.random()}", "m", "u", tuple(names))
        self.journal.begin_batch(batch, [Request(each, "d", 0, 0, "m", "body") for each in names], [0.25] * 3)
        failures = [Failure(names[1], "expired", ""), Failure(names[2], "errored", "", is_maybe_billed=True)]
        self.n_open[names[2]] += 1
        reply = Reply(names[0], "{}", "m", 1, 1, 0.5, 0.1)
        return self.journal.end_batch(batch.id, BatchState.EXPIRED, "p", [reply], failures)


@pytest.mark.parametrize("seed", range(8))
def test_r25_the_sums_are_those_of_the_rows_after_any_writes(path, seed):
    with Journal.open(path) as journal:
        calls = Calls(journal, seed)
        for _ in range(6):
            for _ in range(10):
                last = calls.write()
            last.result()
            assert (journal.spent_usd(), journal.spent_tokens()) == pytest.approx(recounted(path))


def test_r25_a_reply_that_comes_twice_hides_no_later_attempt(path):
    with Journal.open(path) as journal:
        for _ in range(2):
            journal.settle(Reply(key(1), "{}", "m", 1, 1, 0.25, 0.1))
        for at_most in (0.5, 0.75):
            journal.intend(Request(key(1), "d", 0, 0, "m", "{}"), at_most).result()
        assert journal.spent_usd() == pytest.approx(2 * 0.25 + 2 * 0.75)


WRITE = """
import sys
from pathlib import Path
from understudy.journal import Journal
from understudy.records import Reply, Request
with Journal.open(Path(sys.argv[1])) as journal:
    for i in range(1_000_000):
        name = f"{int(sys.argv[2]):03}{i:061x}"
        last = journal.intend(Request(name, "d", 0, 0, "m", "body"), 0.5)
        if i % 3 != 0:
            last = journal.settle(Reply(name, "answer", "m", 3, 4, 0.25))
        elif i % 2:
            last = journal.record_failure(name, "refused", "")
        if i % 50 == 0:
            last.result()
            print(i, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_r25_the_sums_are_right_after_kills(path):
    for number in range(4):
        child = subprocess.Popen([sys.executable, "-c", WRITE, str(path), str(number)], stdout=-1, text=True)
        while int(child.stdout.readline()) < 200 + 50 * number:
            pass
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        with Journal.open(path) as journal:
            journal.check()
            usd, tokens = journal.spent_usd(), journal.spent_tokens()
            assert journal.counts()["replies"] > 100
        assert (usd, tokens) == pytest.approx(recounted(path))


def test_r25_what_is_salvaged_has_the_same_sums(path, tmp_path):
    with Journal.open(path) as journal:
        fill(journal, 0, FEW)
        for _ in range(2):
            journal.intend(Request(key(1), "d1", 0, 0, "m", "{}"), 0.001).result()
        before = journal.spent_usd(), journal.spent_tokens()
    assert before[0] == pytest.approx(FEW * 1e-6 + 2 * 0.001)
    salvage(path, tmp_path / "new.sqlite")
    with Journal.open(tmp_path / "new.sqlite") as journal:
        assert (journal.spent_usd(), journal.spent_tokens()) == pytest.approx(before)
