"""One run over documents: each is posed, asked about, read and concluded, many at once, in an event loop of its own.

How a call is made safely is the driver's business; what a reply means is `prompts`'.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from understudy.codebook import Task
from understudy.corpus import is_blank
from understudy.errors import TeacherError, UnderstudyError
from understudy.prompts import PLAINLY, Question, Wording, pose, suspicions
from understudy.records import Annotation, Answer, Document, Outcome, Provenance
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher.activity import Activity
from understudy.teacher.batch_service import OffersBatches
from understudy.teacher.batches import Batcher, Batching, BatchStore
from understudy.teacher.collector import Collector, NotAnswered
from understudy.teacher.driver import Driver, Effort, Exchange, Stopped, Store
from understudy.teacher.flow import converse
from understudy.teacher.money import Budget, Charge, Limits, Prices
from understudy.teacher.patience import Clock
from understudy.teacher.probability import label_probability
from understudy.teacher.provider import CallError, Completion, Provider, Then
from understudy.teacher.teacher import conclude, skip, utc_now
from understudy.teacher.together import ALONE, Calls, Segments, Shared, Together, groups_of
from understudy.teacher.width import connections_allowed

Choose = Callable[[Sequence[Document]], Sequence[tuple[Document, ...]]]
"""Demonstrations for each document, nearest last."""

Narrow = Callable[[Sequence[Document], Sequence[tuple[Document, ...]]], Sequence[tuple[str, ...]]]
"""The labels that each document is asked about, given its demonstrations; empty for all."""

DOCUMENTS_AT_ONCE = 512
"""So many documents are given their demonstrations together."""

PLACES_PER_AHEAD = 4
"""For so many places in flight one more question is made ready, and stored as intended, while it waits for a place."""

BLANK = "the text is blank"

RAISED = 4
"""So many times the usual ceiling has the answer after a cut one."""

MOST_BUGS_ALIKE = 10
"""So many documents that end with the same kind of fault of ours stop the run."""


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """How questions are made.

    Attributes
    ----------
    nonce : the project's random code around texts (`prompts.render`); the same in every run, or nothing is resumed.
    choose : demonstrations for documents.
    repair : whether to ask once more after an unreadable answer.
    codebook_digest, prompt_digest : stand in the provenance of every annotation.
    wording : words, masked data and order of labels.
    narrow : the labels to ask about; None for all of them, as where several texts are asked about together.
    together : how many texts are asked about in one call.
    """

    nonce: str
    choose: Choose
    repair: bool = True
    codebook_digest: str = ""
    prompt_digest: str = ""
    wording: Wording = PLAINLY
    narrow: Narrow | None = None
    together: Together = ALONE


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a run over documents needs besides the documents.

    Attributes
    ----------
    name : of the teacher.
    batches : keeps batches; None where questions are only asked one by one.
    is_submitting : whether first questions go into new batches, too.
    segments : what the whole job is about, where several texts are asked about together; None for this run's documents.
    first_replicate : number of the first repetition.
    """

    name: str
    task: Task
    provider: Provider
    store: Store
    plan: PromptPlan
    settings: TeacherSettings
    data: DataSettings
    rng: np.random.Generator
    clock: Clock
    batches: BatchStore | None = None
    is_submitting: bool = False
    segments: Segments | None = None
    first_replicate: int = 0

    @property
    def replicates(self) -> range:
        """The numbers of the repetitions to ask for."""
        return range(self.first_replicate, self.first_replicate + self.settings.replicates)


