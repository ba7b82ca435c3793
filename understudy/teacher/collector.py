"""Which first questions the store cannot answer yet: holds every conversation with the store in the driver's place.

It asks no provider; what it notes is asked by others, together or one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from understudy.prompts import Message
from understudy.prompts.schema import Schema
from understudy.records import Reply, Request
from understudy.teacher.driver import Exchange
from understudy.teacher.identity import canonical, request_key
from understudy.teacher.money import Charge, Prices
from understudy.teacher.provider import Provider


class Replies(Protocol):
    """Where replies are kept."""

    def reply_to(self, request_key: str) -> Reply | None:
        """The reply to a request, or None."""


class NotAnswered(Exception):  # noqa: N818  # not an error: it is asked later
    """The store holds no reply to this question."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request without a reply, and what it can cost at most in a batch."""

    request: Request
    at_most: Charge


class Collector:
    """Stands in the driver's place: answers from the store, and notes the first questions that it cannot answer.

    Attributes
    ----------
    wanted : the requests without a reply, by key; of equal ones, the first.
    """

    def __init__(self, provider: Provider, store: Replies, teacher: str, prices: Prices) -> None:
        self.wanted: dict[str, Wanted] = {}
        self._provider = provider
        self._store = store
        self._teacher = teacher
        self._prices = prices
        self._used: set[str] = set()

    async def ask(
        self,
        messages: Sequence[Message],
        document_id: str,
        replicate: int,
        turn: int,
        max_tokens: int | None = None,
        schema: Schema | None = None,
    ) -> Exchange:
        """As `Driver.ask`, from the store alone; raises `NotAnswered`."""
        body = canonical(self._provider.body(messages, max_tokens, schema))
        key = request_key(self._provider.url, body, replicate, turn)
        reply = self._store.reply_to(key)
        if reply is not None:
            is_shared = key in self._used
            self._used.add(key)
            return Exchange(key, self._provider.read(reply.body), reply, is_shared)
        if turn == 0 and key not in self.wanted:
            at_most = self._prices.at_most(messages, max_tokens or self._provider.max_tokens)
            self.wanted[key] = Wanted(Request(key, document_id, replicate, turn, self._teacher, body), at_most)
        raise NotAnswered
