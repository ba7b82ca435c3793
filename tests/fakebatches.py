"""Scripted batch services of OpenAI and Anthropic on the loopback, with a ledger of what was charged."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from fakellm import completion
from fakevendors import message

Answer = Callable[[str], str]
"""The text of a question -> the label."""


@dataclass
class FakeBatch:
    """One batch as the server knows it."""

    id: str
    requests: dict[str, dict]
    metadata: dict
    created_at: datetime
    n_looks: int = 0
    status: str = "in_progress"
    lines: list[str] | None = None
    error_lines: list[str] = field(default_factory=list)


@dataclass
class Script:
    """What the server does.

    Attributes
    ----------
    answer : label for a question.
    looks : how often a batch is in progress before it ends.
    ends : OpenAI's word for how it ends.
    fates : piece of a question -> `error 400 words`, `expired` or `canceled` instead of an answer.
    spoil : changes the lines of successful results before they are delivered.
    look_failures, create_failures : status and body for the next looks and creations, instead of doing anything.
    lose_create : so many creations are carried out without an answer.
    errors : what OpenAI says of a batch that failed.
    """

    answer: Answer = lambda question: "pos"
    looks: int = 1
    ends: str = "completed"
    fates: dict[str, str] = field(default_factory=dict)
    spoil: Callable[[list[str]], list[str]] = lambda lines: lines
    look_failures: list[tuple[int, str]] = field(default_factory=list)
    create_failures: list[tuple[int, str]] = field(default_factory=list)
    lose_create: int = 0
    errors: list[dict] = field(default_factory=list)


class FakeBatches:
    """Both services. `charged` lists custom ids that were paid for in batches; `single` the bodies of single calls."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.files: dict[str, str] = {}
        self.names: list[str] = []
        self.batches: dict[str, FakeBatch] = {}
        self.charged: list[str] = []
        self.single: list[str] = []
        self.calls: list[str] = []
        self.bodies: list[dict] = []
        self.lock = threading.Lock()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def n_calls(self, pattern: str) -> int:
        return sum(re.fullmatch(pattern, call) is not None for call in self.calls)

    def handle(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, str] | None:
        """Status and body; None for no answer at all."""
        with self.lock:
            self.calls.append(f"{method} {path}")
            for pattern, what in ROUTES:
                found = re.fullmatch(pattern, f"{method} {path}")
                if found:
                    return self._done(what, found.groups(), query, body)
        return 404, '{"error": {"message": "no such address"}}'

    def _done(self, what, groups, query, body) -> tuple[int, str] | None:
        """What breaks in here must end the run under test, not be tried again for ever."""
        try:
            return what(self, *groups, query=query, body=body)
        except Exception as exc:
            return 400, json.dumps({"error": {"message": f"the fake server broke: {exc!r}"}})

    # OpenAI

    def upload(self, query, body):
        name = re.search(rb'filename="([^"]+)"', body).group(1).decode()
        content = body.split(b"Content-Type: application/jsonl\r\n\r\n")[1].rsplit(b"\r\n--", 1)[0].decode()
        self.names.append(name)
        return self._file(content)

    def create(self, query, body):
        if self.script.create_failures:
            return self.script.create_failures.pop(0)
        wanted = json.loads(body)
        self.bodies.append(wanted)
        lines = [json.loads(line) for line in self.files[wanted["input_file_id"]].splitlines()]
        requests = {line["custom_id"]: line["body"] for line in lines}
        assert len(requests) == len(lines), "custom ids must be unique"
        return self._created(requests, wanted.get("metadata") or {}, self._openai_batch)

    def list_openai(self, query, body):
        return self._page(query.get("after"), self._openai_batch)

    def look_openai(self, identifier, query, body):
        return self._looked(identifier, self._openai_batch)

    def cancel_openai(self, identifier, query, body):
        return self._cancelled(identifier, self._openai_batch)

    def content(self, identifier, query, body):
        return 200, self.files[identifier]

    def chat(self, query, body):
        self.single.append(body.decode())
        return 200, completion(self.script.answer(question_of(json.loads(body))))

    def _openai_batch(self, batch: FakeBatch) -> dict:
        is_over = batch.status == "ended"
        found = {
            "id": batch.id, "object": "batch", "metadata": batch.metadata, "endpoint": "/v1/chat/completions",
            "created_at": int(batch.created_at.timestamp()), "completion_window": "24h",
            "status": {"ended": self.script.ends, "canceling": "cancelling"}.get(batch.status, batch.status),
            "request_counts": {"total": len(batch.requests), "completed": len(batch.lines or ()), "failed": 0},
        }  # fmt: skip
        if is_over:
            if batch.lines:
                found["output_file_id"] = self._kept("\n".join(batch.lines) + "\n")
            if batch.error_lines:
                found["error_file_id"] = self._kept("\n".join(batch.error_lines) + "\n")
            found["errors"] = {"data": self.script.errors} if self.script.errors else None
        return found

    def _file(self, content: str) -> tuple[int, str]:
        return 200, json.dumps({"id": self._kept(content), "object": "file", "purpose": "batch"})

    def _kept(self, content: str) -> str:
        identifier = f"file-{len(self.files)}"
        self.files[identifier] = content
        return identifier

    # Anthropic

    def create_anthropic(self, query, body):
        if self.script.create_failures:
            return self.script.create_failures.pop(0)
        wanted = json.loads(body)
        self.bodies.append(wanted)
        requests = {each["custom_id"]: each["params"] for each in wanted["requests"]}
        assert len(requests) == len(wanted["requests"]), "custom ids must be unique"
        assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", custom_id) for custom_id in requests)
        return self._created(requests, {}, self._anthropic_batch)

    def list_anthropic(self, query, body):
        return self._page(query.get("after_id"), self._anthropic_batch)

    def look_anthropic(self, identifier, query, body):
        return self._looked(identifier, self._anthropic_batch)

    def cancel_anthropic(self, identifier, query, body):
        return self._cancelled(identifier, self._anthropic_batch)

    def results_anthropic(self, identifier, query, body):
        batch = self.batches[identifier]
        return 200, "\n".join((batch.lines or []) + batch.error_lines)

    def messages(self, query, body):
        self.single.append(body.decode())
        return 200, message(self.script.answer(question_of(json.loads(body))))

    def _anthropic_batch(self, batch: FakeBatch) -> dict:
        counts = dict.fromkeys(("canceled", "errored", "expired", "succeeded"), 0)
        counts["processing"] = len(batch.requests) if batch.status != "ended" else 0
        for line in (batch.lines or []) + batch.error_lines:
            if batch.status == "ended" and '"type": "' in line:
                kind = json.loads(line)["result"]["type"]
                counts[kind] += 1
        return {
            "id": batch.id, "type": "message_batch", "processing_status": batch.status, "request_counts": counts,
            "created_at": batch.created_at.isoformat().replace("+00:00", "Z"),
            "results_url": "https://elsewhere.invalid/results",
        }  # fmt: skip

    # both

    def _created(self, requests, metadata, shown):
        identifier = f"batch_{len(self.batches)}"
        batch = FakeBatch(identifier, requests, metadata, datetime.now(UTC))
        self.batches[identifier] = batch
        if self.script.lose_create:
            self.script.lose_create -= 1
            return None
        return 200, json.dumps(shown(batch))

    def _page(self, after, shown):
        newest_first = list(self.batches.values())[::-1]
        ids = [batch.id for batch in newest_first]
        start = ids.index(after) + 1 if after else 0
        page = newest_first[start : start + 2]
        data = {"data": [shown(batch) for batch in page], "has_more": start + 2 < len(ids)}
        return 200, json.dumps(data)

    def _looked(self, identifier, shown):
        if self.script.look_failures:
            return self.script.look_failures.pop(0)
        if identifier not in self.batches:
            return 404, '{"error": {"message": "No batch found"}}'
        batch = self.batches[identifier]
        batch.n_looks += 1
        if batch.status != "ended" and (batch.n_looks > self.script.looks or batch.status == "canceling"):
            self.end(batch, shown == self._openai_batch)
        return 200, json.dumps(shown(batch))

    def _cancelled(self, identifier, shown):
        if identifier not in self.batches:
            return 404, '{"error": {"message": "No batch found"}}'
        batch = self.batches[identifier]
        if batch.status == "ended":
            return 409, '{"error": {"message": "already over"}}'
        batch.status = "canceling"
        self.script.ends = "cancelled"
        return 200, json.dumps(shown(batch))

    def end(self, batch: FakeBatch, is_openai: bool) -> None:
        batch.status, batch.lines = "ended", []
        if is_openai and self.script.ends == "failed":
            return
        for custom_id, body in batch.requests.items():
            question = question_of(body)
            fate = next((fate for piece, fate in self.script.fates.items() if piece in question), "")
            line = _openai_line if is_openai else _anthropic_line
            written = json.dumps(line(custom_id, fate, self.script.answer(question)))
            if fate:
                batch.error_lines.append(written)
            else:
                self.charged.append(custom_id)
                batch.lines.append(written)
        batch.lines = self.script.spoil(batch.lines)


