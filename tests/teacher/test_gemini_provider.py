import json

import numpy as np
import pytest
from fakellm import raw, serving
from fakevendors import blocked, generated, google_error, quota_failure, retry_info
from hypothesis import given
from hypothesis import strategies as st

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import TeacherError
from understudy.journal import Journal
from understudy.prompts import Message
from understudy.prompts.schema import answer_schema
from understudy.records import Document, Outcome
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import Gemini, LanguageModelTeacher, PromptPlan
from understudy.teacher.provider import Ending, Token
from understudy.teacher.providers.gemini import read_generated_content

TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"))))
KEY = "aiza-canary-51c0de"
QUESTION = (
    Message("system", "codebook"), Message("user", "one"), Message("assistant", "pos"), Message("user", "two"),
)  # fmt: skip


def annotate(url, path, n, **settings):
    settings = TeacherSettings(kind="openai", model="m", concurrency=1, max_attempts=2, **settings)
    plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some))
    provider = Gemini(url, "gemini-x", KEY, max_tokens=settings.max_tokens)
    rng = np.random.default_rng(0)
    with Journal.open(path / "journal.sqlite") as journal:
        teacher = LanguageModelTeacher(TASK, provider, journal, plan, settings, DataSettings(), rng)
        return list(teacher.annotate([Document(f"d{i}", f"text {i}") for i in range(n)]))


def test_body_names_roles_as_the_service_does():
    provider = Gemini("https://host/v1beta", "models/gemini-x", KEY, max_tokens=9)
    assert provider.url == "https://host/v1beta/models/gemini-x:generateContent"
    assert provider.body(QUESTION) == {
        "systemInstruction": {"parts": [{"text": "codebook"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "one"}]},
            {"role": "model", "parts": [{"text": "pos"}]},
            {"role": "user", "parts": [{"text": "two"}]},
        ],
        "generationConfig": {"temperature": 0.0, "maxOutputTokens": 9},
    }


def test_schema_ceiling_and_log_probabilities():
    config = Gemini("https://host", "m", logprobs=True).body(QUESTION, 99, answer_schema(TASK))["generationConfig"]
    assert config == {
        "temperature": 0.0, "maxOutputTokens": 99, "responseMimeType": "application/json",
        "responseJsonSchema": answer_schema(TASK), "responseLogprobs": True, "logprobs": 20,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "ending", "text"),
    [
        ("", Ending.UNREADABLE, ""),
        ("3", Ending.UNREADABLE, ""),
        ("{}", Ending.UNREADABLE, ""),
        ('{"candidates": []}', Ending.UNREADABLE, ""),
        (blocked(), Ending.REFUSED, ""),
        (generated("pos"), Ending.COMPLETE, "pos"),
        (generated("pos", thought="neg"), Ending.COMPLETE, "pos"),
        ('{"candidates": [{"content": {"parts": [{"text": "p"}, {"text": "os"}]}}]}', Ending.COMPLETE, "pos"),
        (generated("po", finish_reason="MAX_TOKENS"), Ending.CUT, "po"),
        (generated(None, finish_reason="MAX_TOKENS"), Ending.CUT, ""),
        (generated(None, finish_reason="SAFETY"), Ending.REFUSED, ""),
        (generated("pos", finish_reason="RECITATION"), Ending.REFUSED, "pos"),
        (generated("pos", finish_reason="PROHIBITED_CONTENT"), Ending.REFUSED, "pos"),
        (generated("pos", finish_reason="MALFORMED_RESPONSE"), Ending.UNREADABLE, "pos"),
        (generated("pos", finish_reason="OTHER"), Ending.UNREADABLE, "pos"),
    ],
)
def test_first_candidate_is_opened(raw, ending, text):
    completion = read_generated_content(raw)
    assert (completion.ending, completion.text) == (ending, text)
    assert bool(completion.reason) == (ending is not Ending.COMPLETE)


