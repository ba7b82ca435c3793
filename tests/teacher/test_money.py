import asyncio

import pytest

from understudy.errors import BudgetSpent, UserError
from understudy.prompts import Message
from understudy.teacher.money import FREE, Budget, Charge, Limits, Prices, likely_tokens, most_tokens
from understudy.teacher.provider import Completion

PRICES = Prices(1.0, 2.0)
MESSAGES = (Message("system", "ab"), Message("user", "é🙂"))


def test_no_text_has_more_tokens_than_bytes():
    assert most_tokens(MESSAGES) == 2 + 16 + 6 + 16  # é has two bytes, the emoji four
    assert most_tokens(()) == 0


def test_cost_is_per_million_tokens():
    assert PRICES.cost(1_000_000, 500_000) == pytest.approx(2.0)  # 1 * 1 + 0.5 * 2
    assert PRICES.at_most(MESSAGES, 10) == Charge(pytest.approx(60e-6), 50)  # 40 * 1 + 10 * 2
    settled = PRICES.settled(Completion(prompt_tokens=30, completion_tokens=0), MESSAGES, 10)
    assert settled == Charge(pytest.approx(30e-6), 30)
    assert PRICES.settled(Completion(), MESSAGES, 10) == PRICES.at_most(MESSAGES, 10)


def test_cached_tokens_have_their_own_price_and_written_ones_cost_a_quarter_more():
    # 100 tokens at 1 USD: 60 cached at 0.1, 20 written at 1.25, 20 as usual: 6 + 25 + 20 = 51
    assert Prices(1.0, 2.0, 0.1).cost(100, 0, 60, 20) == pytest.approx(51e-6)
    assert Prices(1.0, 2.0).cost(100, 0, 60, 0) == pytest.approx(100e-6)
    odd = Completion(prompt_tokens=10, completion_tokens=0, cached_tokens=99)  # more than there are
    assert Prices(1.0, 2.0, 0.0).settled(odd, MESSAGES, 10).usd == 0.0


def test_four_bytes_are_about_a_token():
    assert likely_tokens(MESSAGES) == 2  # eight bytes
    assert likely_tokens(()) == 1


def budget(usd, spent_usd=0.0, prices=PRICES, tokens=None, spent_tokens=0):
    return Budget(Limits(usd, tokens), Charge(spent_usd, spent_tokens), prices)


def usd(amount):
    return Charge(amount, 0)


@pytest.mark.parametrize("prices", [Prices(None, 1.0), Prices(1.0, None), Prices(None, None)])
def test_unknown_is_not_free(prices):
    assert prices.cost(0, 0) is None
    with pytest.raises(UserError, match="price"):
        budget(1.0, prices=prices)
    assert Prices(0.0, 0.0).cost(5, 5) == 0.0


def test_reservation_waits_for_settlements_before_it_gives_up():
    async def play():
        one = budget(1.0)
        await one.reserve(usd(0.6))
        second = asyncio.create_task(one.reserve(usd(0.6)))
        await asyncio.sleep(0)
        assert not second.done()
        one.settle(usd(0.6), usd(0.1))
        await second  # 0.1 spent and 0.6 reserved
        third = asyncio.create_task(one.reserve(usd(0.6)))
        await asyncio.sleep(0)
        one.settle(usd(0.6), usd(0.5))
        with pytest.raises(BudgetSpent, match=r"\$0.6000 spent"):
            await third
        return one

    one = asyncio.run(play())
    assert one.spent_usd == pytest.approx(0.6)
    assert one.reserved_usd == pytest.approx(0.0)


def test_exactly_the_limit_may_be_spent():
    async def play():
        one = budget(0.3)
        for _ in range(3):  # 0.1 + 0.1 + 0.1 > 0.3 in floating point
            await one.reserve(usd(0.1))
            one.settle(usd(0.1), usd(0.1))
        with pytest.raises(BudgetSpent):
            await one.reserve(usd(0.1))

    asyncio.run(play())


def test_what_was_spent_before_counts():
    with pytest.raises(BudgetSpent):
        asyncio.run(budget(1.0, 0.95).reserve(usd(0.1)))
    with pytest.raises(BudgetSpent, match=r"100 tokens is reached: 60 used, the next call could use 50"):
        asyncio.run(budget(None, tokens=100, spent_tokens=60).reserve(Charge(None, 50)))


def test_no_limit_never_waits():
    async def play():
        one = budget(None, 5.0, Prices(None, None))
        for cost in (None, 100.0, None):
            await one.reserve(usd(cost))
        one.settle(usd(None), FREE)
        return one.spent_usd

    assert asyncio.run(play()) == 5.0


def test_b03_tokens_are_limited_where_no_price_is_known():
    async def play():
        one = budget(None, prices=Prices(None, None), tokens=100)
        await one.reserve(Charge(None, 60))
        waiting = asyncio.create_task(one.reserve(Charge(None, 60)))
        await asyncio.sleep(0)
        assert not waiting.done()
        one.settle(Charge(None, 60), Charge(None, 30))
        await waiting
        assert (one.spent_tokens, one.reserved_tokens) == (30, 60)

    asyncio.run(play())
