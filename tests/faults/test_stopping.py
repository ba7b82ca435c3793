"""Cases R-03 and R-04: whoever stops a run, by Ctrl-C or by asking for no more, loses nothing that was sent."""

import asyncio
import signal
import subprocess
import sys
import threading
import time

import pytest
from fakellm import delay, hang, ok, serving, status
from single_runs import annotate, documents, in_turn, outcomes, teacher_for

from understudy.journal import Journal
from understudy.records import Outcome


def test_closing_the_iterator_stops_sending_and_keeps_what_is_in_flight(path):
    with serving(in_turn(delay(0.1, ok("pos")))) as fake, Journal.open(path) as journal:
        annotations = teacher_for(fake.url, journal, concurrency=4).annotate(documents(1000))
        next(annotations)
        annotations.close()
        n_calls = len(fake.calls)
        assert n_calls <= 12
        assert journal.counts()["replies"] == n_calls == fake.n_billed
    assert not [thread for thread in threading.enumerate() if thread.name == "understudy-teacher"]


def test_closing_while_the_gate_is_closed_does_not_wait_for_it(path):
    with serving(in_turn(ok("pos"), status(429, Retry_After="300"))) as fake, Journal.open(path) as journal:
        annotations = teacher_for(fake.url, journal, concurrency=1).annotate(documents(10))
        next(annotations)
        while len(fake.calls) < 2:
            time.sleep(0.01)
        annotations.close()
    assert len(fake.calls) == 2


INTERRUPTED = """
import signal, sys
from pathlib import Path
import numpy as np
from understudy.codebook import Codebook, Label, task_of
from understudy.journal import Journal
from understudy.records import Document
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan
url, path = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)
with Journal.open(Path(path)) as journal:
    plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some))
    teacher = LanguageModelTeacher(
        task_of(Codebook(labels=(Label(name="pos"), Label(name="neg")))), OpenAICompatible(url, "m"), journal, plan,
        TeacherSettings(kind="openai", model="m", concurrency=4), DataSettings(), np.random.default_rng(0),
    )
    try:
        for annotation in teacher.annotate([Document(f"d{i}", f"text {i}") for i in range(1000)]):
            sys.stdout.write("one\\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_r03_interruption_drains_what_is_in_flight(path):
    with serving(in_turn(delay(0.3, ok("pos")))) as fake:
        child = subprocess.Popen([sys.executable, "-c", INTERRUPTED, fake.url, path], stdout=-1, text=True)
        assert child.stdout.readline() == "one\n"
        time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=30)
    assert child.returncode == 130
    with Journal.open(path) as journal:
        counts = journal.counts()
        assert counts["replies"] == len(fake.calls) < 30
        ready = journal._read("select kind from failures")  # stored as intended, and then as not sent
        assert set(ready) <= {("not sent",)}
        assert counts["requests"] == counts["replies"] + len(ready)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_r04_second_interruption_does_not_wait(path):
    with serving(in_turn(ok("pos"), hang())) as fake:
        child = subprocess.Popen([sys.executable, "-c", INTERRUPTED, fake.url, path], stdout=-1, stderr=-1, text=True)
        assert child.stdout.readline() == "one\n"
        for _ in range(2):
            time.sleep(0.3)
            child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
    assert child.returncode == 130
    with Journal.open(path) as journal:
        journal.check()
        assert journal.counts()["replies"] >= 1


def test_works_inside_a_running_event_loop(path):
    async def notebook():
        return annotate(fake.url, path, 2)

    with serving(in_turn(ok("pos"))) as fake:
        assert outcomes(asyncio.run(notebook())) == [Outcome.LABELLED] * 2
