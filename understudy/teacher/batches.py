"""Has first questions answered in batches: stores before handing over, waits, and stores all that came of it.

It holds no conversation: what a batch has answered stands in the store when the conversation is held, and whatever it
has not answered is asked there. Repairs are therefore single calls.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from understudy.errors import TeacherError
from understudy.records import Batch, BatchState, Failure, Reply, Request
from understudy.teacher.batch_matching import match
from understudy.teacher.batch_service import BatchDesk, BatchService, Look, Results
from understudy.teacher.collector import Collector, Replies, Wanted
from understudy.teacher.driver import Stopped
from understudy.teacher.money import Budget, Charge, Limits, Prices
from understudy.teacher.patience import Clock, sleep_unless
from understudy.teacher.provider import CallError, Provider, Then
from understudy.teacher.teacher import utc_now

FIRST_LOOK_S = 5.0
LONGEST_LOOK_S = 120.0
GROWTH = 1.5
"""Each look at a batch comes so many times as late as the one before, up to the longest."""

QUIET_S = 30.0
"""Whoever cancels hears something at least so often."""

CALL_TIMEOUT_S = 900.0
"""Deadline of one call; 200 MB may be on their way."""

SETTLING_S = 60.0
"""After this time a submission without an answer shows in the provider's list, if it was received."""

MOST_SUBMISSIONS = 5
MOST_FRUITLESS_ROUNDS = 3
UNKNOWN = "status 404"
UNREACHABLE = "unreachable"
OVER_ALREADY = ("status 400", "status 409")
"""What providers answer when a batch that has ended is to be cancelled."""

T = TypeVar("T")


class BatchStore(Replies, Protocol):
    """Where batches and what came of them are kept; the journal is one. Futures are done when it is on the disk."""

    def spent_usd(self) -> float:
        """What has been spent so far, open batches at their most."""

    def spent_tokens(self) -> int:
        """How many tokens have been paid for so far, at most."""

    def batches(self) -> list[Batch]:
        """Every batch with its latest state."""

    def most_usd_of(self, request_keys: Iterable[str]) -> dict[str, float | None]:
        """What each request can cost at most, by key."""

    def begin_batch(
        self, batch: Batch, requests: Sequence[Request], at_most_usd: Sequence[float | None]
    ) -> Future[None]:
        """Store that requests are about to be handed over together."""

    def note_batch(self, batch_id: str, state: BatchState, provider_id: str) -> Future[None]:
        """Store where a batch stands."""

    def end_batch(
        self, batch_id: str, state: BatchState, provider_id: str, replies: Sequence[Reply], failures: Sequence[Failure]
    ) -> Future[None]:
        """Store all that came of a batch: everything or nothing."""


@dataclass(frozen=True, slots=True)
class Batching:
    """What the work with batches needs.

    Attributes
    ----------
    url : where the same requests go one by one; batches of other addresses are left alone.
    prices : in a batch.
    """

    service: BatchService
    store: BatchStore
    provider: Provider
    teacher: str
    prices: Prices
    limits: Limits
    clock: Clock


async def cancel_all(batching: Batching, tell: Callable[[str], None]) -> list[tuple[Batch, int]]:
    """As `Batcher.cancel`, with a connection of its own; `tell` hears now and then how it goes."""
    async with batching.service.connect() as desk:
        batcher = Batcher(batching, desk, _keep_schema)
        telling = asyncio.ensure_future(_keep_telling(batcher, batching.clock, tell))
        try:
            return await batcher.cancel()
        finally:
            telling.cancel()
            for remark in batcher.remarks:
                tell(remark)


async def _keep_telling(batcher: Batcher, clock: Clock, tell: Callable[[str], None]) -> None:
    while True:
        await clock.sleep(QUIET_S)
        tell(batcher.says() or "asking the provider")


def _keep_schema(_reason: str) -> None:
    """Nothing more is asked."""


