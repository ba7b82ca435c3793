"""A language model asked for free text, such as labelled examples: every reply is stored before anyone reads it.

Knows no task: what is asked and what an answer means is somebody else's business.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence

import numpy as np

from understudy.errors import TeacherError
from understudy.prompts import Message
from understudy.records import Reply
from understudy.settings import TeacherSettings
from understudy.teacher.driver import Driver, Effort, Stopped, Store
from understudy.teacher.identity import canonical, request_key
from understudy.teacher.money import Budget, Charge, Limits, Prices
from understudy.teacher.patience import Clock
from understudy.teacher.provider import CallError, Completion, Provider, Then
from understudy.teacher.width import connections_allowed


def stored_answer(
    provider: Provider, store: Store, question: Sequence[Message], number: int
) -> tuple[Completion, Reply] | None:
    """What the store has in answer to a question of that number; None if it has nothing."""
    reply = store.reply_to(request_key(provider.url, canonical(provider.body(question)), number, 0))
    return None if reply is None else (provider.read(reply.body), reply)


class Author:
    """Asks questions whose answers are wanted as they come, each once.

    Works inside a running event loop (a notebook) too: it runs its own in a thread.

    Parameters
    ----------
    name : under which requests are stored.
    settings : concurrency, deadlines, prices, budget.
    rng : for the jitter of waits only.
    """

    def __init__(
        self,
        name: str,
        provider: Provider,
        store: Store,
        settings: TeacherSettings,
        rng: np.random.Generator,
        clock: Clock | None = None,
    ) -> None:
        self._name = name
        self._provider = provider
        self._store = store
        self._settings = settings
        self._rng = rng
        self._clock = clock or Clock()

    def ask(self, questions: Mapping[int, Sequence[Message]]) -> None:
        """Have every question answered, or given up; the answers are in the store.

        Parameters
        ----------
        questions : by number; the same question under another number is asked anew.

        Raises
        ------
        TeacherError, BudgetSpent, StoreError
            If the author cannot go on; what was answered is kept.
        """
        work = _Work(self, questions)
        thread = threading.Thread(target=work.run, name="understudy-author", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(1.0)
        finally:
            work.stop()
            thread.join()
        if work.error is not None:
            raise work.error


class _Work:
    """One call of `Author.ask`, inside its own event loop."""

    def __init__(self, author: Author, questions: Mapping[int, Sequence[Message]]) -> None:
        self.error: BaseException | None = None
        self._author = author
        self._waiting = list(questions.items())[::-1]
        self._driver: Driver | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopped = threading.Event()

    def run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as exc:  # carried to the caller's thread
            self.error = exc

    def stop(self) -> None:
        """From any thread: send nothing more."""
        self._is_stopped.set()
        loop, driver = self._loop, self._driver
        if loop is not None and driver is not None and loop.is_running():
            loop.call_soon_threadsafe(driver.stop)

    async def _main(self) -> None:
        author, settings = self._author, self._author._settings
        self._loop = asyncio.get_running_loop()
        concurrency = min(settings.concurrency, connections_allowed())
        effort = Effort(
            settings.timeout_s,
            settings.max_attempts,
            concurrency,
            settings.requests_per_minute,
            settings.tokens_per_minute,
        )
        prices = Prices(settings.price_in_usd, settings.price_out_usd, settings.price_cached_usd)
        async with author._provider.connect() as send:
            self._driver = driver = Driver(
                author._provider, author._store, send, author._name, prices, self._budget(prices), effort,
                author._rng, author._clock,
            )  # fmt: skip
            if not self._is_stopped.is_set():
                errors = await asyncio.gather(*(self._ask_some(driver) for _ in range(concurrency)))
                self.error = next((error for error in errors if error is not None), None)

    def _budget(self, prices: Prices) -> Budget:
        settings, store = self._author._settings, self._author._store
        limits = Limits(settings.budget_usd, settings.budget_tokens)
        return Budget(limits, Charge(store.spent_usd(), 0 if limits.tokens is None else store.spent_tokens()), prices)

    async def _ask_some(self, driver: Driver) -> BaseException | None:
        """Ask one question after the other; what ended the run, or None."""
        while self._waiting and not driver.is_stopped:
            number, question = self._waiting.pop()
            try:
                await driver.ask(question, f"{self._author._name} {number}", number, 0)
            except CallError as exc:
                if exc.then is Then.ASK_PLAINLY:
                    return TeacherError(f"{self._author._name}: {exc.message}.", exc.hint)
            except Stopped:
                return None
            except BaseException as exc:
                driver.stop()
                return exc
        return None
