"""Any endpoint that speaks OpenAI's chat completions: hosted, Azure, vLLM, Ollama, llama.cpp; plain httpx, no SDK.

The key stands in a header and nowhere else: not in `repr`, exceptions, request bodies or URLs. Redirects are not
followed. Deadlines and retries are the driver's.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from understudy.errors import UserError
from understudy.prompts import Message
from understudy.teacher.provider import CallError, Completion, Send, Then
from understudy.teacher.providers.envelope import read_chat_completion
from understudy.teacher.providers.statuses import failure

KEY_WORDS = ("key", "token", "secret", "sig", "password")
CONNECT_TIMEOUT_S = 20.0
OPENAI_HOST = "api.openai.com"


class OpenAICompatible:
    """One model behind one endpoint.

    Parameters
    ----------
    base_url : up to and without ``/chat/completions``; a query such as ``?api-version=...`` is kept.
    model : id as the endpoint knows it.
    api_key : "" for servers that need none; white space and quotes around it are dropped.
    temperature : in [0, 2].
    max_tokens : ceiling of one answer.

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
    ) -> None:
        if not model.strip():
            raise UserError("`teacher.model` is empty.", "Name the model as the endpoint knows it.")
        self._url = _endpoint(base_url)
        self.url = str(self._url)
        self.max_tokens = max_tokens
        self._model = model
        self._temperature = temperature
        self._key = _clean_key(api_key)

    def body(self, messages: Sequence[Message], max_tokens: int | None = None) -> Mapping[str, Any]:
        """Model, messages and sampling parameters."""
        ceiling = "max_completion_tokens" if self._url.host == OPENAI_HOST else "max_tokens"
        return {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "temperature": self._temperature,
            ceiling: max_tokens or self.max_tokens,
        }

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Send]:
        """As many connections as there are calls at once, kept open between calls, closed at the end.

        Each has a client of its own: one client's pool searches all its connections for every call.
        """
        idle: list[httpx.AsyncClient] = []
        certificates = httpx.create_ssl_context()
        async with AsyncExitStack() as clients:

            async def send(body: str) -> str:
                client = idle.pop() if idle else await clients.enter_async_context(self._client(certificates))
                try:
                    return await self._send(client, body)
                finally:
                    idle.append(client)

            yield send

    def _client(self, certificates: ssl.SSLContext) -> httpx.AsyncClient:
        headers = {"content-type": "application/json", **self._credentials()}
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
        return httpx.AsyncClient(headers=headers, timeout=timeout, verify=certificates, follow_redirects=False)

    def read(self, raw: str) -> Completion:
        """As `read_chat_completion`."""
        return read_chat_completion(raw)

    async def _send(self, client: httpx.AsyncClient, body: str) -> str:
        try:
            response = await client.post(self._url, content=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            raise self._unreachable(exc) from None
        except httpx.HTTPError as exc:
            message = self._without_key(f"the connection broke: {type(exc).__name__} {exc}".strip())
            raise CallError("broken connection", message, Then.RETRY, is_maybe_billed=True) from None
        text = self._without_key(response.content.decode("utf-8", "replace"))
        if not response.is_success:
            raise failure(response.status_code, response.headers, text, datetime.now(UTC))
        return text

    def _unreachable(self, error: Exception) -> CallError:
        return CallError(
            "unreachable",
            f"{self._url.scheme}://{self._url.netloc.decode()} cannot be reached: {error}",
            Then.RETRY,
            hint="Is the server running, and is `teacher.base_url` right?",
        )

    def _credentials(self) -> dict[str, str]:
        if not self._key:
            return {}
        is_azure = self._url.host.endswith(".azure.com")
        return {"api-key": self._key} if is_azure else {"authorization": f"Bearer {self._key}"}

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def _endpoint(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.strip())
    except httpx.InvalidURL as exc:
        raise UserError("`teacher.base_url` is not a URL.", "It looks like `https://host/v1`.") from exc
    if url.userinfo or any(word in name.casefold() for name in url.params for word in KEY_WORDS):
        raise UserError(
            "`teacher.base_url` holds a credential.",
            "Put it into the environment variable named in `teacher.api_key_env`; URLs end up in logs.",
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise UserError("`teacher.base_url` is not an http address.", "It looks like `https://host/v1`.")
    return url.copy_with(path=url.path.rstrip("/") + "/chat/completions", fragment=None)


def _clean_key(key: str) -> str:
    key = key.strip("\ufeff \t\r\n'\"")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UserError("the API key holds characters that no key has.", "Copy it again; it is one word.")
    return key
