"""Asks a model one question safely: stores before sending and before reading, retries, waits, keeps to the budget.

It does not know what a question means or what becomes of the answer. One driver serves one event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from understudy.errors import TeacherError
from understudy.prompts import Message
from understudy.prompts.schema import Schema
from understudy.records import Outcome, Reply, Request
from understudy.teacher.activity import Activity
from understudy.teacher.identity import canonical, request_key
from understudy.teacher.model_names import NOT_FOUND, meant_model
from understudy.teacher.money import FREE, Budget, Charge, Prices, likely_tokens
from understudy.teacher.pace import Pace
from understudy.teacher.patience import Clock, Gate, backoff_s
from understudy.teacher.provider import CallError, Completion, Ending, Provider, Send, Then
from understudy.teacher.width import Width

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

    def spent_tokens(self) -> int:
        """How many tokens have been paid for so far, at most."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try.

    Attributes
    ----------
    timeout_s : deadline of one attempt, connection to last byte.
    max_attempts : attempts of one call before its document counts as failed; being told to wait is no attempt.
    concurrency : calls in flight at most; fewer while the server complains.
    requests_per_minute, tokens_per_minute : what the provider allows; None for no limit.
    """

    timeout_s: float = 60.0
    max_attempts: int = 5
    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


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
    max_tokens: int
    at_most: Charge

    @property
    def likely_tokens(self) -> int:
        return likely_tokens(self.messages) + self.max_tokens


@dataclass(frozen=True, slots=True)
class _Answered:
    """A reply, and what its envelope holds: read once."""

    reply: Reply
    completion: Completion


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
        self._width = Width(effort.concurrency)
        self._requests = Pace(effort.requests_per_minute, clock)
        self._tokens = Pace(effort.tokens_per_minute, clock)
        self._stop = asyncio.Event()
        self._sent_at: dict[str, float] = {}
        self._n_cut = 0
        self._models: Counter[str] = Counter()
        self._in_flight: dict[str, asyncio.Future[_Answered]] = {}
        self._used: set[str] = set()
        self._has_reply = False
        self._failed_alike: tuple[str, int] = ("", 0)
        self._meant: asyncio.Future[str] | None = None

    def stop(self) -> None:
        """Send nothing more; what is in flight is waited for and stored."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def activity(self) -> Activity:
        """What goes on; may be asked from another thread."""
        now = self._clock.monotonic()
        sent_at = tuple(self._sent_at.values())
        return Activity(
            n_in_flight=len(sent_at),
            oldest_s=now - min(sent_at, default=now),
            n_places=self._width.places,
            pause_s=self._gate.closed_s(),
            pause_reason=self._gate.reason,
            n_replies=self._models.total(),
            n_cut=self._n_cut,
            models=dict(self._models),
        )

    async def ask(
        self,
        messages: Sequence[Message],
        document_id: str,
        replicate: int,
        turn: int,
        max_tokens: int | None = None,
        schema: Schema | None = None,
    ) -> Exchange:
        """The reply to a question: from the store, from the same question in flight, or from the model.

        Parameters
        ----------
        max_tokens : ceiling of this answer; None for the provider's usual one.
        schema : JSON schema that the answer is held to; None for free text.

        Raises
        ------
        CallError
            If this document must be given up, or (`ask plainly`) the endpoint cannot hold answers to a schema.
        TeacherError
            If the run must stop.
        Stopped
            If it has been stopped.
        """
        body = canonical(self._provider.body(messages, max_tokens, schema))
        key = request_key(self._provider.url, body, replicate, turn)
        is_shared = key in self._used
        self._used.add(key)
        request = Request(key, document_id, replicate, turn, self._teacher, body)
        known = self._store.reply_to(key)
        if known is not None:
            return Exchange(key, self._provider.read(known.body), known, is_shared)
        ceiling = max_tokens or self._provider.max_tokens
        answered = await self._once(_Call(request, messages, ceiling, self._prices.at_most(messages, ceiling)))
        return Exchange(key, answered.completion, answered.reply, is_shared)

    async def _once(self, call: _Call) -> _Answered:
        """Send a call, or wait for the same one in flight."""
        key = call.request.key
        if key in self._in_flight:
            return await asyncio.shield(self._in_flight[key])
        future = self._in_flight[key] = asyncio.get_running_loop().create_future()
        try:
            answered = await self._insist(call)
        except BaseException as exc:
            future.set_exception(exc)
            future.exception()  # whoever else waits sees it; nobody has to
            raise
        else:
            future.set_result(answered)
            return answered
        finally:
            del self._in_flight[key]

    async def _insist(self, call: _Call) -> _Answered:
        """Try until there is a reply, or no hope."""
        tries = _Tries()
        while True:
            await self._keep_pace(call)
            try:
                answered = await self._attempt(call)
            except CallError as exc:
                self._tokens.give_back(call.likely_tokens)
                await self._despair_or_wait(exc, tries)
            else:
                self._succeeded(call, answered.reply)
                return answered

    def _succeeded(self, call: _Call, reply: Reply) -> None:
        self._has_reply, self._failed_alike = True, ("", 0)
        self._gate.succeeded()
        self._width.succeeded()
        if reply.prompt_tokens is not None and reply.completion_tokens is not None:
            self._tokens.give_back(call.likely_tokens - reply.prompt_tokens - reply.completion_tokens)

    async def _keep_pace(self, call: _Call) -> None:
        """Wait for the requests and tokens that the provider allows in a minute."""
        self._refuse_if_stopped()
        wait = max(self._requests.take(1), self._tokens.take(call.likely_tokens))
        if wait > 0:
            await self._sleep(wait)

    async def _attempt(self, call: _Call) -> _Answered:
        """One attempt within the budget; raises `CallError`."""
        await self._pass_gate()  # before money is set aside for a call that must wait
        await self._budget.reserve(call.at_most)
        cost = FREE
        try:
            self._refuse_if_stopped()
            await asyncio.wrap_future(self._store.intend(call.request, call.at_most.usd))
            answered = await self._in_place(call)
            cost = self._charge(call, answered.completion)
        except CallError as exc:
            cost = call.at_most if exc.is_maybe_billed else FREE
            raise
        except Stopped:
            raise
        except Exception:  # a fault of ours: the call may have been billed all the same
            cost = call.at_most
            raise
        finally:
            self._budget.settle(call.at_most, cost)
        return answered

    def _charge(self, call: _Call, completion: Completion) -> Charge:
        return self._prices.settled(completion, call.messages, call.max_tokens)

    async def _in_place(self, call: _Call) -> _Answered:
        """Send what is stored as intended, in one of the places in flight.

        It is stored before there is a place, so that no place is empty meanwhile; a process that dies while calls wait
        here has counted these as sent: too many, never too few.
        """
        try:
            await self._enter()
        except Stopped:
            await asyncio.wrap_future(self._store.record_failure(call.request.key, "not sent", "stopped"))
            raise
        try:
            return await self._send_intended(call)
        finally:
            self._width.leave()

    async def _enter(self) -> None:
        """Take a place in flight, as soon as there is one and nobody has been told to wait."""
        while True:
            await self._pass_gate()
            await self._width.enter()
            if not self.is_stopped and self._gate.closed_s() == 0:
                return
            self._width.leave()

    async def _send_intended(self, call: _Call) -> _Answered:
        """Send, and store how it ended before anyone learns of it."""
        key = call.request.key
        sent_at = self._sent_at[key] = self._clock.monotonic()
        try:
            raw = await self._before_deadline(call)
        except CallError as exc:
            self._close_gate(exc, sent_at)  # before the failure is written: others must not slip through meanwhile
            await asyncio.wrap_future(
                self._store.record_failure(key, exc.kind, exc.message, is_maybe_billed=exc.is_maybe_billed)
            )
            raise
        finally:
            del self._sent_at[key]
        answered = self._answered(call, raw, self._clock.monotonic() - sent_at)
        await asyncio.wrap_future(self._store.settle(answered.reply))
        return answered

    def _close_gate(self, failed: CallError, sent_at: float) -> None:
        if failed.then is Then.WAIT and self._gate.close(sent_at, failed.retry_after_s, failed.message):
            self._width.cut(is_probing=self._gate.is_probing)

    async def _before_deadline(self, call: _Call) -> str:
        try:
            async with asyncio.timeout(self._effort.timeout_s):
                return await self._send_body(call.request.body)
        except TimeoutError:
            message = f"no complete reply within {self._effort.timeout_s:g} s"
            raise CallError("timeout", message, Then.RETRY, is_maybe_billed=True) from None

    def _answered(self, call: _Call, raw: str, latency_s: float) -> _Answered:
        completion = self._provider.read(raw)
        self._models[completion.model] += 1
        self._n_cut += completion.ending is Ending.CUT
        reply = Reply(
            request_key=call.request.key,
            body=raw,
            model=completion.model,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            cached_tokens=completion.cached_tokens,
            cost_usd=self._charge(call, completion).usd,
            latency_s=latency_s,
            received_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        return _Answered(reply, completion)

    async def _despair_or_wait(self, failed: CallError, tries: _Tries) -> None:
        """Return when the call may be tried again; raise if it may not."""
        if failed.then is Then.STOP or (failed.kind == "unreachable" and not self._has_reply):
            raise TeacherError(f"{self._teacher}: {failed.message}.", await self._hint(failed)) from None
        if failed.then is Then.ASK_PLAINLY:
            raise failed
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

    async def _hint(self, failed: CallError) -> str:
        """What to do; where the model is unknown, also which one was probably meant, looked up once for all calls."""
        if failed.kind not in NOT_FOUND:
            return failed.hint
        self.stop()
        if self._meant is None:
            self._meant = asyncio.ensure_future(meant_model(self._provider))
        return " ".join(filter(None, [failed.hint, await self._meant]))

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
