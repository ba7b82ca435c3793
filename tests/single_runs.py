"""Asking one text a call, with everything that tests of faults look at afterwards."""

import asyncio
import time

import numpy as np
import pytest
from invariants import check_invariants

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import TeacherError
from understudy.journal import Journal
from understudy.records import Document
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan
from understudy.teacher.patience import Clock

TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"))))
KEY = "sk-canary-7f3a9e51c0de"
NONCE = "5f0c9a77e2b1d304"


def documents(n):
    return [Document(f"d{i}", f"text {i}") for i in range(n)]


def settings(**changes):
    return TeacherSettings(**{"kind": "openai", "model": "m", "concurrency": 4, "max_attempts": 3} | changes)


def teacher_for(url, journal, clock=None, repair=True, choose=None, key=KEY, **changes):
    chosen = settings(**changes)
    temperature, max_tokens = chosen.temperature, chosen.max_tokens
    provider = OpenAICompatible(url, chosen.model, key, temperature=temperature, max_tokens=max_tokens)
    plan = PromptPlan(NONCE, choose or (lambda some: [()] * len(some)), repair, "cb", "pr")
    rng = np.random.default_rng(0)
    return LanguageModelTeacher(TASK, provider, journal, plan, chosen, DataSettings(), rng, clock)


def annotate(url, path, texts, **changes):
    """Annotations by document id, after the invariants were checked."""
    asked = documents(texts) if isinstance(texts, int) else [Document(f"d{i}", text) for i, text in enumerate(texts)]
    with Journal.open(path) as journal:
        annotations = list(teacher_for(url, journal, **changes).annotate(asked))
    check_invariants(path, asked, annotations, [KEY], changes.get("budget_usd"))
    return {a.document_id: a for a in annotations}


def outcomes(annotations):
    return [annotations[f"d{i}"].outcome for i in range(len(annotations))]


def stopped(url, path, n=20, **changes):
    """The error that stops a run, and what was finished before."""
    finished = []
    with Journal.open(path) as journal, pytest.raises(TeacherError) as caught:
        finished.extend(teacher_for(url, journal, **changes).annotate(documents(n)))
    return caught.value


class FastClock(Clock):
    """A thousand times as fast as the real one; `slept` lists the waits, in its own seconds."""

    __slots__ = ("slept",)

    def __init__(self):
        super().__init__(monotonic=lambda: time.monotonic() * 1000, sleep=self._sleep)
        object.__setattr__(self, "slept", [])

    async def _sleep(self, seconds):
        self.slept.append(seconds)
        await asyncio.sleep(seconds / 1000)


def in_turn(*actions):
    """One action for each call, the last for all further ones."""
    return lambda call: actions[min(call.number, len(actions) - 1)]


def by_text(actions, otherwise):
    """Actions for questions that hold a text."""
    return lambda call: next((a for text, a in actions.items() if f"{text}\n" in call.question), otherwise)
