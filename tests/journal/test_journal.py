import json
import os
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from understudy.errors import StoreError
from understudy.journal import Journal, sqlite_version
from understudy.journal.migrations import MIGRATIONS, migrate
from understudy.records import Annotation, HumanLabel, Outcome, Provenance, Reply, Request, Role, ValidationRecord

UGLY = "half \ud83d, nul \x00, emoji 🙂, quote ' and \u2028"
REQUEST = Request("k1", "d1", 0, 0, "gpt", '{"messages": []}')
ANNOTATION = Annotation(
    "d1", "ab" * 32, Outcome.LABELLED, "pos", Provenance("gpt", "gpt-1", "cb", "pr", ("k1",), ("x", "y"), "2026-01-01"),
    answers=("pos", "neg", "pos"), n_asked=3, consistency=2 / 3, confidence=0.9, cost_usd=0.01, reason="tie",
    flags=("instruction",),
)  # fmt: skip


def same(value):
    return value


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path):
    with Journal.open(path) as journal:
        yield journal


def test_strings_that_utf8_cannot_hold_come_back_as_they_were(journal):
    journal.intend(replace(REQUEST, key=UGLY, document_id=UGLY))
    journal.settle(Reply(UGLY, UGLY, model=UGLY)).result()
    label = HumanLabel(UGLY, "sha", UGLY, UGLY, UGLY, "2026")
    journal.add_human_labels([label], same)
    journal.assign_roles({UGLY: Role.TEST})
    journal.remember(UGLY, UGLY).result()
    assert journal.reply_to(UGLY).body == UGLY
    assert journal.human_labels(same) == [label]
    assert journal.roles() == {UGLY: Role.TEST}
    assert journal.recall(UGLY) == UGLY


def test_reply_is_there_when_its_future_is_done_and_after_reopening(path):
    reply = Reply("k1", "body", "m", 10, None, None, 0.25, "2026-01-01T00:00:00+00:00")
    with Journal.open(path) as journal:
        journal.intend(REQUEST)
        journal.settle(reply).result()
        assert journal.reply_to("k1") == reply
        assert journal.reply_to("k2") is None
    with Journal.open(path) as journal:
        assert journal.reply_to("k1") == reply


def test_latest_reply_counts_and_none_is_removed(journal):
    journal.settle(Reply("k1", "first"))
    journal.settle(Reply("k1", "second")).result()
    assert journal.reply_to("k1").body == "second"
    assert journal.counts()["replies"] == 2


def test_latest_annotation_of_each_document_counts(journal):
    refused = replace(ANNOTATION, document_id="d2", outcome=Outcome.REFUSED, value=None, answers=(), consistency=None)
    journal.add_annotations([replace(ANNOTATION, value="neg"), refused], same)
    journal.add_annotations([ANNOTATION], same)
    other = replace(ANNOTATION, provenance=replace(ANNOTATION.provenance, prompt="other"))
    journal.add_annotations([other], same).result()
    assert journal.annotations("gpt", "cb", "pr", same) == {"d1": ANNOTATION, "d2": refused}
    assert journal.annotations("gpt", "cb", "unknown", same) == {}
    assert journal.counts()["annotations"] == 4


def test_values_go_through_the_given_coding(journal):
    several = replace(ANNOTATION, value=("a", "b"), answers=(("a", "b"), ()), n_asked=2, consistency=0.5)
    journal.add_annotations([several], list).result()
    assert journal.annotations("gpt", "cb", "pr", tuple)["d1"] == several


def test_validations_come_back_in_order_and_undefined_stays_undefined(journal):
    first = ValidationRecord("c1", "{}", UGLY, "pr", "docs", 40, None, None, None, "2026-01-01")
    second = replace(first, codebook="c2", f1=0.5, low=0.25, high=0.75)
    journal.add_validation(first)
    journal.add_validation(second).result()
    assert journal.validations() == [first, second]


def test_codebooks_are_counted_where_a_document_got_a_value(journal):
    def under(codebook, **fields):
        return replace(ANNOTATION, provenance=replace(ANNOTATION.provenance, codebook=codebook), **fields)

    failed = under("c3", outcome=Outcome.FAILED, value=None)
    journal.add_annotations([under("c2"), under("c1"), under("c2"), failed, under("c4", document_id="d9")], same)
    journal.add_annotations([replace(under("c5"), provenance=Provenance("other", codebook="c5"))], same).result()
    assert journal.codebooks_annotated(["d1", "d2"], "gpt") == ("c2", "c1")