class Run:
    """One pass over documents, inside its own event loop."""

    def __init__(
        self, assignment: Assignment, documents: Sequence[Document], deliver: Callable[[Annotation], None]
    ) -> None:
        self._assigned = assignment
        self._documents = documents
        self._deliver = deliver
        self._driver: Driver | None = None
        self._batcher: Batcher | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopped = threading.Event()
        self._wording = assignment.plan.wording
        self._no_schema_reason = ""
        self._calls = self._calls_together()
        self._bugs: Counter[str] = Counter()

    def stop(self) -> None:
        """From any thread: send nothing more."""
        self._is_stopped.set()
        for one in (self._batcher, self._driver):
            if self._loop is not None and one is not None and not self._loop.is_closed():
                with suppress(RuntimeError):  # the loop was closed in between: nothing is left to stop
                    self._loop.call_soon_threadsafe(one.stop)

    def activity(self) -> Activity:
        """From any thread: what goes on."""
        activity = Activity() if self._driver is None else self._driver.activity()
        says, remarks = ("", ()) if self._batcher is None else (self._batcher.says(), tuple(self._batcher.remarks))
        return replace(activity, no_schema_reason=self._no_schema_reason, batches=says, remarks=remarks)

    async def main(self) -> None:
        """Ask about all documents; the first error stops the others and is raised when they have ended."""
        settings = self._assigned.settings
        prices = Prices(settings.price_in_usd, settings.price_out_usd, settings.price_cached_usd)
        store = self._assigned.store
        concurrency = min(settings.concurrency, connections_allowed())
        limits = Limits(settings.budget_usd, settings.budget_tokens)
        self._loop = asyncio.get_running_loop()
        try:
            await self._use_batches(prices.in_batches(), limits)
        except Stopped:
            return
        except TeacherError:
            await self._deliver_answered(prices)
            raise
        spent = Charge(store.spent_usd(), 0 if limits.tokens is None else store.spent_tokens())
        budget = Budget(limits, spent, prices)
        async with self._assigned.provider.connect() as send:
            self._driver = Driver(
                self._assigned.provider,
                self._assigned.store,
                send,
                self._assigned.name,
                prices,
                budget,
                Effort(
                    settings.timeout_s,
                    settings.max_attempts,
                    concurrency,
                    settings.requests_per_minute,
                    settings.tokens_per_minute,
                ),
                self._assigned.rng,
                self._assigned.clock,
            )
            if self._is_stopped.is_set():
                return
            questions = _Questions(self._assigned.plan, self._documents)
            n_workers = (concurrency + concurrency // PLACES_PER_AHEAD) * self._assigned.plan.together.n
            workers = [self._work(self._driver, questions) for _ in range(n_workers)]
            errors = [error for error in await asyncio.gather(*workers) if error is not None]
        if errors:
            raise errors[0]

    async def _use_batches(self, prices: Prices, limits: Limits) -> None:
        """Have first questions answered that are in open batches, or may be put into new ones."""
        assigned, provider, store = self._assigned, self._assigned.provider, self._assigned.batches
        if store is None or not isinstance(provider, OffersBatches):
            return
        if not assigned.is_submitting and not any(batch.state.is_open for batch in store.batches()):
            return
        batching = Batching(provider.batches(), store, provider, assigned.name, prices, limits, assigned.clock)
        async with batching.service.connect() as desk:
            self._batcher = Batcher(batching, desk, self._drop_schema)
            if not self._is_stopped.is_set():
                await self._batcher.fill(self._collect, is_submitting=assigned.is_submitting)

    async def _collect(self, collector: Collector) -> None:
        """Ask a collector the first questions about all documents."""
        async for document, shown in _Questions(self._assigned.plan, self._documents):
            sendable, _ = self._screened(document)
            if sendable is None or self._is_stopped.is_set():
                continue
            for replicate in self._assigned.replicates:
                with suppress(NotAnswered):
                    await self._answer(collector, sendable, shown, replicate)

    async def _deliver_answered(self, prices: Prices) -> None:
        """What the store alone can answer: nobody waits for paid replies until the rest can be asked."""
        assigned = self._assigned
        collector = Collector(assigned.provider, assigned.store, assigned.name, prices)
        async for document, shown in _Questions(assigned.plan, self._documents):
            with suppress(NotAnswered):
                self._deliver(await self._annotate(collector, document, shown))

    def _drop_schema(self, reason: str) -> None:
        """From now on ask in free text, for the endpoint has said that it cannot hold answers to a schema."""
        self._wording = replace(self._wording, is_structured=False)
        self._no_schema_reason = reason

    async def _work(self, driver: Driver, questions: _Questions) -> BaseException | None:
        """Take one document after the other; returns what made it stop."""
        try:
            async for document, shown in questions:
                if driver.is_stopped:
                    return None
                self._deliver(await self._annotate_despite_bugs(driver, document, shown))
        except Stopped:
            return None
        except BaseException as exc:
            driver.stop()
            return exc
        return None

    async def _annotate_despite_bugs(self, driver: Driver, document: Document, shown: _Shown) -> Annotation:
        """A fault of ours costs its document; the run ends only where it is not the document's doing."""
        try:
            return await self._annotate(driver, document, shown)
        except (UnderstudyError, Stopped, MemoryError):
            raise
        except Exception as exc:
            kind = type(exc).__name__
            self._bugs[kind] += 1
            if self._bugs[kind] >= MOST_BUGS_ALIKE:
                raise
            answer = Answer(Outcome.FAILED, reason=f"a fault in understudy: {kind}: {exc}")
            task, who = self._assigned.task, self._provenance()
            return replace(conclude(task, document, [answer], who, cost_usd=None), flags=suspicions(document.text))

    def _provenance(self) -> Provenance:
        plan = self._assigned.plan
        return Provenance(self._assigned.name, "", plan.codebook_digest, plan.prompt_digest, created_at=utc_now())

    async def _annotate(self, driver: Driver | Collector, document: Document, shown: _Shown) -> Annotation:
        provenance = self._provenance()
        sendable, remark = self._screened(document)
        if sendable is None:
            return skip(document, remark, provenance)
        answers, exchanges = [], []
        for replicate in self._assigned.replicates:
            answer, used = await self._answer(driver, sendable, shown, replicate)
            answers.append(answer)
            exchanges += used
        provenance = replace(
            provenance,
            model=next((e.completion.model for e in reversed(exchanges) if e.completion.model), ""),
            request_keys=tuple(exchange.key for exchange in exchanges),
            demonstrations=tuple(each.id for each in shown.demonstrations),
        )
        concluded = conclude(
            self._assigned.task, document, answers, provenance, cost_usd=_cost(exchanges), remark=remark
        )
        return replace(concluded, flags=suspicions(document.text))

    async def _answer(
        self, driver: Driver | Collector, document: Document, shown: _Shown, replicate: int
    ) -> tuple[Answer, list[Exchange]]:
        """One answer: from a call about several texts if it is clear there, otherwise from a call of its own."""
        shared = await self._answer_together(driver, document, replicate)
        if shared.answer is not None:
            return shared.answer, list(shared.exchanges)
        answer, exchanges = await self._answer_alone(driver, document, shown, replicate)
        return answer, [*shared.exchanges, *exchanges]

    async def _answer_together(self, driver: Driver | Collector, document: Document, replicate: int) -> Shared:
        calls = self._calls
        if calls is None:
            return Shared(None, ())
        found = await calls.about(driver, document, replicate, lambda: self._wording, self._drop_schema)
        return found or Shared(None, ())

    def _calls_together(self) -> Calls | None:
        assigned, plan = self._assigned, self._assigned.plan
        if plan.together.n == 1:
            return None
        segments = assigned.segments or [self._documents]
        groups = list(groups_of(segments, plan.together.n, lambda each: self._screened(each)[0]))
        wanted = frozenset(document.id for document in self._documents)
        asking = (assigned.task, assigned.provider, assigned.store, plan.together, plan.nonce, plan.choose)
        return Calls(*asking, groups, wanted)

    async def _answer_alone(
        self, driver: Driver | Collector, document: Document, shown: _Shown, replicate: int
    ) -> tuple[Answer, list[Exchange]]:
        """One answer; in free text from the moment on when the endpoint has said that it cannot hold it to a schema."""
        while True:
            question = pose(
                self._assigned.task,
                document,
                shown.demonstrations,
                self._assigned.plan.nonce,
                self._wording,
                labels=shown.labels,
                replicate=replicate,
            )
            try:
                return await self._ask(driver, question, document.id, replicate)
            except CallError as exc:
                self._drop_schema(exc.message)

    async def _ask(
        self, driver: Driver | Collector, question: Question, document_id: str, replicate: int
    ) -> tuple[Answer, list[Exchange]]:
        """One whole conversation; raises `CallError` only if it must be held without a schema."""
        repair = question.repair if self._assigned.plan.repair else None
        conversation = converse(question.messages, question.read, repair)
        exchanges: list[Exchange] = []
        asked = next(conversation)
        while True:
            raised = RAISED * self._assigned.provider.max_tokens if asked.is_raised else None
            try:
                exchange = await driver.ask(
                    asked.messages, document_id, replicate, len(exchanges), max_tokens=raised, schema=question.schema
                )
            except CallError as exc:
                if exc.then is Then.ASK_PLAINLY and question.schema is not None:
                    raise
                return Answer(exc.outcome, reason=exc.message), exchanges
            exchanges.append(exchange)
            try:
                asked = conversation.send(exchange.completion)
            except StopIteration as stop:
                return _with_probability(question.task, stop.value, exchange.completion), exchanges

    def _screened(self, document: Document) -> tuple[Document | None, str]:
        """What is sent of a document, and a remark; None if nothing is."""
        data = self._assigned.data
        if is_blank(document.text):
            return None, BLANK
        if len(document.text) <= data.max_characters or data.overlong == "keep":
            return document, ""
        if data.overlong == "skip":
            return None, f"the text has more than {data.max_characters:,} characters"
        cut = replace(document, text=document.text[: data.max_characters])
        return cut, f"only the first {data.max_characters:,} characters were sent"


@dataclass(frozen=True, slots=True)
class _Shown:
    """What stands beside a text: demonstrations, nearest last, and the labels to choose from; empty for all."""

    demonstrations: tuple[Document, ...]
    labels: tuple[str, ...]


class _Questions:
    """Documents with what is shown beside them, for many workers; chosen in a thread, some documents at a time."""

    def __init__(self, plan: PromptPlan, documents: Sequence[Document]) -> None:
        self._plan = plan
        self._documents = documents
        self._start = 0
        self._ready: list[tuple[Document, _Shown]] = []
        self._choosing = asyncio.Lock()

    def __aiter__(self) -> AsyncIterator[tuple[Document, _Shown]]:
        return self

    async def __anext__(self) -> tuple[Document, _Shown]:
        async with self._choosing:
            if not self._ready:
                await self._prepare()
            return self._ready.pop()

    async def _prepare(self) -> None:
        some = self._documents[self._start : self._start + DOCUMENTS_AT_ONCE]
        if not some:
            raise StopAsyncIteration
        self._start += len(some)
        shown = await asyncio.to_thread(self._shown_beside, some)
        self._ready = list(zip(some, shown, strict=True))[::-1]

    def _shown_beside(self, documents: Sequence[Document]) -> list[_Shown]:
        chosen = self._plan.choose(documents)
        narrow = self._plan.narrow
        labels = [()] * len(documents) if narrow is None else narrow(documents, chosen)
        return [_Shown(tuple(some), tuple(names)) for some, names in zip(chosen, labels, strict=True)]


def _with_probability(task: Task, answer: Answer, completion: Completion) -> Answer:
    """The answer with the probability of its tokens as confidence, which says more than what a model states."""
    probability = label_probability(task, answer, completion)
    return answer if probability is None else replace(answer, confidence=probability)


def _cost(exchanges: Sequence[Exchange]) -> float | None:
    """What a document has cost; None if the price is unknown. A reply shared with another document costs nothing."""
    costs = [0.0 if exchange.is_shared else exchange.reply.cost_usd for exchange in exchanges]
    return None if None in costs else float(sum(cost for cost in costs if cost is not None))
