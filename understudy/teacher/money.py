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
ROUNDING_USD = 1e-9


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens; None where unknown, which is never the same as free."""

    prompt_usd: float | None
    answer_usd: float | None

    def cost(self, prompt_tokens: int, answer_tokens: int) -> float | None:
        """US dollars of one call; None if a price is unknown."""
        if self.prompt_usd is None or self.answer_usd is None:
            return None
        return (prompt_tokens * self.prompt_usd + answer_tokens * self.answer_usd) / PER_MILLION

    def at_most(self, messages: Sequence[Message], max_tokens: int) -> float | None:
        """US dollars that one call cannot exceed."""
        return self.cost(most_tokens(messages), max_tokens)

    def settled(self, completion: Completion, messages: Sequence[Message], max_tokens: int) -> float | None:
        """US dollars of a call that came back; where the server does not count tokens, as many as there can be."""
        prompt, answer = completion.prompt_tokens, completion.completion_tokens
        return self.cost(most_tokens(messages) if prompt is None else prompt, max_tokens if answer is None else answer)


def most_tokens(messages: Sequence[Message]) -> int:
    """A number of tokens that the messages cannot exceed: a token has at least one byte."""
    return sum(len(message.content.encode("utf-8", "replace")) + TOKENS_OF_A_TURN for message in messages)


def likely_tokens(messages: Sequence[Message]) -> int:
    """About as many tokens as the messages have, by the usual four bytes a token; at least one."""
    return max(1, sum(len(message.content.encode("utf-8", "replace")) for message in messages) // BYTES_PER_TOKEN)


class Budget:
    """Reserve before sending, settle after: what is spent and what is in flight never exceed the limit.

    Parameters
    ----------
    limit_usd : None for no limit; 0 spends nothing.
    spent_usd : what has been spent already.

    Raises
    ------
    UserError
        If there is a limit but a price is unknown.
    """

    def __init__(self, limit_usd: float | None, spent_usd: float, prices: Prices) -> None:
        if limit_usd is not None and prices.cost(1, 1) is None:
            raise UserError(
                "`teacher.budget_usd` is set, but the price of the model is unknown.",
                "Set `teacher.price_in_usd` and `teacher.price_out_usd`; a local model costs 0.",
            )
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        self.reserved_usd = 0.0
        self._n_reserved = 0
        self._settled = asyncio.Condition()

    async def reserve(self, at_most_usd: float | None) -> None:
        """Set money aside, waiting for calls in flight to cost less than they might.

        Raises
        ------
        BudgetSpent
            If even then there is not enough left.
        """
        async with self._settled:
            while not self._fits(at_most_usd or 0.0):
                if self._n_reserved == 0:
                    raise self._spent(at_most_usd or 0.0)
                await self._settled.wait()
            self.reserved_usd += at_most_usd or 0.0
            self._n_reserved += 1

    async def settle(self, at_most_usd: float | None, cost_usd: float | None) -> None:
        """Replace a reservation by what the call has cost; None counts 0."""
        async with self._settled:
            self._n_reserved -= 1
            self.reserved_usd -= at_most_usd or 0.0
            self.spent_usd += cost_usd or 0.0
            self._settled.notify_all()

    def _fits(self, at_most_usd: float) -> bool:
        if self.limit_usd is None or at_most_usd == 0.0:
            return True
        return self.spent_usd + self.reserved_usd + at_most_usd <= self.limit_usd + ROUNDING_USD

    def _spent(self, at_most_usd: float) -> BudgetSpent:
        return BudgetSpent(
            f"the budget of ${self.limit_usd:,.4f} is reached: ${self.spent_usd:,.4f} spent, "
            f"the next call could cost ${at_most_usd:,.6f}.",
            "Raise `teacher.budget_usd` to go on; what is paid for is kept.",
        )