def test_a_journal_of_the_first_version_reads_its_annotations(path):
    from contextlib import closing

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, MIGRATIONS[:1])
        connection.execute(
            "insert into annotations (document_id, text_sha256, outcome, value, teacher, model, codebook, prompt,"
            " request_keys, demonstrations, created_at, answers, n_asked, reason)"
            " values ('d1', 'sha', 'labelled', '\"pos\"', 'gpt', '', 'cb', 'pr', '[]', '[]', '', '[]', 1, '')"
        )
    with Journal.open(path) as journal:
        old = journal.annotations("gpt", "cb", "pr", same)["d1"]
    assert (old.value, old.flags) == ("pos", ())


def test_roles_change_only_when_they_change(journal):
    journal.assign_roles({"a": Role.DEV, "b": Role.TEST})
    journal.assign_roles({"a": Role.DEV, "b": Role.DEMO}).result()
    assert journal.roles() == {"a": Role.DEV, "b": Role.DEMO}
    assert journal.counts()["gold_roles"] == 3  # a, b, b again


def test_spent_counts_replies_and_attempts_of_unknown_end(journal):
    journal.intend(REQUEST, 0.50)
    journal.settle(Reply("k1", "body", cost_usd=0.20)).result()
    assert journal.spent_usd() == pytest.approx(0.20)
    journal.intend(replace(REQUEST, key="k2"), 0.50).result()  # sent, then nothing
    assert journal.spent_usd() == pytest.approx(0.70)
    journal.record_failure("k2", "rate limit", "429").result()  # the server did not take it
    assert journal.spent_usd() == pytest.approx(0.20)
    journal.intend(replace(REQUEST, key="k2"), 0.50)  # a second attempt that timed out
    journal.record_failure("k2", "timeout", "60 s", is_maybe_billed=True).result()
    assert journal.spent_usd() == pytest.approx(0.70)
    journal.intend(replace(REQUEST, key="k3"), None).result()  # unknown price
    assert journal.spent_usd() == pytest.approx(0.70)


def test_one_bad_write_does_not_hurt_its_neighbours(journal):
    gate = threading.Event()
    journal._writer.submit(lambda _: gate.wait(10))  # so that the next three share a commit
    before, bad, after = (
        journal.settle(Reply("k1", "good")),
        journal._write("insert into nowhere values (?)", [(1,)]),
        journal.settle(Reply("k2", "good")),
    )
    gate.set()
    before.result(), after.result()
    with pytest.raises(StoreError, match="nowhere"):
        bad.result()
    assert journal.counts()["replies"] == 2


def test_write_cannot_be_cancelled_once_submitted(journal):
    gate = threading.Event()
    journal._writer.submit(lambda _: gate.wait(10))
    future = journal.settle(Reply("k1", "paid for"))
    assert not future.cancel()
    gate.set()
    future.result()
    assert journal.reply_to("k1")


def test_closing_writes_what_is_queued(path):
    with Journal.open(path) as journal:
        for i in range(3000):
            journal.settle(Reply(f"k{i}", "body"))
    with Journal.open(path, read_only=True) as journal:
        assert journal.counts()["replies"] == 3000


def test_many_threads_write_and_read(journal):
    def work(number):
        for i in range(50):
            journal.settle(Reply(f"{number}-{i}", "body")).result()
            assert journal.reply_to(f"{number}-{i}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.counts()["replies"] == 400


def test_opening_twice_in_one_process_shares_the_writer(path):
    with Journal.open(path) as first, Journal.open(path) as second:
        first.remember("a", "1").result()
        second.remember("a", "2").result()
        assert first.recall("a") == "2"
    with Journal.open(path) as third:
        third.remember("a", "3").result()


def test_reading_only_neither_makes_nor_writes(path):
    with pytest.raises(StoreError, match="no journal"):
        Journal.open(path, read_only=True)
    assert not path.exists()
    Journal.open(path).close()
    with Journal.open(path, read_only=True) as journal, pytest.raises(StoreError, match="reading only"):
        journal.remember("a", "1")


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match="nowhere"):
        Journal.open(tmp_path / "nowhere" / "journal.sqlite")


