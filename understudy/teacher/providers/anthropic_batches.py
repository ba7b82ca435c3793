"""Anthropic's Message Batches over plain httpx: requests go up in one body, results come down line by line.

The service keeps no name of ours with a batch. One whose id was lost is known by its time, its number of requests and,
when it has ended, by the ids of its requests.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from understudy.records import Batch, BatchState, Request
from understudy.teacher.batch_service import BatchDesk, Capacity, Look, Result, Results
from understudy.teacher.provider import CallError, Then
from understudy.teacher.providers.batch_lines import body_of, error_words, garbled, named, read_object, read_results
from understudy.teacher.providers.connection import JSON, Connection, Fetch
from understudy.teacher.providers.envelope import count, table, tables, words
from understudy.teacher.providers.statuses import failure

PAGE = 100
SKEW = timedelta(hours=1)
"""The service's clock may be so far from ours, and a submission may have taken so long."""

STATUSES = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "api_error": 500, "timeout_error": 504,
    "overloaded_error": 529,
}  # fmt: skip
STATES = {
    "in_progress": BatchState.SUBMITTED,
    "canceling": BatchState.CANCELLING,
    "ended": BatchState.COMPLETED,
}


class AnthropicBatches:
    """The batches of one key.

    Parameters
    ----------
    messages : address of the single requests.

    References
    ----------
    https://docs.anthropic.com/en/docs/build-with-claude/batch-processing
    """

    capacity = Capacity(100_000, 256_000_000)
    is_marking = False

    def __init__(self, connection: Connection, messages: httpx.URL) -> None:
        self._connection = connection
        self._messages = messages

    def entry(self, request: Request) -> str:
        """One element of the list that goes up."""
        return f'{{"custom_id": "{request.key}", "params": {request.body}}},'

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[BatchDesk]:
        """As `BatchService.connect`."""
        async with self._connection.open_anywhere() as fetch:
            yield _Desk(self, fetch)

    def address(self, *path: str) -> httpx.URL:
        """The address of batches, or of one of them."""
        parts = "".join("/" + quote(part, safe="") for part in path)
        return self._messages.copy_with(path=f"{self._messages.path}/batches{parts}")


class _Desk:
    def __init__(self, service: AnthropicBatches, fetch: Fetch) -> None:
        self._service = service
        self._fetch = fetch

    async def submit(self, _batch: Batch, requests: Sequence[Request]) -> str:
        entries = "".join(self._service.entry(request) for request in requests)
        body = f'{{"requests": [{entries[:-1]}]}}'
        raw = await self._fetch("POST", self._service.address(), body.encode(), JSON)
        return named(read_object(raw), "id")

    async def find(self, batch: Batch, known: Collection[str]) -> Sequence[str]:
        at = datetime.fromisoformat(batch.created_at)
        candidates = []
        async for found in self._listed(at - SKEW):
            is_in_time = abs(_created_at(found) - at) <= SKEW
            if is_in_time and _total(found) == len(batch.request_keys) and words(found.get("id")) not in known:
                candidates.append(named(found, "id"))
        return candidates[::-1]

    async def look(self, provider_id: str) -> Look:
        found = read_object(await self._get(provider_id))
        status = named(found, "processing_status")
        if status not in STATES:
            raise garbled(f"unknown state of a batch: {status[:80]}")
        counts = table(found.get("request_counts"))
        state = STATES[status]
        if state is BatchState.COMPLETED and count(counts.get("canceled"), 1):
            state = BatchState.CANCELLED
        elif state is BatchState.COMPLETED and count(counts.get("expired"), 1):
            state = BatchState.EXPIRED
        n_requests = _total(found)
        n_done = n_requests - (count(counts.get("processing")) or 0)
        return Look(state, status.replace("_", " "), n_done, n_requests, (provider_id,))

    async def results(self, look: Look) -> Results:
        return read_results([await self._get(file, "results") for file in look.files], _read)

    async def cancel(self, provider_id: str) -> None:
        await self._fetch("POST", self._service.address(provider_id, "cancel"), b"", JSON)

    async def _get(self, *path: str) -> str:
        return await self._fetch("GET", self._service.address(*path), b"", JSON)

    async def _listed(self, since: datetime) -> AsyncIterator[dict[str, Any]]:
        """Batches of the account, newest first, down to a time."""
        url = self._service.address().copy_merge_params({"limit": str(PAGE)})
        while True:
            page = read_object(await self._fetch("GET", url, b"", JSON))
            rows = tables(page.get("data"))
            for row in rows:
                yield row
            if not rows or page.get("has_more") is not True or _created_at(rows[-1]) < since:
                return
            url = url.copy_set_param("after_id", named(rows[-1], "id"))


def _created_at(found: dict[str, Any]) -> datetime:
    try:
        at = datetime.fromisoformat(named(found, "created_at"))
    except ValueError:
        raise garbled("a batch has no readable `created_at`") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _total(found: dict[str, Any]) -> int:
    return sum(count(number) or 0 for number in table(found.get("request_counts")).values())


def _read(line: dict[str, Any]) -> Result:
    custom_id, result = words(line.get("custom_id")), table(line.get("result"))
    kind = words(result.get("type"))
    if kind == "succeeded":
        return Result(custom_id, body_of(result.get("message")))
    if kind == "errored":
        error = table(table(result.get("error")).get("error")) or table(result.get("error"))
        status = STATUSES.get(words(error.get("type")), 500)
        return Result(custom_id, None, failure(status, {}, json.dumps({"error": error}), datetime.now(UTC)))
    said = error_words(result.get("error")) or kind or "no reply and no reason"
    return Result(custom_id, None, CallError("not answered", said, Then.RETRY))
