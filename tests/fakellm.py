"""A scripted chat-completions server on the loopback with a ledger of every call; in this process or in its own.

``python fakellm.py LEDGER DELAY_S LABEL...`` answers with a label that depends on the question alone and prints its
port. The ledger has one JSON object per line, written before the answer is sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

HANG_S = 3600.0


@dataclass
class Call:
    """One request as it arrived."""

    number: int
    headers: dict[str, str]
    raw: str
    at: float
    body: dict = field(init=False)

    def __post_init__(self):
        self.body = json.loads(self.raw)

    @property
    def question(self) -> str:
        """The last turn, in each protocol."""
        turn = (self.body.get("messages") or self.body["contents"])[-1]
        content = turn.get("content") or turn["parts"]
        return content if isinstance(content, str) else "".join(part["text"] for part in content)

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.raw.encode()).hexdigest()


@dataclass(frozen=True)
class Action:
    """What the server does with a call; `is_billed` is what the ledger says of it."""

    perform: Callable[[asyncio.StreamWriter], Awaitable[None]]
    is_billed: bool = True


Script = Callable[[Call], Action]


def completion(text, *, finish_reason="stop", model="fake-1", usage=(100, 5), **message) -> str:
    body = {
        "model": model,
        "choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}],
    }
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return json.dumps(body)


def reply(body: str, status: int = 200, headers: dict[str, str] | None = None) -> bytes:
    encoded = body.encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(encoded)}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + encoded


def raw(body: str) -> Action:
    return _writes(reply(body))


def ok(label: str, **fields) -> Action:
    return raw(completion(label, **fields))


def status(number: int, body: str = "{}", **headers: str) -> Action:
    return _writes(reply(body, number, {k.replace("_", "-"): v for k, v in headers.items()}), is_billed=False)


def truncate(text: str) -> Action:
    return ok(text, finish_reason="length")


def refuse(words: str = "I cannot help with that.") -> Action:
    return ok(None, refusal=words)


def delay(seconds: float, then: Action) -> Action:
    async def perform(writer):
        await asyncio.sleep(seconds)
        await then.perform(writer)

    return Action(perform, then.is_billed)


def once(is_time: Callable[[], bool], then: Action) -> Action:
    """Nothing until something else has happened."""

    async def perform(writer):
        while not is_time():
            await asyncio.sleep(0.005)
        await then.perform(writer)

    return Action(perform, then.is_billed)


def hang() -> Action:
    return delay(HANG_S, raw(""))


def close_after(n_bytes: int, body: str) -> Action:
    async def perform(writer):
        writer.write(reply(body)[:n_bytes])
        await writer.drain()
        writer.transport.abort() if n_bytes == 0 else writer.close()

    return Action(perform)


def drip(bytes_per_s: float, body: str) -> Action:
    async def perform(writer):
        for byte in reply(body):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(1 / bytes_per_s)

    return Action(perform)


def _writes(content: bytes, is_billed: bool = True) -> Action:
    async def perform(writer):
        writer.write(content)
        await writer.drain()

    return Action(perform, is_billed)


class FakeLLM:
    """The server. `ledger` holds (call, is_billed) in order of arrival; `peak` is how many were open at once.

    `listed` is what a GET is answered, the list of models, and `looked` where it went; 404 if it is None.
    """

    def __init__(self, script: Script, write_down: Callable[[Call, bool], None] = lambda call, is_billed: None) -> None:
        self.script = script
        self.ledger: list[tuple[Call, bool]] = []
        self.listed: str | None = None
        self.looked: list[str] = []
        self.n_open = self.peak = 0
        self.port = 0
        self._write_down = write_down

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def calls(self) -> list[Call]:
        return [call for call, _ in self.ledger]

    @property
    def n_billed(self) -> int:
        return sum(is_billed for _, is_billed in self.ledger)

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve_connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve_connection(self, reader, writer) -> None:
        try:
            while True:
                await self._serve_call(*await _read(reader), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _serve_call(self, headers, body, writer) -> None:
        if headers[":method"] == "GET":
            self.looked.append(headers[":path"])
            writer.write(reply("{}", 404) if self.listed is None else reply(self.listed))
            return
        call = Call(len(self.ledger), headers, body, time.monotonic())
        action = self.script(call)
        self.ledger.append((call, action.is_billed))
        self._write_down(call, action.is_billed)
        self.n_open += 1
        self.peak = max(self.peak, self.n_open)
        try:
            await action.perform(writer)
        finally:
            self.n_open -= 1


async def _read(reader) -> tuple[dict[str, str], str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
    headers[":method"], headers[":path"] = head[0].split(" ")[:2]
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return headers, body.decode()


@contextmanager
def serving(script: Script):
    """The server in a thread of this process."""
    fake, loop, ready = FakeLLM(script), asyncio.new_event_loop(), threading.Event()

    async def main():
        server = await fake.serve()
        ready.set()
        try:
            await asyncio.Future()
        finally:
            server.close()

    def work():
        asyncio.set_event_loop(loop)
        task.append(loop.create_task(main()))
        try:
            loop.run_until_complete(task[0])
        except asyncio.CancelledError:
            _end(loop)

    task: list[asyncio.Task] = []
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(task[0].cancel)
        thread.join()


def _end(loop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


def label_of(question: str, labels: Sequence[str]) -> str:
    """A label that depends on nothing but the question."""
    return labels[hashlib.sha256(question.encode()).digest()[0] % len(labels)]


def main(ledger: str, delay_s: str, *labels: str) -> None:
    descriptor = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write_down(call: Call, is_billed: bool) -> None:
        os.write(descriptor, (json.dumps({"hash": call.hash, "is_billed": is_billed}) + "\n").encode())

    def script(call: Call) -> Action:
        return delay(float(delay_s), ok(label_of(call.question, labels)))

    async def run() -> None:
        fake = FakeLLM(script, write_down)
        await fake.serve()
        sys.stdout.write(f"{fake.port}\n")
        sys.stdout.flush()
        await asyncio.Future()

    asyncio.run(run())


if __name__ == "__main__":
    main(*sys.argv[1:])
