"""Asking in batches, with everything that tests of batches look at afterwards."""

from __future__ import annotations

import asyncio
import re
import time

import numpy as np
import pytest
from invariants import check_invariants

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import TeacherError
from understudy.journal import Journal
from understudy.prompts import PLAINLY
from understudy.records import Document
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import Anthropic, LanguageModelTeacher, OpenAICompatible, PromptPlan
from understudy.teacher.patience import Clock
from understudy.teacher.together import ALONE

TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"))))
NONCE = "5f0c9a77e2b1d304"
KEY = "sk-canary-7f3a9e51c0de"
PROVIDERS = {"openai": OpenAICompatible, "anthropic": Anthropic}
PRICES = {"price_in_usd": 1.0, "price_out_usd": 2.0}
ONE_REPLY_USD = (100 * 1.0 + 5 * 2.0) / 1e6 / 2
"""The fakes count 100 tokens in and 5 out; a batch is half the price."""

CREATION = r"POST /v1/(messages/)?batches"
both = pytest.mark.parametrize("kind", ["openai", "anthropic"])


class QuickClock(Clock):
    """Ten thousand times as fast as the real one; `slept` lists the waits, in its own seconds."""

    __slots__ = ("slept",)

    def __init__(self):
        super().__init__(monotonic=time.monotonic, sleep=self._sleep)
        object.__setattr__(self, "slept", [])

    async def _sleep(self, seconds):
        self.slept.append(seconds)
        await asyncio.sleep(seconds / 10_000)


class Dying(Exception):
    """Stands for a kill."""


class Dead:
    """A journal that dies before or after one of its methods."""

    def __init__(self, journal, before="", after=""):
        self.journal, self.before, self.after = journal, before, after

    def __getattr__(self, name):
        def dying(*arguments):
            if name == self.before:
                raise Dying
            found = getattr(self.journal, name)(*arguments)
            if name == self.after:
                found.result()
                raise Dying
            return found

        return dying


def documents(texts):
    texts = [f"text {i}" for i in range(texts)] if isinstance(texts, int) else texts
    return [Document(f"d{i}", text) for i, text in enumerate(texts)]


def teacher_for(
    fake, journal, kind="openai", batch=True, clock=None, store=None, wording=PLAINLY, together=ALONE, **changes
):
    settings = TeacherSettings(**{"kind": kind, "model": "m", "concurrency": 4, "max_attempts": 2} | PRICES | changes)
    provider = PROVIDERS[kind](fake.url, settings.model, KEY, temperature=settings.temperature)
    plan = PromptPlan(NONCE, lambda some: [()] * len(some), True, "cb", "pr", wording, together=together)
    rng = np.random.default_rng(0)
    teacher = LanguageModelTeacher(TASK, provider, journal, plan, settings, DataSettings(), rng, clock or QuickClock())
    teacher.use_batches(store or journal, is_submitting=batch)
    return teacher


def annotate(fake, path, texts, kind="openai", watch=None, **changes):
    """Annotations by document id, after the invariants were checked."""
    asked = documents(texts)
    with Journal.open(path) as journal:
        teacher = teacher_for(fake, journal, kind, **changes)
        if watch is not None:
            teacher.watched_by(watch)
        annotations = list(teacher.annotate(asked))
        journal.check()
    check_invariants(path, asked, annotations, [KEY], changes.get("budget_usd"))
    return {a.document_id: a for a in annotations}


def stopped(fake, path, texts, kind="openai", **changes):
    with Journal.open(path) as journal, pytest.raises(TeacherError) as caught:
        list(teacher_for(fake, journal, kind, **changes).annotate(documents(texts)))
    return caught.value


def in_journal(path):
    with Journal.open(path, read_only=True) as journal:
        return journal.batches(), journal.counts(), journal.spent_usd()


def outcomes(annotations):
    return [annotations[f"d{i}"].outcome for i in range(len(annotations))]


def second_time(fake, **changes):
    """Another script from the second batch on."""
    end = fake.end

    def end_otherwise(batch, is_openai):
        for name, value in changes.items() if len(fake.batches) == 2 else ():
            setattr(fake.script, name, value)
        end(batch, is_openai)

    fake.end = end_otherwise


def by_number(question):
    """Even texts are positive."""
    number = re.search(r"\btext (\d{1,3})\n", question).group(1)
    return "pos" if int(number) % 2 == 0 else "neg"


def number_labels(annotations):
    return [annotations[f"d{i}"].value for i in range(len(annotations))]


EXPECTED = ["pos", "neg"] * 6
