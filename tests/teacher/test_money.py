import asyncio

import pytest

from understudy.errors import BudgetSpent, UserError
from understudy.prompts import Message
from understudy.teacher.money import Budget, Prices, most_tokens
from understudy.teacher.provider import Completion

PRICES = Prices(1.0, 2.0)
MESSAGES = (Message("system", "ab"), Message("user", "é🙂"))


def test_no_text_has_more_tokens_than_bytes():
    assert most_tokens(MESSAGES) == 2 + 16 + 6 + 16  # é has two bytes, the emoji four
    assert most_tokens(()) == 0


def test_cost_is_per_million_tokens():
    assert PRICES.cost(1_000_000, 500_000) == pytest.approx(2.0)  # 1 * 1 + 0.5 * 2
    assert PRICES.at_most(MESSAGES, 10) == pytest.approx(60e-6)  # 40 * 1 + 10 * 2
    assert PRICES.settled(Completion(prompt_tokens=30, completion_tokens=0), MESSAGES, 10) == pytest.approx(30e-6)
    assert PRICES.settled(Completion(), MESSAGES, 10) == PRICES.at_most(MESSAGES, 10)


@pytest.mark.parametrize("prices", [Prices(None, 1.0), Prices(1.0, None), Prices(None, None)])
def test_unknown_is_not_free(prices):
    assert prices.cost(0, 0) is None
    with pytest.raises(UserError, match="price"):
        Budget(1.0, 0.0, prices)
    assert Prices(0.0, 0.0).cost(5, 5) == 0.0


def test_reservation_waits_for_settlements_before_it_gives_up():
    async def play():
        budget = Budget(1.0, 0.0, PRICES)
        await budget.reserve(0.6)
        second = asyncio.create_task(budget.reserve(0.6))
        await asyncio.sleep(0)
        assert not second.done()
        await budget.settle(0.6, 0.1)
        await second  # 0.1 spent and 0.6 reserved
        third = asyncio.create_task(budget.reserve(0.6))
        await budget.settle(0.6, 0.5)
        with pytest.raises(BudgetSpent, match=r"\$0.6000 spent"):
            await third
        return budget

    budget = asyncio.run(play())
    assert budget.spent_usd == pytest.approx(0.6)
    assert budget.reserved_usd == pytest.approx(0.0)


def test_exactly_the_limit_may_be_spent():
    async def play():
        budget = Budget(0.3, 0.0, PRICES)
        for _ in range(3):  # 0.1 + 0.1 + 0.1 > 0.3 in floating point
            await budget.reserve(0.1)
            await budget.settle(0.1, 0.1)
        with pytest.raises(BudgetSpent):
            await budget.reserve(0.1)

    asyncio.run(play())


def test_what_was_spent_before_counts():
    with pytest.raises(BudgetSpent):
        asyncio.run(Budget(1.0, 0.95, PRICES).reserve(0.1))


def test_no_limit_never_waits():
    async def play():
        budget = Budget(None, 5.0, Prices(None, None))
        for cost in (None, 100.0, None):
            await budget.reserve(cost)
        await budget.settle(None, None)
        return budget.spent_usd

    assert asyncio.run(play()) == 5.0
