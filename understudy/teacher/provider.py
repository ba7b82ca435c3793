"""The door through which a model is reached: what is sent, what comes back, and what went wrong; it retries nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from understudy.prompts import Message
from understudy.prompts.schema import Schema
from understudy.records import Outcome

Send = Callable[[str], Awaitable[str]]
"""Sends a body and returns the raw body of the reply; raises `CallError`."""


class Ending(StrEnum):
    """How a model stopped, as far as the envelope of the reply says."""

    COMPLETE = "complete"
    CUT = "cut"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer: its text, its log-probability, and what could have stood there with which one."""

    text: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """The envelope of a reply, opened.

    Attributes
    ----------
    text : what the model wrote; "" if nothing.
    reason : for any ending but `complete`, in words.
    model : the model that the server says it is, or "".
    prompt_tokens, completion_tokens : as the server counts; None if it does not say, or nothing one can believe.
        Cached prompt tokens and the tokens of a hidden reasoning are included.
    cached_tokens, cache_written_tokens : of the prompt, those read from and those written to the server's cache.
    tokens : of the answer, with log-probabilities; () where the server gives none.
    """

    text: str = ""
    ending: Ending = Ending.COMPLETE
    reason: str = ""
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_written_tokens: int | None = None
    tokens: tuple[Token, ...] = ()


class Then(StrEnum):
    """What to do after a failed call."""

    RETRY = "retry"
    WAIT = "wait"
    GIVE_UP = "give up"
    ASK_PLAINLY = "ask plainly"
    STOP = "stop"


class CallError(Exception):
    """A call without a reply.

    Parameters
    ----------
    kind : a word or two for the journal.
    message : what happened, without any credential.
    then : `retry` this call later, `wait` with all calls (rate limit), `give up` on this document,
        `ask plainly`: the endpoint cannot hold answers to a schema, `stop` the run.
    hint : what to do, for `stop`.
    retry_after_s : how long the server asks to wait, >= 0; None if it does not.
    is_maybe_billed : whether the server may have answered, and charged, all the same.
    outcome : how the document ends, for `give up`.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        then: Then,
        *,
        hint: str = "",
        retry_after_s: float | None = None,
        is_maybe_billed: bool = False,
        outcome: Outcome = Outcome.FAILED,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.then = then
        self.hint = hint
        self.retry_after_s = retry_after_s
        self.is_maybe_billed = is_maybe_billed
        self.outcome = outcome


class Provider(Protocol):
    """One endpoint with one model and its parameters."""

    @property
    def url(self) -> str:
        """Where requests go, without credentials; part of what identifies a request."""

    @property
    def max_tokens(self) -> int:
        """Ceiling of one answer."""

    def body(
        self, messages: Sequence[Message], max_tokens: int | None = None, schema: Schema | None = None
    ) -> Mapping[str, Any]:
        """Everything that is sent, as JSON, without credentials.

        Parameters
        ----------
        schema : JSON schema that the answer is held to; None for free text.
        max_tokens : ceiling of this one answer; None for the usual one. A cut answer is asked for again with more.
        """

    def connect(self) -> AbstractAsyncContextManager[Send]:
        """A connection for one event loop."""

    def read(self, raw: str) -> Completion:
        """Open the envelope of a reply; never raises, whatever stands in it."""
