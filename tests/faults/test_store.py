"""The store under attack: cases R-10 to R-23."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from understudy.errors import StoreError
from understudy.journal import Journal
from understudy.journal.migrations import MIGRATIONS, migrate
from understudy.records import HumanLabel, Reply

HOLD = """
import sys
from pathlib import Path
from understudy.journal import Journal
from understudy.records import Reply
journal = Journal.open(Path(sys.argv[1]))
journal.settle(Reply("kept", "body")).result()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def filled(path):
    with Journal.open(path) as journal:
        for i in range(2000):
            journal.settle(Reply(f"k{i}", "x" * 200))
    return path


@pytest.fixture
def holder(path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=-1, stdout=-1, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def refused(path, match):
    """Both ways of opening are refused, and the file stays as it is."""
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=match):
            Journal.open(path, read_only=read_only)
    assert path.read_bytes() == before


def test_r13_empty_file_is_damaged_not_new(path):
    path.touch()
    refused(path, "damaged.*0 bytes")


def test_r14_half_a_file_is_damaged(filled):
    filled.write_bytes(filled.read_bytes()[: filled.stat().st_size // 2])
    refused(filled, "damaged")


@pytest.mark.parametrize("content", [b"id,text\n1,hello\n" * 50, b"SQLite format 3\x00", b"\x00" * 8192])
def test_r14_other_content_is_refused(path, content):
    path.write_bytes(content)
    refused(path, "damaged")


def test_r14_zeros_in_the_middle_are_found_by_check(filled):
    content = bytearray(filled.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(4096)
    filled.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|cannot be read"), Journal.open(filled, read_only=True) as journal:
        journal.check()


def test_r14_an_intact_file_passes_check(filled):
    with Journal.open(filled, read_only=True) as journal:
        journal.check()


def test_r15_log_without_its_journal_is_not_a_new_project(path):
    path.with_name("journal.sqlite-wal").write_bytes(b"writes of a lost journal")
    with pytest.raises(StoreError, match="missing"):
        Journal.open(path)
    assert not path.exists()


def test_r16_newer_journal_is_refused(path):
    Journal.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("insert into migrations values ('from_the_future', '')")
    connection.commit()
    connection.close()
    refused(path, "newer version.*from_the_future")


def test_r16_database_of_another_program_is_refused(path):
    connection = sqlite3.connect(path)
    connection.execute("create table photos (name text)")
    connection.commit()
    connection.close()
    refused(path, "not a journal")


def test_r18_second_writer_is_told_who_is_first_and_may_read(path, holder):
    with pytest.raises(StoreError, match=f"process {holder.pid} on .+ since 20") as caught:
        Journal.open(path)
    assert caught.value.exit_code == 5
    with Journal.open(path, read_only=True) as journal:
        assert journal.reply_to("kept")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_r19_lock_of_a_killed_process_is_taken_over(path, holder):
    holder.kill()
    holder.wait()
    with Journal.open(path) as journal:
        assert journal.reply_to("kept")


def test_r19_lock_file_left_by_an_unknown_process_means_nothing(path):
    path.with_name("journal.sqlite.lock").write_text(f'{{"pid": {os.getpid()}, "host": "x", "since": "y"}}')
    Journal.open(path).close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_r10_write_beyond_a_size_limit_fails_loudly_and_harms_nothing(path):
    code = """
import resource, signal, sys
from pathlib import Path
from understudy.errors import StoreError
from understudy.journal import Journal
from understudy.records import Reply
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Journal.open(Path(sys.argv[1])) as journal:
    journal.settle(Reply("before", "body")).result()
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    try:
        journal.settle(Reply("large", "x" * 1_000_000)).result()
    except StoreError as exc:
        print(exc)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    journal.settle(Reply("after", "body")).result()
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert "could not be written" in done.stdout
    with Journal.open(path) as journal:
        journal.check()
        assert [journal.reply_to(key) is not None for key in ("before", "large", "after")] == [True, False, True]


def test_r12_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_paid(path, monkeypatch):
    real = os.open

    def read_only(file, flags, *mode):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(file, flags, *mode)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(StoreError, match="cannot be written to: Read-only file system") as caught:
        Journal.open(path)
    assert caught.value.exit_code == 5
    assert not path.exists()


def oldest(path, migrations):
    """A journal as an older version left it, with one reply."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path, migrations)
    connection.execute(
        "insert into replies (request_key, body, model, latency_s, received_at) values ('k','b','m',0,'')"
    )
    connection.close()


@pytest.mark.parametrize("n_steps", range(1, len(MIGRATIONS)))
def test_r17_journals_of_every_older_version_are_brought_up_to_date_and_copied_first(path, n_steps):
    oldest(path, MIGRATIONS[:n_steps])
    with Journal.open(path) as journal:
        assert journal.reply_to("k").body == "b"
        journal.check()
    (copy,) = path.parent.glob("journal.sqlite.before-*")
    connection = sqlite3.connect(copy)
    assert [name for (name,) in connection.execute("select name from migrations order by rowid")] == [
        step.__name__ for step in MIGRATIONS[:n_steps]
    ]
    connection.close()


def test_r17_a_step_that_dies_half_way_leaves_the_old_version_and_runs_again(path):
    oldest(path, MIGRATIONS[:1])

    def half_done(connection):
        connection.execute("create table half (a)")
        raise KeyboardInterrupt

    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(KeyboardInterrupt):
        migrate(connection, path, (*MIGRATIONS[:1], half_done))
    connection.close()
    with Journal.open(path) as journal:
        assert journal.reply_to("k").body == "b"
        assert journal._read("select name from sqlite_master where name = 'half'") == []


READ = """
import sys
from pathlib import Path
from understudy.journal import Journal
print("ready", flush=True)
seen = 0
while seen < 1500:
    with Journal.open(Path(sys.argv[1]), read_only=True) as journal:
        now = journal.counts()["replies"]
        assert now >= seen
        seen = now
        assert [label.value for label in journal.human_labels(str)] == ["pos"]
print("fine", flush=True)
"""


def test_r20_readers_beside_a_writer_are_never_locked_out_and_human_labels_stay(path):
    with Journal.open(path) as journal:
        journal.add_human_labels([HumanLabel("d", "sha", "pos", "anna", "gold.csv:1", "2026")], str).result()
        readers = [subprocess.Popen([sys.executable, "-c", READ, path], stdout=-1, text=True) for _ in range(2)]
        for reader in readers:
            assert reader.stdout.readline() == "ready\n"
        for i in range(1500):
            journal.settle(Reply(f"k{i}", "x" * 300)).result() if i % 10 == 0 else journal.settle(Reply(f"k{i}", "x"))
        for reader in readers:
            assert reader.communicate(timeout=120)[0] == "fine\n"
        assert [label.annotator for label in journal.human_labels(str)] == ["anna"]


CROWD = """
import os, sys
from pathlib import Path
from understudy.errors import StoreError
from understudy.journal import Journal
children = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        try:
            Journal.open(Path(sys.argv[1])).close()
        except StoreError as exc:
            os._exit(0 if "is in use by" in exc.message else 1)
        os._exit(0)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])
with Journal.open(Path(sys.argv[1])) as journal:
    journal.remember("a", "b").result()
    if os.fork() == 0:
        for use in (lambda: journal.recall("a"), lambda: journal.remember("a", "c")):
            try:
                use()
            except StoreError as exc:
                print(exc.hint, flush=True)
        os._exit(0)
    os.wait()
    print(journal.recall("a"))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_r21_twenty_openings_at_once_and_a_fork_afterwards(path):
    oldest(path, MIGRATIONS[:1])
    done = subprocess.run([sys.executable, "-c", CROWD, path], capture_output=True, text=True, check=True)
    statuses, *hints, kept = done.stdout.splitlines()
    assert statuses == str([0] * 20), done.stderr
    assert hints == ["Open the journal anew after a fork."] * 2
    assert kept == "b"
    with Journal.open(path, read_only=True) as journal:
        journal.check()
