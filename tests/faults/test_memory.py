"""Case X-08: where memory runs out the run stops and can be resumed; no document is blamed for it."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import called
from fakellm import completion, delay, label_of, ok, raw, serving
from invariants import check_invariants

from understudy.codebook import Codebook, Label, task_of
from understudy.journal import Journal
from understudy.records import Document, Outcome
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan

LABELS = ("pos", "neg")
TASK = task_of(Codebook(labels=tuple(Label(name=name) for name in LABELS)))
N, CONCURRENCY, LAST_GOOD = 60, 4, 20
DOCUMENTS = [Document(f"d{i}", f"text {i}") for i in range(N)]


class Short:
    """Stands before a journal or a provider; from some call of one method on, there is no memory for it."""

    def __init__(self, whole, method, is_written=False):
        self._whole, self._method, self._n, self._is_written = whole, method, 0, is_written

    def __getattr__(self, name):
        found = getattr(self._whole, name)
        if name != self._method:
            return found

        def short(*arguments, **named):
            self._n += 1
            if self._n <= LAST_GOOD:
                return found(*arguments, **named)
            if self._is_written:  # it is the thread that writes which finds no memory
                return self._whole._submit(_fail)
            raise MemoryError

        return short


def _fail(_connection):
    raise MemoryError


def teacher_for(provider, store):
    settings = TeacherSettings(kind="openai", model="m", concurrency=CONCURRENCY, max_attempts=2, price_in_usd=1.0, price_out_usd=1.0)  # fmt: skip  # noqa: E501
    plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some))
    return LanguageModelTeacher(TASK, provider, store, plan, settings, DataSettings(), np.random.default_rng(0))


def answers(call):
    return delay(0.002, ok(label_of(call.question, LABELS)))


def keep_all(journal, teacher, said):
    """Annotate what has no annotation yet, storing each as the pipeline does."""
    known = journal.annotations(teacher.name, "", "", TASK.from_json)
    said.extend(known.values())
    for annotation in teacher.annotate([d for d in DOCUMENTS if d.id not in known]):
        journal.add_annotations([annotation], TASK.to_json)
        said.append(annotation)


def assert_resumed(path, url, fake, n_lost):
    """I1 to I3, I6, I7: the labels are all there, and billed again is at most what was in flight."""
    said = []
    with Journal.open(path) as journal:
        journal.check()
        keep_all(journal, teacher_for(OpenAICompatible(url, "m"), journal), said)
    check_invariants(path, DOCUMENTS, said)
    assert {a.outcome for a in said} == {Outcome.LABELLED}
    by_hash = {call.hash: label_of(call.question, LABELS) for call in fake.calls}
    assert len(by_hash) == N
    assert len(fake.calls) - N <= n_lost


POINTS = {
    "rendering": ("provider", "body", False),
    "reading": ("provider", "read", False),
    "looking up": ("journal", "reply_to", False),
    "intending": ("journal", "intend", True),
    "storing the reply": ("journal", "settle", True),
}


@pytest.mark.parametrize("point", POINTS)
def test_x08_out_of_memory_stops_the_run_and_it_resumes(tmp_path, point):
    path = tmp_path / "journal.sqlite"
    what, method, is_written = POINTS[point]
    said = []
    with serving(answers) as fake:
        with Journal.open(path) as journal:
            parts = {"provider": OpenAICompatible(fake.url, "m"), "journal": journal}
            parts[what] = Short(parts[what], method, is_written)
            with pytest.raises(MemoryError):
                keep_all(journal, teacher_for(parts["provider"], parts["journal"]), said)
            n_calls = len(fake.calls)
            assert LAST_GOOD - CONCURRENCY <= n_calls <= LAST_GOOD + 2 * CONCURRENCY
            assert {a.outcome for a in said} <= {Outcome.LABELLED}, "no document is blamed"
            paid = journal.counts()["replies"] * 105e-6
            assert paid - 1e-9 <= journal.spent_usd(), "what may have been billed counts"
        assert_resumed(path, fake.url, fake, n_lost=2 * CONCURRENCY)


def test_x08_the_command_line_says_what_happened_and_how_to_go_on(capsys, monkeypatch):
    def short():
        raise MemoryError

    monkeypatch.setattr(importlib.import_module("understudy.cli.main"), "build", lambda: lambda **_: short())
    ended = called(capsys, "validate", "--json")
    assert ended.code == 137
    assert json.loads(ended.out)["error"]["kind"] == "OutOfMemory"
    assert "goes on where this one stopped" in ended.err
    assert "Traceback" not in ended.err


LIMITED = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from understudy.cli.main import lacks_memory
from test_memory import Journal, OpenAICompatible, keep_all, teacher_for
pages = lambda: int(Path("/proc/self/statm").read_text().split()[0])
class Limiting:
    n = 0
    def __init__(self, journal): self.journal = journal
    def __getattr__(self, name): return getattr(self.journal, name)
    def settle(self, reply):
        self.n += 1
        if self.n == 20:
            limit = pages() * resource.getpagesize() + (8 << 20)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            print("limited", flush=True)
        return self.journal.settle(reply)
with Journal.open(Path(sys.argv[2])) as journal:
    try:
        keep_all(journal, teacher_for(OpenAICompatible(sys.argv[1], "m"), Limiting(journal)), [])
    except Exception as exc:  # asyncio may fail to end its threads, too
        print("short" if lacks_memory(exc) else repr(exc), flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs the size of a process as Linux tells it")
def test_x08_a_real_limit_stops_the_run_at_a_reply_that_does_not_fit_and_it_resumes(tmp_path):
    path, huge = tmp_path / "journal.sqlite", raw(completion("pos" + " " * (32 << 20)))
    script = lambda call: huge if call.number == 30 else answers(call)  # noqa: E731
    here = Path(__file__).parent
    with serving(script) as fake:
        command = [sys.executable, "-c", LIMITED, fake.url, str(path), str(here), str(here.parent)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert done.stdout == "limited\nshort\n", done.stderr
        with Journal.open(path, read_only=True) as journal:
            assert journal.counts()["replies"] < N
        assert_resumed(path, fake.url, fake, n_lost=2 * CONCURRENCY)
