"""Asks about several texts in one call, and shares the reply out: its answers to the texts, its cost in equal parts.

It does not ask again: a text that has no clear answer here is asked about alone by whoever uses this. Suspicious texts
are never put beside others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from understudy.codebook import Task
from understudy.prompts import SeveralQuestion, Wording, demonstrations_for, pose_several, suspicions
from understudy.records import Answer, Document
from understudy.teacher.flow import read_together
from understudy.teacher.identity import canonical, request_key
from understudy.teacher.provider import CallError, Provider, Then

if TYPE_CHECKING:
    from understudy.teacher.collector import Collector, Replies
    from understudy.teacher.driver import Driver, Exchange

FEWEST = 2

Segments = Sequence[Sequence[Document]]
"""All texts that a job is about, answered or not, in an order that stays: texts of different segments never meet."""


@dataclass(frozen=True, slots=True)
class Together:
    """How several texts are asked about in one call.

    Attributes
    ----------
    n : texts in one call at most; 1 for each on its own.
    k : demonstrations in one call at most.
    """

    n: int = 1
    k: int = 0


ALONE = Together()


@dataclass(frozen=True, slots=True)
class Shared:
    """What one call said about one of its texts.

    Attributes
    ----------
    answer : None if it must be asked about alone.
    exchanges : the call with this text's part of its cost; empty if no reply came.
    """

    answer: Answer | None
    exchanges: tuple[Exchange, ...]


def groups_of(
    segments: Segments, n: int, sendable: Callable[[Document], Document | None]
) -> Iterator[tuple[Document, ...]]:
    """The texts that are asked about together, as they are sent; who is left out is asked about alone.

    Depends on nothing but the texts and their order, so that an interrupted job asks the same questions again.
    """
    for segment in segments:
        sent = [each for document in segment if (each := sendable(document)) and not suspicions(each.text)]
        groups = (tuple(sent[start : start + n]) for start in range(0, len(sent), n))
        yield from (group for group in groups if len(group) >= FEWEST)


class Calls:
    """The calls about groups of texts of one run; each is made once, whichever of its texts comes first.

    Parameters
    ----------
    choose : demonstrations for documents, nearest last.
    groups : as `groups_of` gives them.
    wanted : ids of the documents that have no answer yet.
    """

    def __init__(
        self,
        task: Task,
        provider: Provider,
        store: Replies,
        together: Together,
        nonce: str,
        choose: Callable[[Sequence[Document]], Sequence[tuple[Document, ...]]],
        groups: Sequence[tuple[Document, ...]],
        wanted: frozenset[str],
    ) -> None:
        self._task = task
        self._provider = provider
        self._store = store
        self._together = together
        self._nonce = nonce
        self._choose = choose
        self._wanted = wanted
        self._group_of = {document.id: group for group in groups for document in group}
        self._made: dict[tuple[str, int], asyncio.Future[dict[str, Shared]]] = {}

    async def about(
        self, driver: Driver | Collector, document: Document, replicate: int, wording: Callable[[], Wording],
        drop_schema: Callable[[str], None],
    ) -> Shared | None:  # fmt: skip
        """What the document's group was answered; None if it is in none.

        Raises
        ------
        NotAnswered, TeacherError, Stopped
            As the driver's `ask`; then nothing is kept.
        """
        group = self._group_of.get(document.id)
        if group is None:
            return None
        name = (group[0].id, replicate)
        if name in self._made:
            return (await asyncio.shield(self._made[name])).get(document.id)
        future = self._made[name] = asyncio.get_running_loop().create_future()
        try:
            shared = await self._ask(driver, group, replicate, wording, drop_schema)
        except BaseException as exc:
            del self._made[name]
            future.set_exception(exc)
            future.exception()  # whoever else waits sees it; nobody has to
            raise
        future.set_result(shared)
        return shared.get(document.id)

    async def _ask(
        self, driver: Driver | Collector, group: tuple[Document, ...], replicate: int,
        wording: Callable[[], Wording], drop_schema: Callable[[str], None],
    ) -> dict[str, Shared]:  # fmt: skip
        while True:
            members = await self._members(group, replicate, wording())
            if len(members) < FEWEST:
                return {}
            question = await self._question(members, replicate, wording())
            room = len(members) * self._provider.max_tokens
            try:
                exchange = await driver.ask(
                    question.messages, members[0].id, replicate, 0, max_tokens=room, schema=question.schema
                )
            except CallError as exc:
                if exc.then is not Then.ASK_PLAINLY or question.schema is None:
                    return {each.id: Shared(None, ()) for each in members}
                drop_schema(exc.message)
                continue
            answers = read_together(exchange.completion, question.read, len(members))
            part = _part(exchange, len(members))
            return {each.id: Shared(said, (part,)) for each, said in zip(members, answers, strict=True)}

    async def _members(self, group: tuple[Document, ...], replicate: int, wording: Wording) -> tuple[Document, ...]:
        """The whole group if that was asked already; otherwise those of it that still have no answer."""
        wanted = tuple(each for each in group if each.id in self._wanted)
        if len(wanted) == len(group):
            return group
        question = await self._question(group, replicate, wording)
        room = len(group) * self._provider.max_tokens
        body = canonical(self._provider.body(question.messages, room, question.schema))
        key = request_key(self._provider.url, body, replicate, 0)
        return wanted if self._store.reply_to(key) is None else group

    async def _question(self, members: tuple[Document, ...], replicate: int, wording: Wording) -> SeveralQuestion:
        chosen = await asyncio.to_thread(self._choose, members)
        shown = demonstrations_for(members, chosen, self._together.k)
        return pose_several(self._task, members, shown, self._nonce, wording, replicate=replicate)


def _part(exchange: Exchange, n: int) -> Exchange:
    """The exchange as one of `n` texts pays for it."""
    cost = exchange.reply.cost_usd
    return replace(exchange, reply=replace(exchange.reply, cost_usd=None if cost is None else cost / n))
