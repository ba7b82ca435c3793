"""A language model as teacher: hands documents to a run in a thread of its own, and what it concludes to the caller."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from understudy.codebook import Task
from understudy.errors import UserError
from understudy.records import Annotation, Document
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher.activity import Activity, Watch
from understudy.teacher.asking import Assignment, PromptPlan, Run
from understudy.teacher.batch_service import OffersBatches
from understudy.teacher.batches import BatchStore
from understudy.teacher.driver import Store
from understudy.teacher.patience import Clock
from understudy.teacher.provider import Provider
from understudy.teacher.together import Segments

BEAT_S = 1.0
"""How often whoever waits is told what goes on."""


Finished = queue.SimpleQueue[Annotation | BaseException | None]
"""What comes from the thread of the event loop; None is the end."""


class LanguageModelTeacher:
    """Asks a model about each document, `settings.replicates` times, and takes the most frequent answer.

    Works inside a running event loop (a notebook) too: it runs its own in a thread.

    Parameters
    ----------
    provider : how the model is reached.
    store : keeps every question before it is sent and every reply before it is read; what it holds is not asked again.
    settings : name, replicates, concurrency, deadlines, prices, budget.
    data : what happens to overlong texts.
    rng : for the jitter of waits only.
    """

    def __init__(
        self,
        task: Task,
        provider: Provider,
        store: Store,
        plan: PromptPlan,
        settings: TeacherSettings,
        data: DataSettings,
        rng: np.random.Generator,
        clock: Clock | None = None,
    ) -> None:
        self.name = settings.name
        self._clock = clock or Clock()
        self._assignment = Assignment(settings.name, task, provider, store, plan, settings, data, rng, self._clock)
        self._watch: Watch = _nobody
        self._told_at = self._clock.monotonic()

    def annotate(self, documents: Sequence[Document]) -> Iterator[Annotation]:
        """One annotation for each document, as they are finished.

        Blank and (if so set) overlong texts are skipped, not sent. Closing the iterator, or an interruption, sends
        nothing more, waits for the calls in flight and stores their replies; a second interruption does not wait.

        Raises
        ------
        TeacherError, BudgetSpent, StoreError
            After everything that is finished has been yielded.
        """
        finished: Finished = queue.SimpleQueue()
        with self._running(documents, finished) as run:
            while (item := self._next(run, finished)) is not None:
                if isinstance(item, BaseException):
                    self._watch(run.activity())
                    raise item
                yield item
            self._watch(run.activity())

    def watched_by(self, watch: Watch) -> None:
        """Tell somebody what goes on, about once a second while annotations are waited for."""
        self._watch = watch

    def use_batches(self, store: BatchStore, *, is_submitting: bool) -> None:
        """Never ask one by one what an open batch was given; from now on wait for that batch.

        Parameters
        ----------
        store : keeps batches.
        is_submitting : whether to hand over first questions in new batches, too: half the price, within a day.

        Raises
        ------
        UserError
            If `is_submitting` and the provider takes no batches.
        """
        if is_submitting and not isinstance(self._assignment.provider, OffersBatches):
            raise UserError(
                f"`teacher.batch` is set, but `{self._assignment.settings.kind}` takes no batches here.",
                "Set `teacher.batch = false`; `openai` and `anthropic` take them.",
            )
        self._assignment = replace(self._assignment, batches=store, is_submitting=is_submitting)

    def ask_anew(self, first_replicate: int, prompt_digest: str) -> None:
        """Ask again what the store may have answers to, numbering repetitions from another number on.

        Parameters
        ----------
        first_replicate : no repetition of these numbers was asked for before; whoever resumes gives the same one.
        prompt_digest : stands in the provenance of these annotations instead of the plan's, to keep them apart.
        """
        plan = replace(self._assignment.plan, prompt_digest=prompt_digest)
        self._assignment = replace(self._assignment, first_replicate=first_replicate, plan=plan)

    def group_within(self, segments: Segments) -> None:
        """Say what the whole job is about, so that an interrupted one puts the same texts together again."""
        self._assignment = replace(self._assignment, segments=segments)

    def _next(self, run: Run, finished: Finished) -> Annotation | BaseException | None:
        while True:
            if self._clock.monotonic() - self._told_at >= BEAT_S:
                self._told_at = self._clock.monotonic()
                self._watch(run.activity())
            try:
                return finished.get(timeout=BEAT_S)
            except queue.Empty:
                continue

    @contextmanager
    def _running(self, documents: Sequence[Document], finished: Finished) -> Iterator[Run]:
        """The event loop in its own thread; leaving stops it."""
        run = Run(self._assignment, documents, finished.put)

        def work() -> None:
            try:
                asyncio.run(run.main())
            except BaseException as exc:  # carried to the caller's thread
                finished.put(exc)
            else:
                finished.put(None)

        thread = threading.Thread(target=work, name="understudy-teacher", daemon=True)
        thread.start()
        try:
            yield run
        finally:
            run.stop()
            thread.join()


def _nobody(_activity: Activity) -> None:
    """Nobody watches."""
