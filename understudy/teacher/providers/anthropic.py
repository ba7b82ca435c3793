"""Anthropic's Messages API over plain httpx; marks what its cache should keep.

The current version of the protocol knows no temperature but the service's own, 1; others are asked for in the version
before, as far as the model still takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from understudy.prompts import Message
from understudy.prompts.schema import Schema
from understudy.teacher.provider import Completion, Ending, Send
from understudy.teacher.providers.anthropic_batches import AnthropicBatches
from understudy.teacher.providers.connection import Connection, address, clean_key, named_model
from understudy.teacher.providers.envelope import CUT, count, error_in, opened, table, tables, unreadable, words

VERSION = "2026-10-21"
LAST_VERSION_WITH_TEMPERATURE = "2023-06-01"
MESSAGES = "/messages"
OWN_TEMPERATURE = 1.0
KEEP = {"type": "ephemeral"}
"""Asks the service to keep everything up to here for five minutes after the last use."""


class Anthropic:
    """One model of Anthropic's.

    Parameters
    ----------
    base_url : up to and without ``/messages``.
    n_shared : how many leading messages are the same for all texts, which is worth caching: 0, 1 for the system
        message, or more for the turns of fixed demonstrations.
    model, api_key, temperature, max_tokens : as `OpenAICompatible`; `temperature` in [0, 1].

    Raises
    ------
    UserError
        If the URL holds a credential or is none, the model has no name, or the key cannot stand in a header.

    References
    ----------
    Messages API: ``output_config.format`` for schemas, ``cache_control`` for caching.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str = "",
        *,
        temperature: float = 0.0,
        max_tokens: int = 64,
        n_shared: int = 1,
    ) -> None:
        url, key = address(base_url, MESSAGES), clean_key(api_key)
        self.url = str(url)
        self.max_tokens = max_tokens
        self.model = named_model(model)
        self._temperature = temperature
        self._n_shared = n_shared
        version = VERSION if temperature == OWN_TEMPERATURE else LAST_VERSION_WITH_TEMPERATURE
        self._connection = Connection(url, key, {"x-api-key": key}, {"anthropic-version": version})

    def body(
        self, messages: Sequence[Message], max_tokens: int | None = None, schema: Schema | None = None
    ) -> Mapping[str, Any]:
        """Model, system blocks, turns and sampling parameters; what all texts share ends in a mark for the cache."""
        n_shared = min(self._n_shared, len(messages) - 1)
        turns = [(message.role, _block(message.content)) for message in messages]
        for position in {0, n_shared - 1} if n_shared else ():
            turns[position][1]["cache_control"] = KEEP
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": max_tokens or self.max_tokens,
            "system": [block for role, block in turns if role == "system"],
            "messages": [{"role": role, "content": [block]} for role, block in turns if role != "system"],
        }
        if self._temperature != OWN_TEMPERATURE:
            body["temperature"] = self._temperature
        return body if schema is None else body | {"output_config": {"format": _format(schema)}}

    async def models(self) -> list[str]:
        """As `ListsModels.models`."""
        url = httpx.URL(self.url)
        listed = url.copy_with(path=url.path.removesuffix(MESSAGES) + "/models").copy_merge_params({"limit": "1000"})
        return await self._connection.names(listed, "data", "id")

    def batches(self) -> AnthropicBatches:
        """The same service's door for requests that may take a day."""
        return AnthropicBatches(self._connection, httpx.URL(self.url))

    def connect(self) -> AbstractAsyncContextManager[Send]:
        """As `Connection.open`."""
        return self._connection.open()

    def read(self, raw: str) -> Completion:
        """As `read_message`."""
        return read_message(raw)


def read_message(raw: str) -> Completion:
    """The text blocks of a message, or an `unreadable` completion that says what is wrong; reasoning is left out."""
    envelope = opened(raw)
    if isinstance(envelope, Completion):
        return envelope
    if not isinstance(envelope.get("content"), list):
        return unreadable(error_in(envelope) or "the reply holds no content")
    usage = table(envelope.get("usage"))
    read, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    fresh = count(usage.get("input_tokens"))
    ending, reason = _ending(envelope)
    return Completion(
        text="".join(words(block.get("text")) for block in tables(envelope["content"]) if block.get("type") == "text"),
        ending=ending,
        reason=reason,
        model=words(envelope.get("model")),
        prompt_tokens=None if fresh is None else count(fresh + (read or 0) + (written or 0), 1),
        completion_tokens=count(usage.get("output_tokens")),
        cached_tokens=read,
        cache_written_tokens=written,
    )


def _ending(envelope: dict[str, Any]) -> tuple[Ending, str]:
    stop = envelope.get("stop_reason")
    if stop == "refusal":
        said = words(table(envelope.get("stop_details")).get("explanation")).strip()
        return Ending.REFUSED, f"the model refused: {said[:200]}" if said else "the model refused"
    if stop in ("max_tokens", "model_context_window_exceeded"):
        return Ending.CUT, CUT
    return Ending.COMPLETE, ""


def _block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _format(schema: Schema) -> dict[str, Any]:
    return {"type": "json_schema", "schema": schema}
