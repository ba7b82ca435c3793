"""One kept connection to one address: posts bodies over HTTP/1.1 and hands back what came; reads and retries nothing.

It costs a fraction of a general client's processor time: no pool, no cookies, no redirects, no proxies. What goes wrong
is raised as the errors of httpx, so that callers treat both alike.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import h11
import httpx

PORTS = {"http": 80, "https": 443}
MOST_HEAD_BYTES = 100 * 1024
AT_ONCE_BYTES = 64 * 1024
MOST_BODY_BYTES = 64 * 1024 * 1024
"""No answer to a question is as long; a server that goes on is cut off before it fills the memory."""


@dataclass(frozen=True, slots=True)
class Received:
    """A whole response; `content` is no longer compressed."""

    status: int
    headers: httpx.Headers
    content: bytes


class Wire:
    """A connection that is opened by the first call and again when the server has closed it; one call at a time.

    Parameters
    ----------
    url : where every body goes.
    headers : of every request, checked to be valid; `host`, the length of the body and the like are added.
    certificates : for https.
    connect_timeout_s : how long opening may take. Any other deadline is the caller's, who may cancel a call.
    """

    def __init__(
        self, url: httpx.URL, headers: Mapping[str, str], certificates: ssl.SSLContext | None, connect_timeout_s: float
    ) -> None:
        self._url = url
        self._headers = [("host", url.netloc.decode()), ("accept-encoding", "identity"), *headers.items()]
        self._certificates = certificates if url.scheme == "https" else None
        self._connect_timeout_s = connect_timeout_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._state = h11.Connection(h11.CLIENT)

    async def post(self, body: bytes) -> Received:
        """Send a body and wait for the whole response.

        Raises
        ------
        httpx.ConnectError, httpx.ConnectTimeout
            If nothing was sent.
        httpx.ReadError, httpx.RemoteProtocolError
            If the connection broke, or what came is not HTTP.
        """
        reader, writer = await self._opened()
        try:
            writer.write(self._request(body))
            await writer.drain()
            received = await self._response(reader)
        except h11.RemoteProtocolError as exc:
            self.close()
            raise httpx.RemoteProtocolError(str(exc)) from exc
        except OSError as exc:
            self.close()
            raise httpx.ReadError(str(exc)) from exc
        except BaseException:  # cancelled: the answer may still come, and is nobody's
            self.close()
            raise
        if self._state.our_state is h11.DONE and self._state.their_state is h11.DONE:
            self._state.start_next_cycle()
        else:
            self.close()
        return received

    def close(self) -> None:
        """Close the connection, if it is open; the next call opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None:
            reader, writer = self._streams
            if not (reader.at_eof() or writer.is_closing()):
                return self._streams
            self.close()
        self._state = h11.Connection(h11.CLIENT, MOST_HEAD_BYTES)
        host, port = self._url.raw_host.decode(), self._url.port or PORTS[self._url.scheme]
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                self._streams = await asyncio.open_connection(host, port, ssl=self._certificates)
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpx.ConnectError(str(exc)) from exc
        return self._streams

    def _request(self, body: bytes) -> bytes:
        head = h11.Request(
            method="POST", target=self._url.raw_path, headers=[*self._headers, ("content-length", str(len(body)))]
        )
        parts = (head, h11.Data(data=body), h11.EndOfMessage())
        return b"".join(self._state.send(part) or b"" for part in parts)

    async def _response(self, reader: asyncio.StreamReader) -> Received:
        head: h11.Response | None = None
        parts: list[bytes] = []
        n_bytes = 0
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                self._state.receive_data(await reader.read(AT_ONCE_BYTES))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                parts.append(event.data)
                n_bytes += len(event.data)
                if n_bytes > MOST_BODY_BYTES:
                    raise h11.RemoteProtocolError(f"The response has more than {MOST_BODY_BYTES:,} bytes.")
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _received(head, b"".join(parts))
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("Server disconnected without sending a response.")


def _received(head: h11.Response, content: bytes) -> Received:
    headers = httpx.Headers(list(head.headers))
    if "content-encoding" in headers:
        content = httpx.Response(head.status_code, headers=headers, content=content).content
    return Received(head.status_code, headers, content)