def _openai_line(custom_id: str, fate: str, label: str) -> dict:
    if fate.startswith("error"):
        _, status, words = fate.split(" ", 2)
        body = {"error": {"message": words}}
        return {
            "id": "r",
            "custom_id": custom_id,
            "response": {"status_code": int(status), "body": body},
            "error": None,
        }
    if fate:
        return {
            "id": "r",
            "custom_id": custom_id,
            "response": None,
            "error": {"code": f"batch_{fate}", "message": fate},
        }
    body = json.loads(completion(label))
    return {"id": "r", "custom_id": custom_id, "response": {"status_code": 200, "body": body}, "error": None}


def _anthropic_line(custom_id: str, fate: str, label: str) -> dict:
    if fate.startswith("error"):
        error = {"type": "error", "error": {"type": "invalid_request_error", "message": fate.split(" ", 2)[2]}}
        return {"custom_id": custom_id, "result": {"type": "errored", "error": error}}
    if fate:
        return {"custom_id": custom_id, "result": {"type": fate}}
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": json.loads(message(label))}}


def question_of(body: dict) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


ROUTES = [
    (r"POST /v1/files", FakeBatches.upload),
    (r"GET /v1/files/([^/]+)/content", FakeBatches.content),
    (r"POST /v1/batches", FakeBatches.create),
    (r"GET /v1/batches", FakeBatches.list_openai),
    (r"GET /v1/batches/([^/]+)", FakeBatches.look_openai),
    (r"POST /v1/batches/([^/]+)/cancel", FakeBatches.cancel_openai),
    (r"POST /v1/chat/completions", FakeBatches.chat),
    (r"POST /v1/messages/batches", FakeBatches.create_anthropic),
    (r"GET /v1/messages/batches", FakeBatches.list_anthropic),
    (r"GET /v1/messages/batches/([^/]+)", FakeBatches.look_anthropic),
    (r"GET /v1/messages/batches/([^/]+)/results", FakeBatches.results_anthropic),
    (r"POST /v1/messages/batches/([^/]+)/cancel", FakeBatches.cancel_anthropic),
    (r"POST /v1/messages", FakeBatches.messages),
]


def _handler(fake: FakeBatches) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self):
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = fake.handle(self.command, parts.path, query, body)
            if answer is None:
                self.close_connection = True
                return
            encoded = answer[1].encode()
            self.send_response(answer[0])
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = _serve

        def log_message(self, *arguments):
            """Say nothing."""

    return Handler


@contextmanager
def serving_batches(script: Script | None = None):
    """Both services in threads of this process."""
    fake = FakeBatches(script)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    fake.port = server.server_address[1]
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