class Batcher:
    """Hands requests over and takes replies in, inside one event loop.

    Attributes
    ----------
    remarks : what was odd about results, in words.
    """

    def __init__(self, batching: Batching, desk: BatchDesk, drop_schema: Callable[[str], None]) -> None:
        self.remarks: list[str] = []
        self._batching = batching
        self._store = batching.store
        self._desk = desk
        self._drop_schema = drop_schema
        self._stopped = asyncio.Event()
        self._looks: dict[str, Look] = {}
        self._trouble = ""
        self._next_look_s = 0.0
        self._single: set[str] = set()
        self._is_reached = False
        self._refuted: dict[str, set[str]] = {}

    def stop(self) -> None:
        """Hand nothing more over and wait no longer; what is with the provider stays there."""
        self._stopped.set()

    def says(self) -> str:
        """How the batches stand that are waited for, in words; "" if none are."""
        if not self._looks and not self._trouble:
            return ""
        looks = tuple(self._looks.values())
        n_done, n_all = sum(look.n_done for look in looks), sum(look.n_requests for look in looks)
        states = ", ".join(dict.fromkeys(look.said for look in looks))
        counted = f"{len(looks)} batch{'es' if len(looks) != 1 else ''} ({states}), {n_done:,} of {n_all:,} done"
        return "; ".join(
            filter(None, [counted if looks else "", self._trouble, f"next look in {self._next_look_s:,.0f} s"])
        )

    async def fill(self, collect: Callable[[Collector], Awaitable[None]], *, is_submitting: bool) -> None:
        """Wait for open batches that hold wanted requests; then have the others answered in new ones, if asked to.

        Parameters
        ----------
        collect : asks a collector every question.

        Raises
        ------
        TeacherError, BudgetSpent
            If a batch failed, was cancelled or is unknown to the provider, or the budget does not allow one request.
        Stopped
            After `stop`.
        """
        wanted = await self._wanted(collect)
        await self._finish([b for b in self._open() if not wanted.keys().isdisjoint(b.request_keys)])
        n_fruitless = 0
        while is_submitting and n_fruitless < MOST_FRUITLESS_ROUNDS:
            wanted = await self._wanted(collect)
            if not wanted:
                return
            n_replies = await self._finish(await self._hand_over(await self._affordable(list(wanted.values()))))
            n_fruitless = 0 if n_replies else n_fruitless + 1
        if is_submitting:
            raise TeacherError(
                f"{self._batching.teacher}: {MOST_FRUITLESS_ROUNDS} batches in a row brought no reply.",
                "Run again later, or set `teacher.batch = false` to ask one by one.",
            )

    async def cancel(self) -> list[tuple[Batch, int]]:
        """Cancel every open batch of this address and store what is finished; each with its number of replies."""
        ended = []
        for batch in self._open():
            located = await self._located(batch)
            n_replies = 0
            if located is not None and await self._asked_to_cancel(located):
                n_replies = await self._finish([self._stored(batch.id)])
            ended.append((self._stored(batch.id), n_replies))
        return ended

    def _open(self) -> list[Batch]:
        url = self._batching.provider.url
        return [batch for batch in self._store.batches() if batch.state.is_open and batch.url == url]

    def _stored(self, batch_id: str) -> Batch:
        return next(batch for batch in self._store.batches() if batch.id == batch_id)

    async def _wanted(self, collect: Callable[[Collector], Awaitable[None]]) -> dict[str, Wanted]:
        batching = self._batching
        collector = Collector(batching.provider, self._store, batching.teacher, batching.prices)
        await collect(collector)
        self._refuse_if_stopped()
        return {key: wanted for key, wanted in collector.wanted.items() if key not in self._single}

    async def _affordable(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """As many as the budget allows at their most; raises `BudgetSpent` if that is none."""
        limits = self._batching.limits
        spent = Charge(self._store.spent_usd(), 0 if limits.tokens is None else self._store.spent_tokens())
        budget = Budget(limits, spent, self._batching.prices)
        allowed: list[Wanted] = []
        for each in wanted:
            if allowed and not budget.fits(each.at_most):
                break
            await budget.reserve(each.at_most)
            allowed.append(each)
        return allowed

    async def _hand_over(self, wanted: Sequence[Wanted]) -> list[Batch]:
        """Submit requests in as few batches as the provider allows."""
        return [await self._submitted(some) for some in self._split(wanted)]

    def _split(self, wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
        capacity, entry = self._batching.service.capacity, self._batching.service.entry
        some: list[Wanted] = []
        n_bytes = 0
        for each in wanted:
            size = len(entry(each.request).encode())
            if some and (len(some) == capacity.n_requests or n_bytes + size > capacity.n_bytes):
                yield some
                some, n_bytes = [], 0
            some.append(each)
            n_bytes += size
        yield some

    async def _submitted(self, wanted: Sequence[Wanted]) -> Batch:
        """Store the intention, hand over, store the provider's id."""
        self._refuse_if_stopped()
        costs = [each.at_most.usd for each in wanted]
        known = [cost for cost in costs if cost is not None]
        batch = Batch(
            id=secrets.token_hex(16),
            teacher=self._batching.teacher,
            url=self._batching.provider.url,
            request_keys=tuple(each.request.key for each in wanted),
            at_most_usd=sum(known) if len(known) == len(costs) else None,
            created_at=utc_now(),
        )
        requests = [each.request for each in wanted]
        await asyncio.wrap_future(self._store.begin_batch(batch, requests, costs))
        for _ in range(MOST_SUBMISSIONS):
            if (submitted := await self._try_to_submit(batch, requests)) is not None:
                return submitted
        await self._abandon(batch)
        raise TeacherError(
            f"{batch.teacher}: a batch could not be handed over: {self._trouble}.",
            "Nothing of it was charged; run again later.",
        )

    async def _try_to_submit(self, batch: Batch, requests: Sequence[Request]) -> Batch | None:
        """The batch with its id, also if the answer was lost on the way; None if it was not received."""
        try:
            provider_id = await self._within_time(self._desk.submit(batch, requests))
        except TeacherError:
            await self._abandon(batch)
            raise
        except CallError as exc:
            if exc.then not in (Then.RETRY, Then.WAIT):
                await self._abandon(batch)
                raise self._refused(exc) from None
            self._trouble = exc.message
            await self._sleep(max(SETTLING_S, exc.retry_after_s or 0.0))
            return await self._found_again(batch)
        self._trouble = ""
        return await self._note(batch, BatchState.SUBMITTED, provider_id)

    async def _note(self, batch: Batch, state: BatchState, provider_id: str) -> Batch:
        await asyncio.wrap_future(self._store.note_batch(batch.id, state, provider_id))
        return replace(batch, state=state, provider_id=provider_id)

    async def _abandon(self, batch: Batch, state: BatchState = BatchState.NOT_SENT) -> None:
        """End a batch that brings nothing; charged for is at most one that was received."""
        is_maybe_billed = state is not BatchState.NOT_SENT
        failures = [Failure(key, f"batch {state}", "", is_maybe_billed) for key in batch.request_keys]
        await asyncio.wrap_future(self._store.end_batch(batch.id, state, batch.provider_id, (), failures))

    async def _located(self, batch: Batch) -> Batch | None:
        """A batch with its id; one without, left by a run that died, is looked for or else counts as not sent."""
        if batch.provider_id:
            return batch
        age_s = (datetime.now(UTC) - datetime.fromisoformat(batch.created_at)).total_seconds()
        if age_s < SETTLING_S:
            await self._sleep(SETTLING_S - max(0.0, age_s))
        found = await self._found_again(batch)
        if found is None:
            await self._abandon(batch)
        return found

    async def _found_again(self, batch: Batch) -> Batch | None:
        certain = {each.provider_id for each in self._store.batches() if each.state is not BatchState.PRESUMED}
        known = certain | self._refuted.get(batch.id, set())
        try:
            candidates = await self._insist(lambda: self._desk.find(batch, known))
        except CallError as exc:
            raise self._refused(exc) from None
        if not candidates:
            return None
        is_certain = self._batching.service.is_marking
        if not is_certain:
            self.remarks.append(
                f"batch {candidates[0]} may be one whose id was lost; its end will tell, and is waited for"
            )
        return await self._note(batch, BatchState.SUBMITTED if is_certain else BatchState.PRESUMED, candidates[0])

    async def _finish(self, batches: Collection[Batch]) -> int:
        """Wait until all have ended; the number of replies that were stored."""
        located = [await self._located(batch) for batch in batches]
        waiting = [batch for batch in located if batch is not None]
        n_replies, wait_s = 0, FIRST_LOOK_S
        try:
            while waiting:
                left = []
                for batch in waiting:
                    ended = await self._ended(batch)
                    if ended is None:
                        left.append(batch)
                    else:
                        self._looks.pop(batch.id, None)
                        n_replies += await self._taken_in(batch, *ended)
                waiting = left
                if waiting:
                    await self._sleep(wait_s)
                    wait_s = min(LONGEST_LOOK_S, wait_s * GROWTH)
        finally:
            self._looks.clear()
        return n_replies

    async def _ended(self, batch: Batch) -> tuple[Look, Results] | None:
        """Look at a batch; what came of it, if it has ended. A look that fails is repeated later."""
        try:
            look = self._looks[batch.id] = await self._within_time(self._desk.look(batch.provider_id))
            results = None if look.state.is_open else await self._within_time(self._desk.results(look))
        except CallError as exc:
            if exc.then not in (Then.RETRY, Then.WAIT):
                raise self._refused(exc, batch) from None
            self._trouble = f"the last look failed ({exc.message})"
            return None
        self._trouble = ""
        return None if results is None else (look, results)

    async def _taken_in(self, batch: Batch, look: Look, results: Results) -> int:
        """Store what came of a batch that has ended; the number of replies."""
        matched = match(batch, look, results)
        if batch.state is BatchState.PRESUMED and not matched.is_ours:
            return await self._look_for_another(batch)
        if matched.remark:
            self.remarks.append(matched.remark)
        at_most = self._store.most_usd_of(batch.request_keys)
        replies = [self._reply(batch, key, body, at_most.get(key)) for key, body in matched.bodies.items()]
        await asyncio.wrap_future(
            self._store.end_batch(batch.id, look.state, batch.provider_id, replies, matched.failures)
        )
        self._learn(matched.errors)
        self._refuse_to_go_on(batch, look, len(replies))
        return len(replies)

    async def _look_for_another(self, batch: Batch) -> int:
        """What was presumed to be this batch is somebody else's."""
        self._refuted.setdefault(batch.id, set()).add(batch.provider_id)
        return await self._finish([await self._note(batch, BatchState.INTENDED, "")])

    def _reply(self, batch: Batch, key: str, body: str, at_most_usd: float | None) -> Reply:
        completion = self._batching.provider.read(body)
        is_counted = completion.prompt_tokens is not None and completion.completion_tokens is not None
        cost_usd = self._batching.prices.settled(completion, (), 0).usd if is_counted else at_most_usd
        return Reply(
            request_key=key,
            body=body,
            model=completion.model,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            cached_tokens=completion.cached_tokens,
            cost_usd=cost_usd,
            latency_s=(datetime.now(UTC) - datetime.fromisoformat(batch.created_at)).total_seconds(),
            received_at=utc_now(),
        )

    def _learn(self, errors: Mapping[str, CallError]) -> None:
        """What the errors of single requests mean for the others; those that are hopeless are left to single calls."""
        for key, error in errors.items():
            if error.then is Then.STOP:
                raise self._refused(error)
            if error.then is Then.ASK_PLAINLY:
                self._drop_schema(error.message)
            if error.then is Then.GIVE_UP:
                self._single.add(key)

    def _refuse_to_go_on(self, batch: Batch, look: Look, n_replies: int) -> None:
        kept = f"{n_replies:,} of {len(batch.request_keys):,} requests were answered, and are kept"
        if look.state is BatchState.FAILED:
            raise TeacherError(
                f"{batch.teacher}: batch {batch.provider_id} failed ({look.said}); {kept}.",
                "Mend the cause and run again, or set `teacher.batch = false` to ask one by one.",
            )
        if look.state is BatchState.CANCELLED and batch.state is not BatchState.CANCELLING:
            raise TeacherError(
                f"{batch.teacher}: batch {batch.provider_id} was cancelled; {kept}.",
                "The same command hands the rest over again.",
            )

    def _refused(self, error: CallError, batch: Batch | None = None) -> TeacherError:
        teacher = self._batching.teacher
        if batch is None:
            hint = error.hint if error.kind != UNKNOWN else "No batches there? Set `teacher.batch = false`."
            return TeacherError(f"{teacher}: {error.message}.", hint)
        if error.kind != UNKNOWN:
            return TeacherError(f"{teacher}: batch {batch.provider_id}: {error.message}.", error.hint)
        return TeacherError(
            f"{teacher}: batch {batch.provider_id} of {batch.created_at} is unknown under this key ({error.message}).",
            "Use the key of the account that handed it over; it is not handed over anew, which could be paid twice. "
            "`understudy annotate --cancel-batches` gives it up.",
        )

    async def _asked_to_cancel(self, batch: Batch) -> bool:
        """Whether there is still something to wait for."""
        if batch.state is BatchState.PRESUMED:
            return True  # perhaps it is somebody else's: only its end will tell
        try:
            await self._insist(lambda: self._cancelled(batch.provider_id))
        except CallError as exc:
            if exc.kind != UNKNOWN:
                raise self._refused(exc, batch) from None
            await self._abandon(batch, BatchState.GONE)
            return False
        await self._note(batch, BatchState.CANCELLING, batch.provider_id)
        return True

    async def _cancelled(self, provider_id: str) -> None:
        try:
            await self._desk.cancel(provider_id)
        except CallError as exc:
            if exc.kind not in OVER_ALREADY:
                raise

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until there is an answer, or a `CallError` that no waiting mends."""
        wait_s = FIRST_LOOK_S
        while True:
            try:
                return await self._within_time(call())
            except CallError as exc:
                if exc.then not in (Then.RETRY, Then.WAIT):
                    raise
                self._trouble = exc.message
            await self._sleep(wait_s)
            wait_s = min(LONGEST_LOOK_S, wait_s * GROWTH)

    async def _within_time(self, call: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                answer = await call
        except CallError as exc:
            if exc.kind == UNREACHABLE and not self._is_reached:
                raise self._refused(exc) from None
            raise
        except TimeoutError:
            message = f"no complete reply within {CALL_TIMEOUT_S:g} s"
            raise CallError("timeout", message, Then.RETRY, is_maybe_billed=True) from None
        self._is_reached = True
        return answer

    async def _sleep(self, seconds: float) -> None:
        self._next_look_s = seconds
        await sleep_unless(self._stopped, self._batching.clock, seconds)
        self._refuse_if_stopped()

    def _refuse_if_stopped(self) -> None:
        if self._stopped.is_set():
            raise Stopped
