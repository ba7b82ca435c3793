"""One address and one credential: sends bodies, says what went wrong, retries nothing and reads no reply.

The key stands in a header and nowhere else: not in `repr`, exceptions, request bodies or URLs. Redirects are not
followed. Deadlines and retries are the driver's.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import httpx

from understudy.errors import UserError
from understudy.teacher.provider import CallError, Completion, Send, Then
from understudy.teacher.providers.envelope import opened, tables, words
from understudy.teacher.providers.statuses import failure
from understudy.teacher.providers.wire import Received, Wire

Post = Callable[[bytes], Awaitable[Received]]
"""Body -> response; raises the errors of httpx."""

Fetch = Callable[[str, httpx.URL, bytes, str], Awaitable[str]]
"""Method, address, body and its content type -> the body of the reply; raises `CallError`."""

JSON = "application/json"
KEY_WORDS = ("key", "token", "secret", "sig", "password")
CONNECT_TIMEOUT_S = 20.0


class Connection:
    """Where bodies go.

    Parameters
    ----------
    url : from `address`.
    key : from `clean_key`; hidden wherever the server repeats it.
    credentials : the headers that carry the key.
    headers : others that the protocol asks for.
    """

    def __init__(
        self, url: httpx.URL, key: str, credentials: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> None:
        self._url = url
        self._key = key
        self._headers = {"content-type": JSON, **(headers or {}), **(credentials if key else {})}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Send]:
        """As many connections as there are calls at once, kept open between calls, closed at the end."""
        idle: list[Post] = []
        certificates = httpx.create_ssl_context()
        is_proxied = bool({self._url.scheme, "all"} & urllib.request.getproxies().keys())
        line = self._proxied if is_proxied else self._wired
        async with AsyncExitStack() as lines:

            async def send(body: str) -> str:
                post = idle.pop() if idle else await lines.enter_async_context(line(certificates))
                try:
                    return await self._read(post(body.encode()))
                finally:
                    idle.append(post)

            yield send

    @asynccontextmanager
    async def _wired(self, certificates: ssl.SSLContext) -> AsyncIterator[Post]:
        wire = Wire(self._url, self._headers, certificates, CONNECT_TIMEOUT_S)
        try:
            yield wire.post
        finally:
            wire.close()

    @asynccontextmanager
    async def _proxied(self, certificates: ssl.SSLContext) -> AsyncIterator[Post]:
        """Where the environment names a proxy: httpx knows how to speak to it, and which addresses need none."""
        async with self._client(certificates) as client:

            async def post(body: bytes) -> Received:
                response = await client.post(self._url, content=body)
                return Received(response.status_code, response.headers, response.content)

            yield post

    @asynccontextmanager
    async def open_anywhere(self) -> AsyncIterator[Fetch]:
        """One connection for calls of any method to any address of the same service."""
        async with self._client(httpx.create_ssl_context()) as client:

            async def fetch(method: str, url: httpx.URL, body: bytes = b"", kind: str = JSON) -> str:
                return await self._fetch(client, method, url, body, kind)

            yield fetch

    async def names(self, url: httpx.URL, list_name: str, field: str) -> list[str]:
        """One field of the objects in a list that stands in a JSON object there; none where it is something else."""
        async with self.open_anywhere() as fetch:
            found = opened(await fetch("GET", url, b"", JSON))
        return (
            [] if isinstance(found, Completion) else [words(each.get(field)) for each in tables(found.get(list_name))]
        )

    def _client(self, certificates: ssl.SSLContext) -> httpx.AsyncClient:
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)
        return httpx.AsyncClient(headers=self._headers, timeout=timeout, verify=certificates, follow_redirects=False)

    async def _fetch(self, client: httpx.AsyncClient, method: str, url: httpx.URL, body: bytes, kind: str) -> str:
        async def received() -> Received:
            response = await client.request(method, url, content=body, headers={"content-type": kind})
            return Received(response.status_code, response.headers, response.content)

        return await self._read(received())

    async def _read(self, response: Awaitable[Received]) -> str:
        try:
            received = await response
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            raise self._unreachable(exc) from None
        except httpx.HTTPError as exc:
            message = self._without_key(f"the connection broke: {type(exc).__name__} {exc}".strip())
            raise CallError("broken connection", message, Then.RETRY, is_maybe_billed=True) from None
        text = self._without_key(received.content.decode("utf-8", "replace"))
        if not 200 <= received.status < 300:
            raise failure(received.status, received.headers, text, datetime.now(UTC))
        return text

    def _unreachable(self, error: Exception) -> CallError:
        return CallError(
            "unreachable",
            f"{self._url.scheme}://{self._url.netloc.decode()} cannot be reached: {_cause(error)}",
            Then.RETRY,
            hint="Is the server running, and is `teacher.base_url` right?",
        )

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def _cause(error: BaseException) -> str:
    """What an error says, or the system's error behind it; its kind if neither says anything."""
    found: BaseException | None = error
    while found is not None:
        if str(found) and (found is error or isinstance(found, OSError)):
            return str(found)
        found = found.__cause__ or found.__context__
    return type(error).__name__


def address(base_url: str, path: str) -> httpx.URL:
    """The address of an endpoint: `path` put behind the path of `base_url`, whose query is kept.

    Raises
    ------
    UserError
        If `base_url` is no http address or holds a credential.
    """
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
    return url.copy_with(path=url.path.rstrip("/") + path, fragment=None)


def clean_key(key: str) -> str:
    """The key without white space and quotes around it; `UserError` if it cannot stand in a header."""
    key = key.strip("\ufeff \t\r\n'\"")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UserError("the API key holds characters that no key has.", "Copy it again; it is one word.")
    return key


def named_model(model: str) -> str:
    """The model's name; `UserError` if it is empty."""
    if not model.strip():
        raise UserError("`teacher.model` is empty.", "Name the model as the endpoint knows it.")
    return model
