"""Any endpoint that speaks OpenAI's chat completions: hosted, Azure, vLLM, Ollama, llama.cpp; plain httpx, no SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from understudy.prompts import Message
from understudy.prompts.schema import Schema
from understudy.teacher.provider import Completion, Send
from understudy.teacher.providers.connection import Connection, address, clean_key, named_model
from understudy.teacher.providers.envelope import read_chat_completion
from understudy.teacher.providers.openai_batches import CHAT, OpenAIBatches

OPENAI_HOST = "api.openai.com"
MOST_ALTERNATIVES = 20
"""As many alternatives to a token as OpenAI shows."""


class OpenAICompatible:
    """One model behind one endpoint.

    Parameters
    ----------
    base_url : up to and without ``/chat/completions``; a query such as ``?api-version=...`` is kept.
    model : id as the endpoint knows it.
    api_key : "" for servers that need none; white space and quotes around it are dropped.
    temperature : in [0, 2].
    max_tokens : ceiling of one answer.
    logprobs : whether to ask for log-probabilities.

    Raises
    ------
    UserError
        If the URL holds a credential or is none, the model has no name, or the key cannot stand in a header.
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
        url, key = address(base_url, CHAT), clean_key(api_key)
        self.url = str(url)
        self.max_tokens = max_tokens
        self.model = named_model(model)
        self._temperature = temperature
        self._logprobs = logprobs
        self._ceiling = "max_completion_tokens" if url.host == OPENAI_HOST else "max_tokens"
        is_azure = url.host.endswith(".azure.com")
        self._connection = Connection(url, key, {"api-key": key} if is_azure else {"authorization": f"Bearer {key}"})

    def body(
        self, messages: Sequence[Message], max_tokens: int | None = None, schema: Schema | None = None
    ) -> Mapping[str, Any]:
        """Model, messages, sampling parameters, and the schema as a strict ``response_format``."""
        body = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "temperature": self._temperature,
            self._ceiling: max_tokens or self.max_tokens,
        }
        if schema is not None:
            held = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": held}
        return body | {"logprobs": True, "top_logprobs": MOST_ALTERNATIVES} if self._logprobs else body

    async def models(self) -> list[str]:
        """As `ListsModels.models`."""
        url = httpx.URL(self.url)
        return await self._connection.names(url.copy_with(path=url.path.removesuffix(CHAT) + "/models"), "data", "id")

    def batches(self) -> OpenAIBatches:
        """The same endpoint's door for requests that may take a day."""
        return OpenAIBatches(self._connection, httpx.URL(self.url))

    def connect(self) -> AbstractAsyncContextManager[Send]:
        """As `Connection.open`."""
        return self._connection.open()

    def read(self, raw: str) -> Completion:
        """As `read_chat_completion`."""
        return read_chat_completion(raw)
