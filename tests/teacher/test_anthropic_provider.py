import json

import numpy as np
import pytest
from fakellm import serving, status
from fakevendors import anthropic_error, message, says
from hypothesis import given
from hypothesis import strategies as st

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import TeacherError, UserError
from understudy.journal import Journal
from understudy.prompts import Message
from understudy.prompts.schema import answer_schema
from understudy.records import Document, Outcome
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import Anthropic, LanguageModelTeacher, PromptPlan
from understudy.teacher.provider import Ending
from understudy.teacher.providers.anthropic import read_message

TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"))))
KEY = "sk-ant-canary-51c0de"
QUESTION = (
    Message("system", "codebook"), Message("user", "one"), Message("assistant", "pos"), Message("user", "two"),
)  # fmt: skip
MARK = {"type": "ephemeral"}


def annotate(url, path, n, **settings):
    settings = TeacherSettings(kind="openai", model="m", concurrency=1, max_attempts=2, **settings)
    plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some))
    provider = Anthropic(url, "claude-x", KEY, temperature=settings.temperature, max_tokens=settings.max_tokens)
    rng = np.random.default_rng(0)
    with Journal.open(path / "journal.sqlite") as journal:
        teacher = LanguageModelTeacher(TASK, provider, journal, plan, settings, DataSettings(), rng)
        annotations = list(teacher.annotate([Document(f"d{i}", f"text {i}") for i in range(n)]))
        replies = [journal.reply_to(key) for a in annotations for key in a.provenance.request_keys]
    return annotations, replies


def test_body_is_a_message_with_a_marked_system_block():
    body = Anthropic("https://host/v1/", "claude-x", KEY, max_tokens=9).body(QUESTION)
    assert body == {
        "model": "claude-x",
        "max_tokens": 9,
        "temperature": 0.0,
        "system": [{"type": "text", "text": "codebook", "cache_control": MARK}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "one"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "pos"}]},
            {"role": "user", "content": [{"type": "text", "text": "two"}]},
        ],
    }


@pytest.mark.parametrize(("n_shared", "marked"), [(0, ""), (1, "codebook"), (3, "codebook pos"), (9, "codebook pos")])
def test_marks_stand_where_what_all_texts_share_ends(n_shared, marked):
    body = Anthropic("https://host/v1", "claude-x", n_shared=n_shared).body(QUESTION)
    blocks = [*body["system"], *(block for turn in body["messages"] for block in turn["content"])]
    assert " ".join(block["text"] for block in blocks if "cache_control" in block) == marked
    assert [block["text"] for block in blocks] == ["codebook", "one", "pos", "two"]


def test_the_question_itself_is_never_marked():
    (turn,) = Anthropic("https://host/v1", "claude-x", n_shared=3).body((QUESTION[0], QUESTION[3]))["messages"]
    assert turn["content"] == [{"type": "text", "text": "two"}]


def test_schema_ceiling_and_own_temperature():
    provider = Anthropic("https://host/v1", "claude-x", temperature=1.0)
    body = provider.body(QUESTION, 99, answer_schema(TASK))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": answer_schema(TASK)}}
    assert body["max_tokens"] == 99
    assert "temperature" not in body


@pytest.mark.parametrize(
    ("raw", "ending", "text"),
    [
        ("", Ending.UNREADABLE, ""),
        ("[]", Ending.UNREADABLE, ""),
        ('{"type": "error", "error": {"type": "api_error", "message": "odd"}}', Ending.UNREADABLE, ""),
        ('{"content": []}', Ending.COMPLETE, ""),
        (message("pos"), Ending.COMPLETE, "pos"),
        (message("pos", stop_reason="stop_sequence"), Ending.COMPLETE, "pos"),
        (message("pos", thinking="neg"), Ending.COMPLETE, "pos"),
        (message("po", stop_reason="max_tokens"), Ending.CUT, "po"),
        (message("po", stop_reason="model_context_window_exceeded"), Ending.CUT, "po"),
        (message(None, stop_reason="refusal"), Ending.REFUSED, ""),
        (message("pos", stop_reason="refusal", explanation="too harmful"), Ending.REFUSED, "pos"),
    ],
)
def test_message_is_opened(raw, ending, text):
    completion = read_message(raw)
    assert (completion.ending, completion.text) == (ending, text)
    assert bool(completion.reason) == (ending is not Ending.COMPLETE)


def test_reasons_carry_the_services_words():
    assert read_message(message(None, stop_reason="refusal", explanation="too harmful")).reason.endswith("too harmful")
    assert read_message('{"error": {"message": "odd"}}').reason == "the server says: odd"


