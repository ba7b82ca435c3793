"""How many questions a second the teacher asks, each stored before it is sent and each reply before it is read.

``python benchmarks/teacher_throughput.py [--texts N] [--concurrency N] [--latency-ms N] [--peers FOLDER]``.

A server in its own process answers after a fixed latency; all sides send it the same prompts, in the same number at
once. One run measures, side by side and in alternation: the ideal rate (concurrency / latency), the teacher with its
journal, and the bare SDK or, where `openai` is not installed, a bare httpx loop (the line says which), at that latency
and at 0 ms. With `--peers`, the folder holds a virtual environment named after each peer (`autolabel`, `distilabel`;
they conflict with each other), and the scripts in `benchmarks/peers` drive those that are there, at 0 ms.

The last line is one JSON object: `ratio_to_ideal`, `ratio_to_sdk` and `ratio_to_NAME` for each peer, all of rates, with
the rates themselves and the machine's load before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from understudy.codebook import Codebook, Label, task_of
from understudy.journal import Journal
from understudy.records import Document, Outcome
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan

TASK = task_of(Codebook(labels=(Label(name="pos"), Label(name="neg"))))
REPLY = json.dumps(
    {
        "id": "1", "object": "chat.completion", "created": 0, "model": "fake",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "pos"}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101},
    }
).encode()  # fmt: skip
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(REPLY), REPLY)
ROUNDS = 3
DRIVERS = Path(__file__).parent / "peers"
WAYS = {
    "autolabel": ["autolabel"],
    "autolabel_keeping_nothing": ["autolabel", "--forgetful"],
    "distilabel": ["distilabel"],
}
"""Name in the last line: peer and options. Autolabel keeps its answers unless told not to."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Requests a second with durable journalling.")
    parser.add_argument("--texts", type=int, default=6000, help="fewer make the start weigh more")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=200.0)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        asyncio.run(serve(arguments.serve))
        return
    print(json.dumps(measure(arguments.texts, arguments.concurrency, arguments.latency_ms / 1000, arguments.peers)))


def measure(n_texts: int, concurrency: int, latency_s: float, peers: Path | None) -> dict[str, object]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    bare, sdk = bare_loop()
    with server(latency_s) as url:
        slow = alternated(url, n_texts, concurrency, teacher=labelled, bare=bare)
    with server(0.0) as url:
        fast = alternated(url, n_texts, concurrency, teacher=labelled, bare=bare)
        rivals = {name: n_texts / run_peer(command, url, n_texts, concurrency) for name, command in found(peers)}
    ideal = concurrency / latency_s
    return {
        "ratio_to_ideal": round(slow["teacher"] / ideal, 3),
        "ratio_to_sdk": round(fast["teacher"] / fast["bare"], 3),
        **{f"ratio_to_{name}": round(fast["teacher"] / rate, 2) for name, rate in rivals.items()},
        "sdk": sdk,
        "per_s": {
            "ideal": round(ideal, 1), "teacher": round(slow["teacher"], 1), "sdk": round(slow["bare"], 1),
            "teacher_0ms": round(fast["teacher"], 1), "sdk_0ms": round(fast["bare"], 1),
            **{f"{name}_0ms": round(rate, 1) for name, rate in rivals.items()},
        },
        "load_before": round(load, 1),
    }  # fmt: skip


Side = Callable[[str, int, int], float]


def alternated(url: str, n_texts: int, concurrency: int, **sides: Side) -> dict[str, float]:
    """Median rate of each side over rounds in which they take turns."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            rates[name].append(n_texts / side(url, n_texts, concurrency))
    return {name: statistics.median(found) for name, found in rates.items()}


def labelled(url: str, n_texts: int, concurrency: int) -> float:
    """Seconds of the teacher, from the first question to the last stored annotation."""
    settings = TeacherSettings(kind="openai", model="fake", base_url=url, concurrency=concurrency)
    plan = PromptPlan("5f0c9a77e2b1d304", lambda some: [()] * len(some), True, "codebook", "prompt")
    documents = [Document(f"d{i}", f"text number {i}") for i in range(n_texts)]
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal.sqlite") as journal:
        teacher = LanguageModelTeacher(
            TASK, OpenAICompatible(url, "fake"), journal, plan, settings, DataSettings(), np.random.default_rng(0)
        )
        started = time.perf_counter()
        pending = None
        for annotation in teacher.annotate(documents):
            assert annotation.outcome is Outcome.LABELLED, annotation.reason
            pending = journal.add_annotations([annotation], TASK.to_json)
        assert pending is not None
        pending.result()
        seconds = time.perf_counter() - started
        counts = journal.counts()
        assert counts["replies"] == counts["annotations"] == n_texts, counts
    return seconds


def bare_loop() -> tuple[Side, str]:
    """The loop that a user would write: no journal, no retries."""
    try:
        import openai
    except ImportError:
        return (lambda url, n, at_once: asyncio.run(_httpx_loop(url, n, at_once))), "httpx (openai is not installed)"
    return (lambda url, n, at_once: asyncio.run(_sdk_loop(url, n, at_once))), f"openai {openai.__version__}"


def question(number: int) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "Label the text pos or neg. Answer with the label alone. " * 8},
        {"role": "user", "content": f"text number {number}"},
    ]


async def _sdk_loop(url: str, n: int, at_once: int) -> float:
    import openai

    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def ask(number: int) -> None:
            reply = await client.chat.completions.create(model="fake", messages=question(number), temperature=0.0)
            assert reply.choices[0].message.content == "pos"

        return await _at_once(ask, n, at_once)


async def _httpx_loop(url: str, n: int, at_once: int) -> float:
    import httpx

    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(limits=limits, timeout=60.0) as client:

        async def ask(number: int) -> None:
            body = {"model": "fake", "messages": question(number), "temperature": 0.0}
            reply = await client.post(f"{url}/chat/completions", json=body)
            assert reply.json()["choices"][0]["message"]["content"] == "pos"

        return await _at_once(ask, n, at_once)


async def _at_once(ask: Callable[[int], object], n: int, at_once: int) -> float:
    numbers = iter(range(n))

    async def work() -> None:
        for number in numbers:
            await ask(number)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    return time.perf_counter() - started


def found(peers: Path | None) -> Iterator[tuple[str, list[str]]]:
    """Name and command of each peer that is there."""
    for name, (peer, *options) in WAYS.items():
        python = peers / peer / "bin" / "python" if peers else None
        if python is not None and python.exists():
            yield name, [str(python), str(DRIVERS / f"{peer}.py"), *options]


def run_peer(command: list[str], url: str, n_texts: int, concurrency: int) -> float:
    python, script, *options = command
    line = [python, script, url, str(n_texts), str(concurrency), *options]
    return float(subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()[-1])


@contextmanager
def server(latency_s: float) -> Iterator[str]:
    """The server in its own process; its address."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(latency_s)], stdout=-1, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.communicate()


class Connection(asyncio.Protocol):
    """Answers every request the same, after the latency; reads no more of it than where it ends."""

    latency_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing received."""
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (end := self._end()) is not None:
            self._received = self._received[end:]
            if self.latency_s:
                asyncio.get_running_loop().call_later(self.latency_s, self._answer)
            else:
                self._answer()

    def _end(self) -> int | None:
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return len(head) + 4 + size if len(rest) >= size else None

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(RESPONSE)


async def serve(latency_s: float) -> None:
    Connection.latency_s = latency_s
    listening = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


if __name__ == "__main__":
    main()
