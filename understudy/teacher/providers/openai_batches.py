"""OpenAI's Batch API over plain httpx: a file of requests goes up, files of replies and errors come down."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from understudy.records import Batch, BatchState, Request
from understudy.teacher.batch_service import BatchDesk, Capacity, Look, Result, Results
from understudy.teacher.provider import CallError, Then
from understudy.teacher.providers.batch_lines import body_of, error_words, named, read_object, read_results
from understudy.teacher.providers.connection import JSON, Connection, Fetch
from understudy.teacher.providers.envelope import count, table, tables, words
from understudy.teacher.providers.statuses import failure

CHAT = "/chat/completions"
ENDPOINT = "/v1" + CHAT
WINDOW = "24h"
MARK = "understudy"
"""The name under which our id stands in a batch's metadata."""

PAGE = 100
SKEW_S = 3600.0
"""The provider's clock may be so far behind ours."""

NOT_OVER = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
ENDED = {
    "completed": BatchState.COMPLETED,
    "failed": BatchState.FAILED,
    "expired": BatchState.EXPIRED,
    "cancelled": BatchState.CANCELLED,
}


class OpenAIBatches:
    """The batches of one endpoint and key.

    Parameters
    ----------
    chat : address of the single requests, ending in ``/chat/completions``.

    References
    ----------
    https://platform.openai.com/docs/guides/batch
    """

    capacity = Capacity(50_000, 200_000_000)
    is_marking = True

    def __init__(self, connection: Connection, chat: httpx.URL) -> None:
        self._connection = connection
        self._base = chat.copy_with(path=chat.path.removesuffix(CHAT))

    def entry(self, request: Request) -> str:
        """One line of the file that goes up."""
        wrapped = {"custom_id": request.key, "method": "POST", "url": ENDPOINT}
        return f'{json.dumps(wrapped)[:-1]}, "body": {request.body}}}\n'

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[BatchDesk]:
        """As `BatchService.connect`."""
        async with self._connection.open_anywhere() as fetch:
            yield _Desk(self, fetch)

    def address(self, *path: str) -> httpx.URL:
        """The address of files or batches, or of one of them."""
        parts = "/".join(quote(part, safe="") for part in path)
        return self._base.copy_with(path=f"{self._base.path}/{parts}")


class _Desk:
    def __init__(self, service: OpenAIBatches, fetch: Fetch) -> None:
        self._service = service
        self._fetch = fetch

    async def submit(self, batch: Batch, requests: Sequence[Request]) -> str:
        lines = "".join(self._service.entry(request) for request in requests)
        file_id = await self._upload(f"understudy-{batch.id}.jsonl", lines)
        body = {
            "input_file_id": file_id,
            "endpoint": ENDPOINT,
            "completion_window": WINDOW,
            "metadata": {MARK: batch.id},
        }
        raw = await self._fetch("POST", self._service.address("batches"), json.dumps(body).encode(), JSON)
        return named(read_object(raw), "id")

    async def find(self, batch: Batch, known: Collection[str]) -> Sequence[str]:
        since = datetime.fromisoformat(batch.created_at).timestamp() - SKEW_S
        async for found in self._listed(since):
            if table(found.get("metadata")).get(MARK) == batch.id and words(found.get("id")) not in known:
                return [named(found, "id")]
        return []

    async def look(self, provider_id: str) -> Look:
        found = read_object(await self._get("batches", provider_id))
        return _look(found, named(found, "status"))

    async def results(self, look: Look) -> Results:
        texts = [await self._get("files", file, "content") for file in look.files]
        return read_results(texts, _read)

    async def cancel(self, provider_id: str) -> None:
        await self._fetch("POST", self._service.address("batches", provider_id, "cancel"), b"", JSON)

    async def _get(self, *path: str) -> str:
        return await self._fetch("GET", self._service.address(*path), b"", JSON)

    async def _upload(self, name: str, content: str) -> str:
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{boundary}\r\n'
        head += f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        form = f"{head}Content-Type: application/jsonl\r\n\r\n{content}\r\n--{boundary}--\r\n"
        kind = f"multipart/form-data; boundary={boundary}"
        raw = await self._fetch("POST", self._service.address("files"), form.encode(), kind)
        return named(read_object(raw), "id")

    async def _listed(self, since: float) -> AsyncIterator[dict[str, Any]]:
        """Batches of the account, newest first, down to a time."""
        url = self._service.address("batches").copy_merge_params({"limit": str(PAGE)})
        while True:
            page = read_object(await self._fetch("GET", url, b"", JSON))
            rows = tables(page.get("data"))
            for row in rows:
                yield row
            if not rows or page.get("has_more") is not True or (count(rows[-1].get("created_at")) or 0) < since:
                return
            url = url.copy_set_param("after", named(rows[-1], "id"))


def _look(found: dict[str, Any], status: str) -> Look:
    if status not in ENDED and status not in NOT_OVER:
        raise CallError("unreadable", f"unknown state of a batch: {status[:80]}", Then.RETRY)
    counts = table(found.get("request_counts"))
    errors = [error_words(error) for error in tables(table(found.get("errors")).get("data"))]
    files = (words(found.get("output_file_id")), words(found.get("error_file_id")))
    return Look(
        state=ENDED.get(status, BatchState.CANCELLING if status == "cancelling" else BatchState.SUBMITTED),
        said=": ".join(filter(None, [status.replace("_", " "), "; ".join(filter(None, errors[:3]))])),
        n_done=(count(counts.get("completed")) or 0) + (count(counts.get("failed")) or 0),
        n_requests=count(counts.get("total")) or 0,
        files=tuple(filter(None, files)),
    )


def _read(line: dict[str, Any]) -> Result:
    response, custom_id = table(line.get("response")), words(line.get("custom_id"))
    status = count(response.get("status_code"))
    if status is not None and 200 <= status < 300 and not line.get("error"):
        return Result(custom_id, body_of(response.get("body")))
    if status is not None and not 200 <= status < 300:
        return Result(custom_id, None, failure(status, {}, body_of(response.get("body")), datetime.now(UTC)))
    said = error_words(line.get("error")) or "no reply and no reason"
    return Result(custom_id, None, CallError("not answered", said, Then.RETRY))