def test_prompt_tokens_include_what_was_cached():
    # 7 fresh + 1,000 read + 200 written
    usage = {"input_tokens": 7, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 200, "output_tokens": 3}
    found = read_message(message("pos", usage=usage))
    assert (found.prompt_tokens, found.completion_tokens, found.cached_tokens, found.cache_written_tokens) == (
        1207, 3, 1000, 200,
    )  # fmt: skip
    found = read_message(message("pos", usage={"input_tokens": "7", "output_tokens": -1}))
    assert (found.prompt_tokens, found.completion_tokens, found.cached_tokens) == (None, None, None)


def test_run_against_a_server_that_is_overloaded_once(tmp_path):
    script = [anthropic_error(529, "overloaded_error", "Overloaded"), says("neg")]
    usage = {"input_tokens": 1, "cache_read_input_tokens": 90, "output_tokens": 2}
    with serving(lambda call: script[call.number] if call.number < 2 else says("pos", usage=usage)) as fake:
        (first, second), replies = annotate(fake.url, tmp_path, 2, price_in_usd=1.0, price_out_usd=1.0)
    assert (first.value, second.value) == ("neg", "pos")
    assert first.provenance.model == "claude-fake-1"
    assert replies[1].cached_tokens == 90
    headers = fake.calls[0].headers
    assert (headers[":path"], headers["x-api-key"], headers["anthropic-version"]) == ("/v1/messages", KEY, "2023-06-01")
    assert "authorization" not in headers


def test_current_version_of_the_protocol_is_spoken_where_no_temperature_is_asked_for(tmp_path):
    with serving(lambda call: says("pos")) as fake:
        annotate(fake.url, tmp_path, 1, temperature=1.0)
    assert fake.calls[0].headers["anthropic-version"] == "2026-10-21"
    assert "temperature" not in fake.calls[0].body


def test_refusal_and_too_long_text_end_their_own_documents(tmp_path):
    def script(call):
        if "text 0\n" in call.question:
            return says(None, stop_reason="refusal", explanation="no")
        if "text 1\n" in call.question:
            return anthropic_error(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum")
        return anthropic_error(413, "request_too_large", "Request exceeds the maximum size")

    with serving(script) as fake:
        annotations, _ = annotate(fake.url, tmp_path, 3)
    assert [a.outcome for a in annotations] == [Outcome.REFUSED, Outcome.FAILED, Outcome.FAILED]
    assert all("too long" in a.reason for a in annotations[1:])


@pytest.mark.parametrize(
    ("action", "hint"),
    [
        (anthropic_error(401, "authentication_error", f"invalid x-api-key {KEY}"), "key"),
        (anthropic_error(403, "permission_error", "no access"), "account's rights"),
        (anthropic_error(400, "invalid_request_error", "Your credit balance is too low to access the API."), "billing"),
        (anthropic_error(402, "billing_error", "pay"), "billing"),
        (anthropic_error(429, "rate_limit_error", "enforced_spend_limit_reached"), "billing"),
        (anthropic_error(404, "not_found_error", "model: claude-x"), "teacher.model"),
        (
            anthropic_error(400, "invalid_request_error", "temperature is not supported by it"),
            "teacher.temperature = 1",
        ),
        (status(302, "", location="http://127.0.0.1:1/"), "redirects"),
    ],
)
def test_run_stops_at_what_no_other_text_would_survive(tmp_path, action, hint):
    with serving(lambda call: action) as fake, pytest.raises(TeacherError) as caught:
        annotate(fake.url, tmp_path, 5)
    assert len(fake.calls) == 1
    assert hint in caught.value.hint
    assert KEY not in caught.value.message


def test_bad_addresses_keys_and_names():
    for url in ("", "ftp://host", "https://u:p@host/v1", "https://host/v1?api_key=x"):
        with pytest.raises(UserError):
            Anthropic(url, "m")
    with pytest.raises(UserError):
        Anthropic("https://host", " ")
    with pytest.raises(UserError):
        Anthropic("https://host", "m", "two words")
    assert KEY not in repr(Anthropic("https://host", "m", KEY)) + str(vars(Anthropic("https://host", "m", KEY)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["content", "type", "text", "usage", "input_tokens", "stop_reason", "error"]), inner
    ),
)  # fmt: skip


@given(JSON)
def test_nothing_that_a_server_sends_raises(found):
    read_message(json.dumps(found))
    read_message(json.dumps({"content": found, "usage": found, "stop_reason": found, "stop_details": found}))
