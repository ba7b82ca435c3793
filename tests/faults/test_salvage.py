"""What is left of a damaged journal (R-14), a fork (R-23), a file system without a log (R-22), a full disk (R-11)."""

import errno
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.errors import StoreError
from understudy.journal import Journal, lock, salvage
from understudy.journal.writer import _make_durable
from understudy.records import HumanLabel, Reply, Request
from understudy.report.write import _replace as replace_page
from understudy.student.folder import _replace as replace_student

N = 3000


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a journal that nothing damages."""
    folder = tmp_path_factory.mktemp("whole")
    with Journal.open(folder / "journal.sqlite") as journal:
        journal.remember("nonce", "kept")
        journal.add_human_labels([HumanLabel(f"d{i}", "sha", "pos", "ada", "gold.csv", "") for i in range(50)], str)
        for i in range(N):
            journal.intend(Request(f"k{i:05}", f"d{i}", 0, 0, "t", "{}"))
            journal.settle(Reply(f"k{i:05}", f"body {i} " + "x" * 300))
    return folder


@pytest.fixture
def filled(whole, tmp_path):
    """A copy of it to damage."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return tmp_path / "journal.sqlite"


def replies(path):
    """Bodies by key of a salvaged journal, which must itself be whole."""
    with Journal.open(path, read_only=True) as journal:
        journal.check()
        found = {f"k{i:05}": journal.reply_to(f"k{i:05}") for i in range(N)}
        labels = journal.human_labels(lambda value: value)
    return {key: reply.body for key, reply in found.items() if reply is not None}, labels


def expected(key):
    return f"body {int(key[1:])} " + "x" * 300


def test_r14_a_whole_journal_is_salvaged_whole(filled, tmp_path):
    saved = salvage(filled, tmp_path / "new")
    assert saved == {"meta": 1, "human_labels": 50, "requests": N, "replies": N}
    bodies, labels = replies(tmp_path / "new")
    assert bodies == {f"k{i:05}": expected(f"k{i:05}") for i in range(N)}
    assert [(label.document_id, label.annotator) for label in labels] == [(f"d{i}", "ada") for i in range(50)]


def test_r14_all_but_the_zeroed_pages_is_salvaged_and_the_damaged_file_left_alone(filled, tmp_path):
    content = bytearray(filled.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(4096)
    filled.write_bytes(content)
    saved = salvage(filled, tmp_path / "new")
    bodies, labels = replies(tmp_path / "new")
    assert all(body == expected(key) for key, body in bodies.items())
    assert len(bodies) == saved["replies"]
    assert len(bodies) > 0.9 * N
    assert len(labels) == 50
    assert filled.read_bytes() == content


def test_r14_the_front_of_half_a_file_is_salvaged(filled, tmp_path):
    filled.write_bytes(filled.read_bytes()[: filled.stat().st_size // 2])
    salvage(filled, tmp_path / "new")
    bodies, labels = replies(tmp_path / "new")
    assert all(body == expected(key) for key, body in bodies.items())
    assert len(bodies) > 0.2 * N
    assert len(labels) == 50


@pytest.mark.parametrize("seed", range(5))
def test_r14_flipped_bytes_never_crash_the_salvage(filled, tmp_path, seed):
    content = bytearray(filled.read_bytes())
    for place in random.Random(seed).sample(range(8192, len(content)), 20):
        content[place] ^= 0xFF
    filled.write_bytes(content)
    salvage(filled, tmp_path / "new")
    bodies, _ = replies(tmp_path / "new")
    wrong = [key for key, body in bodies.items() if body != expected(key)]
    assert len(wrong) <= 20
    assert len(bodies) > 0.5 * N


@pytest.mark.parametrize("content", [b"", b"id,text\n" * 100, bytes(8192)])
def test_r14_where_nothing_is_left_nothing_is_made(tmp_path, content):
    (tmp_path / "damaged").write_bytes(content)
    with pytest.raises(StoreError, match="nothing can be read"):
        salvage(tmp_path / "damaged", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]
    (tmp_path / "new").touch()
    with pytest.raises(StoreError, match="exists"):
        salvage(tmp_path / "damaged", tmp_path / "new")


def test_r22_a_file_system_without_a_write_ahead_log_is_refused_in_words(tmp_path):
    connection = sqlite3.connect(":memory:")  # keeps no log, as a network file system does not
    with pytest.raises(StoreError, match="cannot keep a write-ahead log") as caught:
        _make_durable(connection, tmp_path / "journal.sqlite")
    connection.close()
    assert "local disk" in caught.value.hint


def test_r22_a_folder_that_cannot_lock_is_refused_in_words(tmp_path, monkeypatch):
    def refuse(_file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", refuse)
    with pytest.raises(StoreError, match="cannot be locked") as caught:
        Journal.open(tmp_path / "journal.sqlite")
    assert "Network file systems" in caught.value.hint


FORK = """
import os, sys
from pathlib import Path
from understudy.errors import StoreError
from understudy.journal import Journal
journal = Journal.open(Path(sys.argv[1]))
if os.fork() == 0:
    found = 0
    for use in (lambda: journal.recall("a"), lambda: journal.remember("a", "b")):
        try:
            use()
        except StoreError:
            found += 1
    os._exit(found)
print(os.waitstatus_to_exitcode(os.wait()[1]))
journal.remember("a", "c").result()
print(journal.recall("a"))
journal.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_r23_a_child_process_neither_reads_nor_writes_with_its_parents_handle(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FORK, tmp_path / "journal.sqlite"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "2\nc\n"


def full(*_arguments, **_named):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_r11_a_full_disk_makes_no_half_backup(filled, tmp_path, monkeypatch):
    with Journal.open(filled) as journal:
        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(StoreError, match="No space left"):
            journal.backup(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_r11_a_full_disk_leaves_the_older_student(tmp_path, monkeypatch):
    folder = tmp_path / "students" / "best"
    replace_student(folder, {"weights": b"old"})
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        replace_student(folder, {"weights": b"new"})
    assert [path.name for path in (tmp_path / "students").iterdir()] == ["best"]
    assert (folder / "weights").read_bytes() == b"old"


def test_r11_a_full_disk_leaves_the_older_report(tmp_path, monkeypatch):
    page = tmp_path / "report.html"
    replace_page(page, "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_page(page, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert page.read_text() == "old"
