"""What a person learns of batches that a provider is still at work on, and how they are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from understudy.errors import UserError
from understudy.pipeline.teachers import open_provider
from understudy.records import Batch

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project
    from understudy.teacher.batches import BatchStore


@runtime_checkable
class UsesBatches(Protocol):
    """A teacher that can hand questions over in batches."""

    def use_batches(self, store: BatchStore, *, is_submitting: bool) -> None:
        """Wait for open batches; hand over new ones, too, if asked to."""


@dataclass(frozen=True)
class Cancelled:
    """Batches that were to be cancelled, as they ended, each with the number of replies that came all the same."""

    batches: tuple[tuple[Batch, int], ...]

    def to_json(self) -> dict[str, Any]:
        """The batches as a JSON object."""
        return {"batches": [batch_to_json(batch) | {"replies": n} for batch, n in self.batches]}

    def lines(self) -> list[str]:
        """The batches in words."""
        return [
            f"batch {batch.provider_id or 'without an id'}: {batch.state}; {n:,} of {len(batch.request_keys):,} "
            "requests were answered, and are kept"
            for batch, n in self.batches
        ] or ["no batch is open"]


def open_batches(journal: Journal) -> list[Batch]:
    """Batches that a provider may still be at work on, oldest first."""
    return [batch for batch in journal.batches() if batch.state.is_open]


def batch_to_json(batch: Batch) -> dict[str, Any]:
    """A batch as a JSON object, without its requests."""
    return {
        "id": batch.id,
        "provider_id": batch.provider_id,
        "state": batch.state.value,
        "requests": len(batch.request_keys),
        "at_most_usd": batch.at_most_usd,
        "created_at": batch.created_at,
    }


def open_batch_lines(project: Project, batches: Sequence[Batch]) -> Iterator[str]:
    """That batches go on without us, and what can be done about that; nothing if there are none."""
    for batch in batches:
        name, n = batch.provider_id or "of unknown id", len(batch.request_keys)
        cost = "" if batch.at_most_usd is None else f" (at most ${batch.at_most_usd:,.4f})"
        yield (
            f"batch {name} of {batch.created_at}, {n:,} requests: goes on with the provider, who charges for it{cost}"
        )
    if batches:
        yield (
            f"`understudy resume {project.folder}` takes in what comes of it; "
            f"`understudy annotate {project.folder} --cancel-batches` cancels it"
        )


@contextmanager
def telling_of_open_batches(project: Project, journal: Journal) -> Iterator[None]:
    """Leaving, for whatever reason, says which batches go on."""
    try:
        yield
    finally:
        for line in open_batch_lines(project, open_batches(journal)):
            project.listener.say(line)


def cancel_batches(project: Project) -> Cancelled:
    """Cancel every open batch, wait for its end, and keep what was answered by then: it is paid for.

    Raises
    ------
    TeacherError
        If the provider refuses.
    """
    from understudy.teacher.batch_service import OffersBatches
    from understudy.teacher.batches import Batching, cancel_all
    from understudy.teacher.money import Limits, Prices
    from understudy.teacher.patience import Clock

    settings = project.settings.teacher
    with project.journal() as journal:
        batches = open_batches(journal)
        if not batches:
            return Cancelled(())
        provider = open_provider(project)
        if not isinstance(provider, OffersBatches):
            raise UserError(
                f"`{settings.kind}` takes no batches, but the journal holds open ones.",
                "Set `teacher.kind` and `teacher.base_url` as they were when the batches were made.",
            )
        project.listener.say(f"cancelling {len(batches):,} batches; this can take minutes")
        prices = Prices(settings.price_in_usd, settings.price_out_usd, settings.price_cached_usd).in_batches()
        batching = Batching(provider.batches(), journal, provider, settings.name, prices, Limits(), Clock())
        with telling_of_open_batches(project, journal):
            return Cancelled(tuple(asyncio.run(cancel_all(batching, project.listener.say))))
