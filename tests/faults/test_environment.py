"""Concurrency, clocks and surroundings: cases X-01 to X-10 and K-10, and connections (P-21, P-26, P-27)."""

import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fakellm import delay, ok, serving, status
from invariants import check_invariants

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import TeacherError
from understudy.journal import Journal
from understudy.records import Document, Outcome
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan
from understudy.teacher.patience import Clock

TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"))))
PLAN = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some), True, "cb", "pr")


def documents(n):
    return [Document(f"d{i}", f"text {i}") for i in range(n)]


def teacher(provider, journal, clock=None, **changes):
    settings = TeacherSettings(**{"kind": "openai", "model": "m", "concurrency": 4, "max_attempts": 3} | changes)
    return LanguageModelTeacher(
        TASK, provider, journal, PLAN, settings, DataSettings(), np.random.default_rng(0), clock
    )  # fmt: skip


def annotate(url, path, n, **changes):
    with Journal.open(path) as journal:
        annotations = list(teacher(OpenAICompatible(url, "m"), journal, **changes).annotate(documents(n)))
    check_invariants(path, documents(n), annotations)
    return {a.document_id: a for a in annotations}


def in_turn(*actions):
    return lambda call: actions[min(call.number, len(actions) - 1)]


@pytest.mark.parametrize("jump_s", [-7200.0, 86400.0, 4e8])
def test_x01_a_jumping_wall_clock_changes_no_wait(path, monkeypatch, jump_s):
    real, flips = time.time, itertools.cycle((0.0, jump_s))
    monkeypatch.setattr(time, "time", lambda: real() + next(flips))
    with serving(in_turn(status(429, Retry_After="0.4"), ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 6, concurrency=1)
    assert {a.outcome for a in annotations.values()} == {Outcome.LABELLED}
    at = [call.at for call in fake.calls]
    assert at[1] - at[0] >= 0.4
    assert len(at) == 7


def test_x02_waking_up_after_ten_minutes_of_sleep_storms_nobody(path):
    woken = threading.Event()

    def monotonic():
        return time.monotonic() + (600.0 if woken.is_set() else 0.0)

    def script(call):
        if call.number == 3:
            woken.set()
        return ok("pos")

    with serving(script) as fake, Journal.open(path) as journal:
        asked = teacher(
            OpenAICompatible(fake.url, "m"), journal, Clock(monotonic=monotonic), requests_per_minute=600
        ).annotate(documents(10))
        assert {a.outcome for a in asked} == {Outcome.LABELLED}
    at = [call.at for call in fake.calls]
    assert len(at) == 10
    # ten minutes of rest allow no burst beside the three calls that were waiting for their turn
    assert at[-1] - at[4] >= 2 * 0.1 - 0.05


class Faulty(OpenAICompatible):
    """Has a fault of ours in reading some replies."""

    def read(self, raw):
        if "broken" in raw:
            raise RuntimeError("a fault of ours")
        return super().read(raw)


def test_x03_a_fault_in_one_task_costs_that_document_alone(path):
    def script(call):
        return ok("broken") if "text 2\n" in call.question else ok("pos")

    with serving(script) as fake, Journal.open(path) as journal:
        found = {a.document_id: a for a in teacher(Faulty(fake.url, "m"), journal).annotate(documents(30))}
    assert len(found) == 30
    assert found.pop("d2").outcome is Outcome.FAILED
    assert {a.outcome for a in found.values()} == {Outcome.LABELLED}
    assert len(fake.calls) == 30


def test_x03_the_reason_names_the_fault(path):
    with serving(in_turn(ok("broken"), ok("pos"))) as fake, Journal.open(path) as journal:
        (failed, _) = sorted(
            teacher(Faulty(fake.url, "m"), journal, concurrency=1).annotate(documents(2)), key=lambda a: a.outcome
        )
    assert "RuntimeError: a fault of ours" in failed.reason
    assert failed.cost_usd is None  # what the lost reply has cost is not known


def test_x03_the_same_fault_again_and_again_ends_the_run_without_losing_what_is_in_flight(path):
    with serving(lambda call: ok("broken") if "1" in call.question.split("\n")[1] else ok("pos")) as fake:
        with Journal.open(path) as journal, pytest.raises(RuntimeError, match="a fault of ours"):
            list(teacher(Faulty(fake.url, "m"), journal).annotate(documents(200)))
        with Journal.open(path, read_only=True) as journal:
            assert journal.counts()["replies"] >= len(fake.calls) - 10 - 5
    assert len(fake.calls) < 60  # d1, d10 to d19 have a 1
    assert not [thread for thread in threading.enumerate() if thread.name == "understudy-teacher"]


def test_x04_works_in_a_running_loop_in_a_thread_and_twice_in_one_process(path, tmp_path):
    found = []

    async def notebook(url):
        return annotate(url, path, 2)

    with serving(in_turn(ok("pos"))) as fake:
        found.append(asyncio.run(notebook(fake.url)))
        thread = threading.Thread(target=lambda: found.append(annotate(fake.url, tmp_path / "second.sqlite", 2)))
        thread.start()
        found.append(annotate(fake.url, path, 3))
        thread.join()
    assert [len(one) for one in found].count(2) == 2
    assert {a.outcome for one in found for a in one.values()} == {Outcome.LABELLED}


@pytest.mark.parametrize("name", ["with space", "ümläut", "emoji 🙂", "100%41", "q?x#y", "a" * 200, "quote'\"s"])
def test_x06_any_folder_name_will_do(tmp_path, name):
    if sys.platform == "win32" and set(name) & set('?"'):
        pytest.skip("not a name on Windows")
    (tmp_path / name).mkdir()
    with Journal.open(tmp_path / name / "journal.sqlite") as journal:
        journal.remember("a", "b").result()
        assert journal.recall("a") == "b"
        journal.backup(tmp_path / name / "copy")
    with Journal.open(tmp_path / name / "copy", read_only=True) as journal:
        assert journal.recall("a") == "b"


FEW_FILES = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
sys.path.insert(0, sys.argv[3])
from test_environment import annotate
annotations = annotate(sys.argv[1], Path(sys.argv[2]), 200, concurrency=64)
print({a.outcome.value for a in annotations.values()})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of open files")
def test_x07_few_open_files_mean_fewer_calls_at_once(path):
    with serving(lambda call: delay(0.02, ok("pos"))) as fake:
        command = [sys.executable, "-c", FEW_FILES, fake.url, path, str(Path(__file__).parent)]
        paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert done.stdout == "{'labelled'}\n", done.stderr
    assert fake.peak < 40


ORDER = """
import hashlib, json, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from understudy.teacher import Scripted
from test_environment import Journal, documents, teacher
with Journal.open(Path(sys.argv[1])) as journal:
    provider = Scripted(lambda messages: "pos" if hashlib.md5(messages[-1].content.encode()).digest()[0] % 2 else "neg")
    said = teacher(provider, journal, concurrency=int(sys.argv[3]), replicates=2).annotate(documents(40))
    print(json.dumps(sorted((a.document_id, a.value, a.provenance.request_keys) for a in said)))
"""


def test_x10_hash_seeds_and_the_number_of_workers_change_nothing(tmp_path):
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    started = []
    for seed, n_workers in ((1, 1), (2, 8), (3, 64)):
        command = [sys.executable, "-c", ORDER, tmp_path / f"{seed}.sqlite", str(Path(__file__).parent), str(n_workers)]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": paths}
        started.append(subprocess.Popen(command, stdout=-1, text=True, env=environment))
    found = [json.loads(process.communicate()[0]) for process in started]
    assert found[0] == found[1] == found[2]
    assert len({value for _, value, _ in found[0]}) == 2


def test_p21_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(path):
    with serving(in_turn(delay(0.6, ok("neg")), ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 4, concurrency=1, timeout_s=0.3)
        time.sleep(0.5)
    assert [a.value for a in annotations.values()] == ["pos"] * 4


def test_p26_a_certificate_error_is_named_and_no_dangerous_way_out_offered(path):
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer():
            connection, _ = plain.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 this is no TLS\r\n\r\n")
                connection.recv(4096)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(TeacherError) as caught:
            annotate(f"https://127.0.0.1:{plain.getsockname()[1]}/v1", path, 1)
    assert "SSL" in caught.value.message
    assert "verify=" not in f"{caught.value.message}{caught.value.hint}"


def n_open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files where Linux lists them")
def test_p27_no_connection_or_thread_is_left_behind(path):
    before = n_open_files()
    with serving(lambda call: delay(1.0, ok("pos")) if call.number % 20 == 5 else ok("pos")) as fake:
        annotate(fake.url, path, 100, concurrency=16, timeout_s=0.5, max_attempts=5)
        assert fake.peak <= 16
    assert n_open_files() <= before + 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("understudy")]


def test_k10_importing_opens_no_connection():
    code = """
import socket
def refuse(*arguments, **named):
    raise AssertionError("a connection was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import understudy, understudy.cli, understudy.teacher, understudy.journal, understudy.prompts, understudy.pipeline
"""
    subprocess.run([sys.executable, "-c", code], check=True)
