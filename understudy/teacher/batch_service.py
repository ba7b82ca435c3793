"""The door through which requests are handed to a provider together; it waits for nothing and stores nothing.

What a provider does with them, for half the price and within a day, is told by `Look` and `Results`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from understudy.records import Batch, BatchState, Request
from understudy.teacher.provider import CallError


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one batch may hold: requests, and bytes of what is sent."""

    n_requests: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Look:
    """How a batch stands with the provider.

    Attributes
    ----------
    state : an ended one if nothing more will come.
    said : the provider's own word for it, and what went wrong.
    n_done, n_requests : as the provider counts; 0 if it does not say.
    files : where results are, in the provider's names.
    """

    state: BatchState
    said: str
    n_done: int = 0
    n_requests: int = 0
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How one request of a batch ended: with the raw body of a reply, or with an error.

    Attributes
    ----------
    custom_id : the request that the provider says it is about.
    body : as a single call would have brought it; None if there is none.
    error : why there is none.
    """

    custom_id: str
    body: str | None
    error: CallError | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """Every result that was found, in the provider's order, and how many lines could not be read."""

    items: tuple[Result, ...]
    n_unreadable: int = 0


class BatchDesk(Protocol):
    """An open connection. Every method raises `CallError`."""

    async def submit(self, batch: Batch, requests: Sequence[Request], /) -> str:
        """Hand requests over; the provider's id of the batch."""

    async def find(self, batch: Batch, known: Collection[str]) -> Sequence[str]:
        """The provider's ids of batches that may be this one, of which no answer to `submit` came; not the `known`."""

    async def look(self, provider_id: str) -> Look:
        """How a batch stands."""

    async def results(self, look: Look) -> Results:
        """What came of a batch that has ended."""

    async def cancel(self, provider_id: str) -> None:
        """Ask the provider to stop; what is finished by then is charged and will be delivered."""


class BatchService(Protocol):
    """One provider's way of taking many requests at once."""

    capacity: Capacity
    is_marking: bool
    """Whether the provider keeps our id with a batch, so that one found again is certainly ours."""

    def entry(self, request: Request) -> str:
        """What is sent of one request; its length counts towards the capacity."""

    def connect(self) -> AbstractAsyncContextManager[BatchDesk]:
        """A connection for one event loop."""


@runtime_checkable
class OffersBatches(Protocol):
    """A provider with a batch service."""

    def batches(self) -> BatchService:
        """The service, under the same address and key."""
