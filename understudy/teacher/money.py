"""What calls cost, and that they never cost more than allowed; knows no provider and no store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.errors import BudgetSpent, UserError
from understudy.prompts import Message
from understudy.teacher.provider import Completion

PER_MILLION = 1e6
TOKENS_OF_A_TURN = 16
"""More than any chat format adds around one message."""
BYTES_PER_TOKEN = 4
WRITING = 1.25
"""A prompt token written to a cache costs so many times a usual one, at the provider that charges for it."""

IN_BATCHES = 0.5
"""A token in a batch costs so many times a usual one."""

ROUNDING_USD = 1e-9


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens; None where unknown, which is never the same as free.

    Attributes
    ----------
    cached_usd : of prompt tokens read from the provider's cache; None: as much as any other.
    """

    prompt_usd: float | None
    answer_usd: float | None
    cached_usd: float | None = None

    def in_batches(self) -> Prices:
        """What the same costs in a batch: half of everything, at each provider that takes batches."""
        prices = (self.prompt_usd, self.answer_usd, self.cached_usd)
        return Prices(*(None if price is None else price * IN_BATCHES for price in prices))

    def cost(
        self, prompt_tokens: int, answer_tokens: int, cached_tokens: int = 0, written_tokens: int = 0
    ) -> float | None:
        """US dollars of one call; None if a price is unknown.

        Parameters
        ----------
        cached_tokens, written_tokens : of the prompt, those read from the provider's cache and written to it.
        """
        if self.prompt_usd is None or self.answer_usd is None:
            return None
        cached_usd = self.prompt_usd if self.cached_usd is None else self.cached_usd
        usual = prompt_tokens - cached_tokens + (WRITING - 1) * written_tokens
        return (usual * self.prompt_usd + cached_tokens * cached_usd + answer_tokens * self.answer_usd) / PER_MILLION

    def at_most(self, messages: Sequence[Message], max_tokens: int) -> Charge:
        """What one call cannot exceed."""
        prompt = most_tokens(messages)
        return Charge(self.cost(prompt, max_tokens), prompt + max_tokens)

    def settled(self, completion: Completion, messages: Sequence[Message], max_tokens: int) -> Charge:
        """What a call that came back has cost; where the server does not count tokens, as many as there can be."""
        prompt, answer = completion.prompt_tokens, completion.completion_tokens
        prompt = most_tokens(messages) if prompt is None else prompt
        answer = max_tokens if answer is None else answer
        cached = min(completion.cached_tokens or 0, prompt)
        written = min(completion.cache_written_tokens or 0, prompt - cached)
        return Charge(self.cost(prompt, answer, cached, written), prompt + answer)


@dataclass(frozen=True, slots=True)
class Charge:
    """US dollars, None if the price is unknown, and tokens of prompt and answer together."""

    usd: float | None
    tokens: int


FREE = Charge(0.0, 0)


def most_tokens(messages: Sequence[Message]) -> int:
    """A number of tokens that the messages cannot exceed: a token has at least one byte."""
    return sum(len(message.content.encode("utf-8", "replace")) + TOKENS_OF_A_TURN for message in messages)


def likely_tokens(messages: Sequence[Message]) -> int:
    """About as many tokens as the messages have, by the usual four bytes a token; at least one."""
    return max(1, sum(len(message.content.encode("utf-8", "replace")) for message in messages) // BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent in all; None for no limit, 0 for nothing."""

    usd: float | None = None
    tokens: int | None = None


class Budget:
    """Reserve before sending, settle after: what is spent and what is in flight never exceed the limits.

    Use it in one event loop.

    Parameters
    ----------
    spent : what has been spent already.

    Raises
    ------
    UserError
        If there is a limit in US dollars, but a price is unknown.
    """

    def __init__(self, limits: Limits, spent: Charge, prices: Prices) -> None:
        if limits.usd is not None and prices.cost(1, 1) is None:
            raise UserError(
                "`teacher.budget_usd` is set, but the price of the model is unknown.",
                "Set `teacher.price_in_usd` and `teacher.price_out_usd` (a local model costs 0), or limit "
                "`teacher.budget_tokens` instead.",
            )
        self.limits = limits
        self.spent_usd, self.spent_tokens = spent.usd or 0.0, spent.tokens
        self.reserved_usd, self.reserved_tokens = 0.0, 0
        self._n_reserved = 0
        self._waiting: list[asyncio.Future[None]] = []

    def fits(self, at_most: Charge) -> bool:
        """Whether so much could be set aside now."""
        usd, tokens = self.limits.usd, self.limits.tokens
        fits_usd = (
            usd is None or not at_most.usd or (self.spent_usd + self.reserved_usd + at_most.usd <= usd + ROUNDING_USD)
        )
        return fits_usd and (tokens is None or self.spent_tokens + self.reserved_tokens + at_most.tokens <= tokens)

    async def reserve(self, at_most: Charge) -> None:
        """Set aside what a call may cost, waiting for calls in flight to cost less than they might.

        Raises
        ------
        BudgetSpent
            If even then there is not enough left.
        """
        while not self.fits(at_most):
            if self._n_reserved == 0:
                raise self._spent(at_most)
            settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled
        self._n_reserved += 1
        self.reserved_usd += at_most.usd or 0.0
        self.reserved_tokens += at_most.tokens

    def settle(self, at_most: Charge, actual: Charge) -> None:
        """Replace a reservation by what the call has cost; an unknown price counts 0."""
        self._n_reserved -= 1
        self.reserved_usd -= at_most.usd or 0.0
        self.reserved_tokens -= at_most.tokens
        self.spent_usd += actual.usd or 0.0
        self.spent_tokens += actual.tokens
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def _spent(self, at_most: Charge) -> BudgetSpent:
        kept = "to go on; what is paid for is kept."
        if self.limits.tokens is not None and self.spent_tokens + at_most.tokens > self.limits.tokens:
            return BudgetSpent(
                f"the budget of {self.limits.tokens:,} tokens is reached: {self.spent_tokens:,} used, the next call "
                f"could use {at_most.tokens:,}.",
                f"Raise `teacher.budget_tokens` {kept}",
            )
        return BudgetSpent(
            f"the budget of ${self.limits.usd:,.4f} is reached: ${self.spent_usd:,.4f} spent, "
            f"the next call could cost ${at_most.usd or 0.0:,.6f}.",
            f"Raise `teacher.budget_usd` {kept}",
        )
