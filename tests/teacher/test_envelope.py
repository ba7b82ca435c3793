import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.teacher.provider import Ending, Token
from understudy.teacher.providers.envelope import read_chat_completion


def envelope(message, finish_reason="stop", **more):
    return json.dumps({"choices": [{"message": message, "finish_reason": finish_reason}], **more})


@pytest.mark.parametrize(
    ("raw", "ending", "text"),
    [
        ("", Ending.UNREADABLE, ""),
        ("NaN", Ending.UNREADABLE, ""),
        ('{"choices": [[]]}', Ending.UNREADABLE, ""),
        (envelope(None), Ending.COMPLETE, ""),
        (envelope({"content": None}), Ending.COMPLETE, ""),
        (envelope({"content": "pos"}), Ending.COMPLETE, "pos"),
        (envelope({"content": "pos"}, None), Ending.COMPLETE, "pos"),
        (envelope({"content": "pos"}, "length"), Ending.CUT, "pos"),
        (envelope({"content": "pos"}, "content_filter"), Ending.REFUSED, "pos"),
        (envelope({"content": None, "refusal": "no"}), Ending.REFUSED, ""),
        (envelope({"content": "pos", "refusal": None}), Ending.COMPLETE, "pos"),
        (envelope({"content": "pos", "refusal": " "}), Ending.COMPLETE, "pos"),
        (envelope({"content": [{"type": "text", "text": "po"}, {"text": "s"}, 3]}), Ending.COMPLETE, "pos"),
        (envelope({"content": "pos", "reasoning_content": "neg"}), Ending.COMPLETE, "pos"),
    ],
)
def test_first_choice_is_opened(raw, ending, text):
    completion = read_chat_completion(raw)
    assert (completion.ending, completion.text) == (ending, text)
    assert bool(completion.reason) == (ending is not Ending.COMPLETE)


def test_counts_are_believed_only_where_one_can():
    completion = read_chat_completion(
        envelope({"content": "a"}, model="m", usage={"prompt_tokens": 7, "completion_tokens": 0})
    )
    assert (completion.model, completion.prompt_tokens, completion.completion_tokens) == ("m", 7, 0)
    completion = read_chat_completion(envelope({"content": "a"}, model=3, usage=[]))
    assert (completion.model, completion.prompt_tokens, completion.completion_tokens) == ("", None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "usage", "error", "model", "text"]), inner
    ),
)  # fmt: skip


@given(JSON)
def test_nothing_that_a_server_sends_raises(found):
    read_chat_completion(json.dumps(found))
    read_chat_completion(json.dumps({"choices": [found], "usage": found, "model": found}))
    read_chat_completion(json.dumps({"choices": [{"message": found, "finish_reason": found}]}))


def test_tokens_and_cached_tokens():
    details = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 8}}
    token = {"token": "pos", "logprob": -0.1, "bytes": [1], "top_logprobs": [{"token": "neg", "logprob": -2.5}]}
    choice = {"message": {"content": "pos"}, "logprobs": {"content": [token]}}
    completion = read_chat_completion(json.dumps({"choices": [choice], "usage": details}))
    assert completion.cached_tokens == 8
    assert completion.tokens == (Token("pos", -0.1, (("neg", -2.5),)),)


@pytest.mark.parametrize(
    "token", [{"token": "pos"}, {"token": "pos", "logprob": "x"}, {"token": "pos", "logprob": 0.5}, {"logprob": -1.0}]
)
def test_answer_with_a_token_one_cannot_believe_has_none(token):
    good = {"token": "a", "logprob": -0.1}
    choice = {"message": {"content": "pos"}, "logprobs": {"content": [good, token]}}
    assert read_chat_completion(json.dumps({"choices": [choice]})).tokens == ()
