"""A model whose answers are given: for tests, demonstrations and dry runs; touches no network."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from understudy.prompts import Message
from understudy.prompts.schema import Schema
from understudy.teacher.provider import CallError, Completion, Send, Then

Answers = Callable[[Sequence[Message]], str]


class Scripted:
    """Answers from a list, in order, or from a function of the messages; a function may raise `CallError`."""

    def __init__(self, answers: Iterable[str] | Answers, *, model: str = "scripted", max_tokens: int = 64) -> None:
        self.url = "scripted:"
        self.max_tokens = max_tokens
        self._model = model
        self._answer = answers if callable(answers) else _in_order(answers)

    def body(
        self, messages: Sequence[Message], max_tokens: int | None = None, schema: Schema | None = None
    ) -> Mapping[str, Any]:
        """The model's name, the messages, the ceiling and the schema."""
        said = [{"role": m.role, "content": m.content} for m in messages]
        body = {"model": self._model, "messages": said, "max_tokens": max_tokens or self.max_tokens}
        return body if schema is None else body | {"schema": schema}

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Send]:
        """Nothing to connect to."""
        yield self._send

    def read(self, raw: str) -> Completion:
        """The answer itself, without an envelope."""
        return Completion(raw, model=self._model)

    async def _send(self, body: str) -> str:
        return self._answer([Message(**message) for message in json.loads(body)["messages"]])


def _in_order(answers: Iterable[str]) -> Answers:
    left = iter(answers)

    def answer(messages: Sequence[Message]) -> str:
        try:
            return next(left)
        except StopIteration:
            raise CallError(
                "end of script", f"the script has no answer to question {messages[-1].content!r:.80}", Then.STOP
            ) from None

    return answer
