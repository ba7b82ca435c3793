"""Google's Gemini API (``generateContent``) over plain httpx; the service caches shared beginnings by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import zip_longest
from typing import Any

import httpx

from understudy.prompts import Message
from understudy.prompts.schema import Schema
from understudy.teacher.provider import Completion, Ending, Send, Token
from understudy.teacher.providers.connection import Connection, address, clean_key, named_model
from understudy.teacher.providers.envelope import (
    CUT,
    all_tokens,
    count,
    error_in,
    opened,
    table,
    tables,
    token,
    unreadable,
    words,
)

MOST_ALTERNATIVES = 20
CUT_REASONS = frozenset({"MAX_TOKENS", "CONTINUATION"})
REFUSED_REASONS = frozenset(
    {
        "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION",
        "PUP_LIMITED_DISABLED",
    }
)  # fmt: skip


class Gemini:
    """One model of Google's.

    Parameters
    ----------
    base_url : up to and without ``/models/...``.
    model, api_key, temperature, max_tokens, logprobs : as `OpenAICompatible`; hidden reasoning counts as answer.

    Raises
    ------
    UserError
        If the URL holds a credential or is none, the model has no name, or the key cannot stand in a header.

    References
    ----------
    Gemini API, v1beta: ``generationConfig.responseJsonSchema`` for schemas, ``responseLogprobs`` for probabilities.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str = "",
        *,
        temperature: float = 0.0,
        max_tokens: int = 64,
        logprobs: bool = False,
    ) -> None:
        self.model = name = named_model(model).removeprefix("models/")
        url, key = address(base_url, f"/models/{name}:generateContent"), clean_key(api_key)
        self.url = str(url)
        self.max_tokens = max_tokens
        self._temperature = temperature
        self._logprobs = logprobs
        self._connection = Connection(url, key, {"x-goog-api-key": key})

    def body(
        self, messages: Sequence[Message], max_tokens: int | None = None, schema: Schema | None = None
    ) -> Mapping[str, Any]:
        """System instruction, turns and sampling parameters; the model's name stands in the address."""
        config: dict[str, Any] = {"temperature": self._temperature, "maxOutputTokens": max_tokens or self.max_tokens}
        if schema is not None:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": schema}
        if self._logprobs:
            config |= {"responseLogprobs": True, "logprobs": MOST_ALTERNATIVES}
        return {
            "systemInstruction": {"parts": [_part(message) for message in messages if message.role == "system"]},
            "contents": [_turn(message) for message in messages if message.role != "system"],
            "generationConfig": config,
        }

    async def models(self) -> list[str]:
        """As `ListsModels.models`."""
        url = httpx.URL(self.url)
        listed = url.copy_with(path=url.path.rpartition("/")[0]).copy_merge_params({"pageSize": "1000"})
        return [name.removeprefix("models/") for name in await self._connection.names(listed, "models", "name")]

    def connect(self) -> AbstractAsyncContextManager[Send]:
        """As `Connection.open`."""
        return self._connection.open()

    def read(self, raw: str) -> Completion:
        """As `read_generated_content`."""
        return read_generated_content(raw)


def read_generated_content(raw: str) -> Completion:
    """The first candidate, or an `unreadable` completion that says what is wrong; reasoning is left out."""
    envelope = opened(raw)
    if isinstance(envelope, Completion):
        return envelope
    candidate = next(iter(tables(envelope.get("candidates"))), None)
    blocked = words(table(envelope.get("promptFeedback")).get("blockReason"))
    if candidate is None and not blocked:
        return unreadable(error_in(envelope) or "the reply holds no candidate")
    ending, reason = _ending(words((candidate or {}).get("finishReason")), blocked)
    usage = table(envelope.get("usageMetadata"))
    parts = tables(table((candidate or {}).get("content")).get("parts"))
    return Completion(
        text="".join(words(part.get("text")) for part in parts if part.get("thought") is not True),
        ending=ending,
        reason=reason,
        model=words(envelope.get("modelVersion")),
        prompt_tokens=count(usage.get("promptTokenCount"), 1),
        completion_tokens=_answer_tokens(usage),
        cached_tokens=count(usage.get("cachedContentTokenCount")),
        tokens=all_tokens(list(_tokens(table((candidate or {}).get("logprobsResult"))))),
    )


def _ending(finish_reason: str, blocked: str) -> tuple[Ending, str]:
    if blocked or finish_reason in REFUSED_REASONS:
        return Ending.REFUSED, f"the provider's filter: {blocked or finish_reason}"
    if finish_reason in CUT_REASONS:
        return Ending.CUT, CUT
    if finish_reason in ("STOP", ""):
        return Ending.COMPLETE, ""
    return Ending.UNREADABLE, f"the model stopped for another reason: {finish_reason}"


def _answer_tokens(usage: dict[str, Any]) -> int | None:
    """Visible and hidden ones, as they are billed; a count that is 0 is left out by the service."""
    if count(usage.get("promptTokenCount"), 1) is None:
        return None
    return (count(usage.get("candidatesTokenCount")) or 0) + (count(usage.get("thoughtsTokenCount")) or 0)


def _tokens(result: dict[str, Any]) -> Iterator[Token | None]:
    others_of_each = [tables(position.get("candidates")) for position in tables(result.get("topCandidates"))]
    for chosen, others in zip_longest(tables(result.get("chosenCandidates")), others_of_each, fillvalue=None):
        alternatives = ((other.get("token"), other.get("logProbability")) for other in tables(others))
        yield token(table(chosen).get("token"), table(chosen).get("logProbability"), alternatives)


def _turn(message: Message) -> dict[str, Any]:
    return {"role": "model" if message.role == "assistant" else "user", "parts": [_part(message)]}


def _part(message: Message) -> dict[str, Any]:
    return {"text": message.content}
