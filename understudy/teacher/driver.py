"""Asks a model one question safely: stores before sending and before reading, retries, waits, keeps to the budget.

It does not know what a question means or what becomes of the answer. One driver serves one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from understudy.errors import TeacherError
from understudy.prompts import Message
from understudy.records import Outcome, Reply, Request
from understudy.teacher.identity import canonical, request_key
from understudy.teacher.money import Budget, Prices
from understudy.teacher.patience import Clock, Gate, backoff_s
from understudy.teacher.provider import CallError, Completion, Provider, Send, Then

MOST_WAITS = 30
"""How often one call may be told to wait before its document counts as failed."""

LONGEST_PAUSE_S = 600.0
"""A server that asks to wait longer stops the run: nobody watches a bar for hours."""

MOST_FAILED_IN_A_ROW = 10
"""So many documents that fail alike, with no reply in between, stop the run."""


class Store(Protocol):
    """Where questions and replies are kept; the journal is one. Futures are done when the write is on the disk."""

    def intend(self, request: Request, at_most_usd: float | None = None) -> Future[None]:
        """Store that a request is about to be sent."""

    def settle(self, reply: Reply) -> Future[None]:
        """Store what came back."""

    def record_failure(
        self, request_key: str, kind: str, message: str, *, is_maybe_billed: bool = False
    ) -> Future[None]:
        """Store that an attempt brought no reply."""

    def reply_to(self, request_key: str) -> Reply | None:
        """The reply to a request, or None."""

    def spent_usd(self) -> float:
        """What has been spent so far."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try.

    Attributes
    ----------
    timeout_s : deadline of one attempt, connection to last byte.
    max_attempts : attempts of one call before its document counts as failed; being told to wait is no attempt.
    """

    timeout_s: float = 60.0
    max_attempts: int = 5


class Stopped(Exception):  # noqa: N818  # not an error: the caller asked for it
    """The run was stopped before this question was sent."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question answered.

    Attributes
    ----------
    key : of the request.
    is_shared : whether the reply was already used for another document of this run, and is not paid for again.
    """

    key: str
    completion: Completion
    reply: Reply
    is_shared: bool


@dataclass(frozen=True, slots=True)
class _Call:
    """One request with what is needed to send and to price it."""

    request: Request
    messages: Sequence[Message]
    at_most_usd: float | None


@dataclass
class _Tries:
    """What has happened to one call so far."""

    n_failed: int = 0
    n_waits: int = 0


class Driver:
    """Asks questions for many documents at once.

    Parameters
    ----------
    teacher : the name that requests are stored under.
    rng : for the jitter of waits only; answers do not depend on it.
    """

    def __init__(
        self,
        provider: Provider,
        store: Store,
        send: Send,
        teacher: str,
        prices: Prices,
        budget: Budget,
        effort: Effort,
        rng: np.random.Generator,
        clock: Clock,
    ) -> None:
        self._provider = provider
        self._store = store
        self._send_body = send
        self._teacher = teacher
        self._prices = prices
        self._budget = budget
        self._effort = effort
        self._rng = rng
        self._clock = clock
        self._gate = Gate(clock, rng)
        self._stop = asyncio.Event()
        self._in_flight: dict[str, asyncio.Future[Reply]] = {}
        self._used: set[str] = set()
        self._has_reply = False
        self._failed_alike: tuple[str, int] = ("", 0)

    def stop(self) -> None:
        """Send nothing more; what is in flight is waited for and stored."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    async def ask(self, messages: Sequence[Message], document_id: str, replicate: int, turn: int) -> Exchange:
        """The reply to a question: from the store, from the same question in flight, or from the model.

        Raises
        ------
        CallError
            If this document must be given up.
        TeacherError
            If the run must stop.
        Stopped
            If it has been stopped.
        """
        body = canonical(self._provider.body(messages))
        key = request_key(self._provider.url, body, replicate, turn)
        is_shared = key in self._used
        self._used.add(key)
        request = Request(key, document_id, replicate, turn, self._teacher, body)
        reply = self._store.reply_to(key)
        if reply is None:
            call = _Call(request, messages, self._prices.at_most(messages, self._provider.max_tokens))
            reply = await self._once(call)
        return Exchange(key, self._provider.read(reply.body), reply, is_shared)

    async def _once(self, call: _Call) -> Reply:
        """Send a call, or wait for the same one in flight."""
        key = call.request.key
        if key in self._in_flight:
            return await asyncio.shield(self._in_flight[key])
        future = self._in_flight[key] = asyncio.get_running_loop().create_future()
        try:
            reply = await self._insist(call)
        except BaseException as exc:
            future.set_exception(exc)
            future.exception()  # whoever else waits sees it; nobody has to
            raise
        else:
            future.set_result(reply)
            return reply
        finally:
            del self._in_flight[key]

    async def _insist(self, call: _Call) -> Reply:
        """Try until there is a reply, or no hope."""
        tries = _Tries()
        while True:
            await self._pass_gate()  # before money is set aside for a call that must wait
            try:
                reply = await self._attempt(call)
            except CallError as exc:
                await self._despair_or_wait(exc, tries)
            else:
                self._has_reply, self._failed_alike = True, ("", 0)
                self._gate.succeeded()
                return reply

    async def _attempt(self, call: _Call) -> Reply:
        """One attempt within the budget; raises `CallError`."""
        await self._budget.reserve(call.at_most_usd)
        cost: float | None = 0.0
        try:
            await self._pass_gate()
            await asyncio.wrap_future(self._store.intend(call.request, call.at_most_usd))
            reply = await self._send_intended(call)
            cost = reply.cost_usd
        except CallError as exc:
            cost = call.at_most_usd if exc.is_maybe_billed else 0.0
            raise
        finally:
            await self._budget.settle(call.at_most_usd, cost)
        return reply

    async def _send_intended(self, call: _Call) -> Reply:
        """Send what is stored as intended, and store how it ended before anyone learns of it."""
        key = call.request.key
        try:
            await self._pass_gate()  # it may have closed while the intention was written
            sent_at = self._clock.monotonic()
            raw = await self._before_deadline(call)
        except Stopped:
            await asyncio.wrap_future(self._store.record_failure(key, "not sent", "the run was stopped"))
            raise
        except CallError as exc:
            if exc.then is Then.WAIT:  # before the failure is written: others must not slip through meanwhile
                self._gate.close(sent_at, exc.retry_after_s)
            await asyncio.wrap_future(
                self._store.record_failure(key, exc.kind, exc.message, is_maybe_billed=exc.is_maybe_billed)
            )
            raise
        reply = self._reply(call, raw, self._clock.monotonic() - sent_at)
        await asyncio.wrap_future(self._store.settle(reply))
        return reply

    async def _before_deadline(self, call: _Call) -> str:
        try:
            async with asyncio.timeout(self._effort.timeout_s):
                return await self._send_body(call.request.body)
        except TimeoutError:
            message = f"no complete reply within {self._effort.timeout_s:g} s"
            raise CallError("timeout", message, Then.RETRY, is_maybe_billed=True) from None

    def _reply(self, call: _Call, raw: str, latency_s: float) -> Reply:
        completion = self._provider.read(raw)
        return Reply(
            request_key=call.request.key,
            body=raw,
            model=completion.model,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            cost_usd=self._prices.settled(completion, call.messages, self._provider.max_tokens),
            latency_s=latency_s,
            received_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

    async def _despair_or_wait(self, failed: CallError, tries: _Tries) -> None:
        """Return when the call may be tried again; raise if it may not."""
        if failed.then is Then.STOP or (failed.kind == "unreachable" and not self._has_reply):
            raise TeacherError(f"{self._teacher}: {failed.message}.", failed.hint) from None
        if failed.then is Then.WAIT:
            tries.n_waits += 1
            self._refuse_endless_pause(failed)
        else:
            tries.n_failed += 1
        is_hopeless = tries.n_failed >= self._effort.max_attempts or tries.n_waits >= MOST_WAITS
        if failed.then is Then.GIVE_UP or is_hopeless:
            self._count_failure(failed)
            raise failed
        if failed.then is Then.RETRY:
            await self._sleep(max(backoff_s(tries.n_failed, self._rng), failed.retry_after_s or 0.0))

    def _refuse_endless_pause(self, failed: CallError) -> None:
        if failed.retry_after_s is not None and failed.retry_after_s > LONGEST_PAUSE_S:
            raise TeacherError(
                f"{self._teacher}: the server asks to wait {failed.retry_after_s:,.0f} s ({failed.message}).",
                "Run again then; everything paid for is kept.",
            )

    def _count_failure(self, failed: CallError) -> None:
        """Stop the run if one document after another fails alike: then it is not the documents."""
        if failed.outcome is not Outcome.FAILED or failed.kind == "too long":
            return
        kind, n = self._failed_alike
        self._failed_alike = (failed.kind, n + 1 if kind == failed.kind else 1)
        if self._failed_alike[1] >= MOST_FAILED_IN_A_ROW:
            raise TeacherError(
                f"{self._teacher}: {MOST_FAILED_IN_A_ROW} calls in a row failed alike: {failed.message}.",
                failed.hint or "Run again when the cause is gone; everything paid for is kept.",
            )

    async def _pass_gate(self) -> None:
        self._refuse_if_stopped()
        while (wait := self._gate.wait_s()) > 0:
            await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not beyond `stop`."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()
        self._refuse_if_stopped()

    def _refuse_if_stopped(self) -> None:
        if self._stop.is_set():
            raise Stopped