def test_hidden_reasoning_is_paid_for_and_counted():
    usage = {
        "promptTokenCount": 50,
        "thoughtsTokenCount": 300,
        "candidatesTokenCount": 2,
        "cachedContentTokenCount": 40,
    }
    found = read_generated_content(generated("pos", usage=usage))
    assert (found.prompt_tokens, found.completion_tokens, found.cached_tokens) == (50, 302, 40)
    found = read_generated_content(generated(None, usage={"promptTokenCount": 50}, finish_reason="SAFETY"))
    assert (found.prompt_tokens, found.completion_tokens) == (50, 0)
    found = read_generated_content(generated("pos", usage={"candidatesTokenCount": 2}))
    assert (found.prompt_tokens, found.completion_tokens) == (None, None)


def test_tokens_come_with_their_alternatives():
    found = read_generated_content(generated("pos", logprobs=[[("po", -0.1), ("ne", -2.5)], [("s", 0.0)]]))
    assert found.tokens == (
        Token("po", -0.1, (("po", -0.1), ("ne", -2.5))),
        Token("s", 0.0, (("s", 0.0),)),
    )
    broken = json.loads(generated("pos", logprobs=[[("po", -0.1)], [("s", 0.0)]]))
    del broken["candidates"][0]["logprobsResult"]["chosenCandidates"][1]["logProbability"]
    assert read_generated_content(json.dumps(broken)).tokens == ()


def test_run_waits_as_long_as_the_error_says(tmp_path):
    limited = google_error(429, "RESOURCE_EXHAUSTED", "Quota exceeded", retry_info("0.5s"))
    with serving(lambda call: limited if call.number == 0 else raw(generated("neg"))) as fake:
        (annotation,) = annotate(fake.url, tmp_path, 1)
    assert (annotation.value, annotation.provenance.model) == ("neg", "gemini-fake-1")
    first, second = fake.calls
    assert second.at - first.at >= 0.5
    assert (first.headers[":path"], first.headers["x-goog-api-key"]) == ("/v1/models/gemini-x:generateContent", KEY)
    assert "?" not in first.headers[":path"]


def test_blocked_text_is_refused_and_costs_no_other(tmp_path):
    with serving(lambda call: raw(blocked() if call.number == 0 else generated("pos"))) as fake:
        annotations = annotate(fake.url, tmp_path, 2)
    assert [a.outcome for a in annotations] == [Outcome.REFUSED, Outcome.LABELLED]
    assert annotations[0].reason == "the provider's filter: SAFETY"


INVALID = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


@pytest.mark.parametrize(
    ("action", "hint"),
    [
        (google_error(400, "INVALID_ARGUMENT", f"API key not valid: {KEY}", INVALID), "key"),
        (google_error(403, "PERMISSION_DENIED", "no"), "account's rights"),
        (google_error(404, "NOT_FOUND", "models/gemini-x is not found"), "teacher.model"),
        (google_error(429, "RESOURCE_EXHAUSTED", "Quota", quota_failure("RequestsPerDayPerProject")), "tomorrow"),
        (google_error(400, "INVALID_ARGUMENT", "Logprobs is not enabled for this model"), "teacher.logprobs = false"),
    ],
)
def test_run_stops_at_what_no_other_text_would_survive(tmp_path, action, hint):
    with serving(lambda call: action) as fake, pytest.raises(TeacherError) as caught:
        annotate(fake.url, tmp_path, 5)
    assert len(fake.calls) == 1
    assert hint in caught.value.hint
    assert KEY not in caught.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["candidates", "content", "parts", "text", "token", "logProbability", "chosen"]), inner
    ),
)  # fmt: skip


@given(JSON)
def test_nothing_that_a_server_sends_raises(found):
    read_generated_content(json.dumps(found))
    read_generated_content(json.dumps({"candidates": [found], "usageMetadata": found, "promptFeedback": found}))
    whole = {"content": found, "finishReason": found, "logprobsResult": {"topCandidates": found}}
    read_generated_content(json.dumps({"candidates": [whole]}))
