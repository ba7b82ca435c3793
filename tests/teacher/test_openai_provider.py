import asyncio
import json

import pytest
from fakellm import ok, serving

from understudy.codebook import Codebook, Label, task_of
from understudy.prompts import Message
from understudy.prompts.schema import answer_schema
from understudy.teacher import OpenAICompatible

TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"))))
QUESTION = (Message("system", "codebook"), Message("user", "text"))


def sent(provider):
    async def send():
        async with provider.connect() as send:
            return await send(json.dumps(provider.body(QUESTION)))

    return asyncio.run(send())


def test_plain_body():
    assert OpenAICompatible("http://host/v1", "m", max_tokens=7).body(QUESTION) == {
        "model": "m", "messages": [{"role": "system", "content": "codebook"}, {"role": "user", "content": "text"}],
        "temperature": 0.0, "max_tokens": 7,
    }  # fmt: skip


def test_body_with_everything():
    body = OpenAICompatible("https://api.openai.com/v1", "m", logprobs=True).body(QUESTION, 9, answer_schema(TASK))
    assert (body["max_completion_tokens"], body["logprobs"], body["top_logprobs"]) == (9, True, 20)
    assert "max_tokens" not in body
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": answer_schema(TASK)},
    }


def test_azure_keeps_its_version_and_takes_its_own_header():
    base = "https://me.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21"
    provider = OpenAICompatible(base, "gpt", "k-1")
    assert provider.url == (
        "https://me.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
    )
    assert vars(provider._connection)["_headers"]["api-key"] == "k-1"


@pytest.mark.parametrize(("key", "header"), [("k-1", "bearer k-1"), ("", None), (" 'k-1'\n", "bearer k-1")])
def test_key_stands_in_the_header_alone(key, header):
    with serving(lambda call: ok("pos")) as fake:
        sent(OpenAICompatible(f"{fake.url}?api-version=x", "m", key))
    assert fake.calls[0].headers.get("authorization") == header
    assert fake.calls[0].headers[":path"] == "/v1/chat/completions?api-version=x"
    assert "k-1" not in fake.calls[0].raw