def test_backup_holds_everything_and_overwrites_nothing(journal, tmp_path):
    journal.settle(Reply("k1", "body")).result()
    journal.backup(tmp_path / "copy.sqlite")
    with Journal.open(tmp_path / "copy.sqlite") as copy:
        assert copy.reply_to("k1").body == "body"
    with pytest.raises(StoreError, match="exists"):
        journal.backup(tmp_path / "copy.sqlite")


def test_older_journal_is_copied_then_brought_up_to_date(path):
    Journal.open(path).close()

    def add_colour(connection):
        connection.execute("create table colours (name text)")

    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path, (*MIGRATIONS, add_colour))
    assert connection.execute("select count(*) from colours").fetchone() == (0,)
    connection.close()
    copy = sqlite3.connect(path.with_name("journal.sqlite.before-add_colour"))
    assert not copy.execute("select 1 from sqlite_master where name = 'colours'").fetchall()
    copy.close()


def outdated(path):
    """Make a journal as it was before the last step."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path, MIGRATIONS[:-1])
    connection.close()


def test_a_reader_brings_an_older_journal_up_to_date(path):
    outdated(path)
    with Journal.open(path, read_only=True) as journal:
        assert journal.spent_usd() == 0.0
    assert path.with_name(f"journal.sqlite.before-{MIGRATIONS[-1].__name__}").exists()


def test_a_reader_leaves_an_older_journal_to_the_process_that_writes_it(path, monkeypatch):
    outdated(path)

    def is_held(_path):
        raise StoreError("another process writes", "Wait.")

    monkeypatch.setattr("understudy.journal.journal.acquire", is_held)
    with pytest.raises(StoreError, match="another process writes"):
        Journal.open(path, read_only=True)
    assert not list(path.parent.glob("*.before-*"))


def test_failing_migration_leaves_the_journal_as_it_was(path):
    Journal.open(path).close()

    def fails(connection):
        connection.execute("create table colours (name text)")
        raise RuntimeError("killed here")

    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(RuntimeError):
        migrate(connection, path, (*MIGRATIONS, fails))
    connection.close()
    with Journal.open(path, read_only=True) as journal:
        journal.check()
        assert "colours" not in {name for (name,) in journal._read("select name from sqlite_master")}


def test_creation_that_was_killed_half_way_is_begun_anew(path):
    path.with_name(".journal.sqlite.new").write_bytes(b"")
    path.with_name(".journal.sqlite.new-wal").write_bytes(b"junk")
    with Journal.open(path) as journal:
        journal.remember("a", "1").result()
    assert sorted(p.name for p in path.parent.iterdir()) == ["journal.sqlite", "journal.sqlite.lock"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_is_refused_instead_of_corrupting(path):
    code = """
import os, sys
from pathlib import Path
from understudy.errors import StoreError
from understudy.journal import Journal
with Journal.open(Path(sys.argv[1])) as journal:
    if (child := os.fork()) == 0:
        refused = 0
        for action in (lambda: journal.remember("a", "1"), lambda: journal.recall("a")):
            try:
                action()
            except StoreError:
                refused += 1
        os._exit(refused)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"


def test_runs_and_failures_are_counted(journal):
    journal.add_run(json.dumps({"a": 1}), "0.1", "annotate")
    journal.intend(REQUEST)
    journal.intend(REQUEST)
    journal.record_failure("k1", "timeout", "60 s").result()
    assert journal._read("select attempt from requests") == [(2,)]
    assert journal._read("select attempt, kind from failures") == [(2, "timeout")]
    assert journal.counts() == {
        "requests": 1, "replies": 0, "failures": 1, "annotations": 0, "human_labels": 0, "gold_roles": 0, "runs": 1,
            "validations": 0,
    }  # fmt: skip


def test_sqlite_version_is_a_tuple_of_numbers():
    assert sqlite_version() >= (3, 35, 0)


def test_relative_path_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Journal.open(Path("journal.sqlite")) as journal:
        journal.remember("a", "1").result()
        assert journal.recall("a") == "1"
