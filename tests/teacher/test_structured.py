"""Answers held to a schema, the way back to free text, and log-probabilities, against a server."""

import json
import math

import numpy as np
import pytest
from fakellm import ok, raw, serving, status

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import TeacherError
from understudy.journal import Journal
from understudy.prompts import Wording
from understudy.records import Document, Outcome
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan

LABELS = (Label(name="pos"), Label(name="neg"))
ONE = task_of(Codebook(labels=LABELS))
MANY = task_of(Codebook(kind="multilabel", labels=LABELS))
NO_SCHEMAS = status(400, json.dumps({"error": {"message": "'response_format' is not supported here"}}))


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        yield journal


def teacher_for(url, journal, task=ONE, *, is_structured=True, logprobs=False, **settings):
    settings = TeacherSettings(**{"kind": "openai", "model": "m", "concurrency": 4, "max_attempts": 2} | settings)
    wording = Wording(is_structured=is_structured)
    plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some), wording=wording)
    provider = OpenAICompatible(url, "m", logprobs=logprobs)
    return LanguageModelTeacher(task, provider, journal, plan, settings, DataSettings(), np.random.default_rng(0))


def documents(n):
    return [Document(f"d{i}", f"text {i}") for i in range(n)]


def test_schema_is_sent_and_its_answers_are_read(journal):
    with serving(lambda call: ok('{"label": "neg"}' if call.number else '{"label":"unsure"}')) as fake:
        annotations = list(teacher_for(fake.url, journal, concurrency=1).annotate(documents(2)))
    assert [(a.outcome, a.value) for a in annotations] == [(Outcome.ABSTAINED, None), (Outcome.LABELLED, "neg")]
    held = fake.calls[0].body["response_format"]
    assert held["json_schema"]["strict"] is True
    assert held["json_schema"]["schema"]["properties"]["label"]["enum"] == ["pos", "neg", "unsure"]
    assert '{"label": NAME}' in fake.calls[0].body["messages"][0]["content"]


def test_sets_are_lists(journal):
    with serving(lambda call: ok('{"labels": ["neg", "pos"]}' if call.number else '{"labels": []}')) as fake:
        annotations = list(teacher_for(fake.url, journal, MANY, concurrency=1).annotate(documents(2)))
    assert [a.value for a in annotations] == [(), ("pos", "neg")]


def test_endpoint_without_schemas_is_asked_plainly_from_then_on(journal):
    with serving(lambda call: NO_SCHEMAS if "response_format" in call.body else ok("pos")) as fake:
        annotations = list(teacher_for(fake.url, journal).annotate(documents(40)))
    assert {a.value for a in annotations} == {"pos"}
    n_refused = sum("response_format" in call.body for call in fake.calls)
    assert 1 <= n_refused <= 5  # the four in flight when the first refusal came, and the one that was ready
    assert len(fake.calls) == 40 + n_refused
    assert fake.n_billed == 40
    plain = next(call for call in fake.calls if "response_format" not in call.body)
    assert "JSON" not in plain.body["messages"][0]["content"]
    assert "{" not in plain.question


def test_what_a_run_knows_is_asked_for_once_more_in_the_next_and_nothing_is_paid_twice(journal):
    with serving(lambda call: NO_SCHEMAS if "response_format" in call.body else ok("pos")) as fake:
        list(teacher_for(fake.url, journal, concurrency=1).annotate(documents(5)))
        again = list(teacher_for(fake.url, journal, concurrency=1).annotate(documents(5)))
    assert {a.value for a in again} == {"pos"}
    assert fake.n_billed == 5
    assert len(fake.calls) == 7


def test_schema_is_part_of_what_identifies_a_request(journal):
    with serving(lambda call: ok("pos")) as fake:
        list(teacher_for(fake.url, journal).annotate(documents(3)))
        list(teacher_for(fake.url, journal, is_structured=False).annotate(documents(3)))
        list(teacher_for(fake.url, journal, is_structured=False, logprobs=True).annotate(documents(3)))
    assert len(fake.calls) == 9


def test_repair_asks_for_the_same_object(journal):
    with serving(lambda call: ok('{"label": "neg"}' if call.number else '{"label": "maybe"}')) as fake:
        (annotation,) = teacher_for(fake.url, journal).annotate(documents(1))
    assert annotation.value == "neg"
    assert fake.calls[1].question.count('{"label": NAME}') == 2
    assert "response_format" in fake.calls[1].body


def listed(text, **probabilities):
    options = [{"token": token, "logprob": math.log(p)} for token, p in probabilities.items()]
    return {"token": text, "logprob": math.log(probabilities[text]), "top_logprobs": options}


def answered(text, *tokens):
    choice = {"message": {"content": text}, "finish_reason": "stop", "logprobs": {"content": list(tokens)}}
    return raw(json.dumps({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}))


def test_confidence_is_the_probability_of_the_label(journal):
    # 0.6 / (0.6 + 0.2); 0.9 of replicate 2: mean (0.75 + 0.9) / 2
    answers = [
        answered("pos", listed("pos", pos=0.6, neg=0.2, ok=0.2)),
        answered("pos", listed("pos", pos=0.9, neg=0.1)),
    ]
    with serving(lambda call: answers[call.number]) as fake:
        teacher = teacher_for(fake.url, journal, is_structured=False, logprobs=True, replicates=2, temperature=1.0)
        (annotation,) = teacher.annotate(documents(1))
    assert annotation.confidence == pytest.approx(0.825)
    assert (fake.calls[0].body["logprobs"], fake.calls[0].body["top_logprobs"]) == (True, 20)


def test_stated_confidence_stays_where_there_are_no_log_probabilities(journal):
    with serving(lambda call: ok('{"label": "pos", "confidence": 0.4}')) as fake:
        (annotation,) = teacher_for(fake.url, journal).annotate(documents(1))
    assert annotation.confidence == 0.4


def test_model_without_log_probabilities_stops_the_run_at_once(journal):
    refusal = status(400, json.dumps({"error": {"message": "logprobs are not supported with reasoning models"}}))
    with serving(lambda call: refusal) as fake, pytest.raises(TeacherError) as caught:
        list(teacher_for(fake.url, journal, logprobs=True, concurrency=1).annotate(documents(5)))
    assert len(fake.calls) == 1
    assert "teacher.logprobs = false" in caught.value.hint
