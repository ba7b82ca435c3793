"""Against a server that nobody here wrote: llama.cpp's, with a tiny model of random weights."""

import json
import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.journal import Journal
from understudy.prompts import Wording
from understudy.records import Document, Outcome
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan

pytestmark = pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("gguf") is None,
    reason="needs the packages xllamacpp (llama.cpp with its server) and gguf",
)
WORDS = ("pos", "neg", "unsure")
TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"))))
TEXTS = ["cat", "dog", "red cat", "red dog"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    command = [sys.executable, str(Path(__file__).with_name("tiny_llama.py")), str(tmp_path_factory.mktemp("llama"))]
    with subprocess.Popen(
        [*command, *WORDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        address = server.stdout.readline().strip()
        assert address, "the server did not start"
        yield f"{address}/v1"
        server.kill()


def annotate(address, journal, *, is_structured=False, logprobs=False, temperature=0.0):
    settings = TeacherSettings(kind="openai", model="tiny", concurrency=2, max_tokens=128)
    plan = PromptPlan(
        "5f0c9a77e2b1d304", lambda some: [()] * len(some), repair=False, wording=Wording(is_structured=is_structured)
    )
    provider = OpenAICompatible(address, "tiny", temperature=temperature, max_tokens=128, logprobs=logprobs)
    rng = np.random.default_rng(0)
    teacher = LanguageModelTeacher(TASK, provider, journal, plan, settings, DataSettings(), rng)
    annotations = list(teacher.annotate([Document(text, text) for text in TEXTS]))
    replies = [journal.reply_to(key) for each in annotations for key in each.provenance.request_keys]
    return annotations, replies


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        yield journal


def test_plain_answers_are_read_counted_and_kept(address, journal):
    annotations, replies = annotate(address, journal)
    assert len(replies) == len(TEXTS)
    assert {a.outcome for a in annotations} <= {Outcome.LABELLED, Outcome.ABSTAINED}
    assert all(reply.prompt_tokens > 100 and reply.completion_tokens > 0 for reply in replies)
    assert max(reply.cached_tokens for reply in replies) > 100  # the codebook stands first and is the same
    assert annotations[0].provenance.model
    again, _ = annotate(address, journal)
    assert {a.document_id: a.value for a in again} == {a.document_id: a.value for a in annotations}
    assert journal.counts()["replies"] == len(TEXTS)


def test_answers_are_held_to_the_schema(address, journal):
    annotations, replies = annotate(address, journal, is_structured=True, temperature=1.5)
    said = [json.loads(json.loads(reply.body)["choices"][0]["message"]["content"]) for reply in replies]
    assert {tuple(answer) for answer in said} == {("label",)}
    assert {answer["label"] for answer in said} <= set(WORDS)
    assert journal.counts()["failures"] == 0
    for annotation, answer in zip(annotations, said, strict=True):
        assert annotation.value == (None if answer["label"] == "unsure" else answer["label"])


def begins(word, token):
    return bool(token) and word.startswith(token)


@pytest.mark.parametrize("is_structured", [False, True])
def test_confidence_is_the_share_of_the_label_among_the_words(address, journal, is_structured):
    annotations, replies = annotate(address, journal, is_structured=is_structured, logprobs=True)
    labelled = [(a, reply) for a, reply in zip(annotations, replies, strict=True) if a.outcome is Outcome.LABELLED]
    assert labelled
    for annotation, reply in labelled:
        tokens = json.loads(reply.body)["choices"][0]["logprobs"]["content"]
        (listed,) = [token["top_logprobs"] for token in tokens if token["token"] == annotation.value]
        # "p" or "un" begins a word, too; no two words begin alike
        mass = {word: sum(math.exp(t["logprob"]) for t in listed if begins(word, t["token"])) for word in WORDS}
        assert annotation.confidence == pytest.approx(mass[annotation.value] / sum(mass.values()), rel=1e-6)
        assert 0 < annotation.confidence < 1
