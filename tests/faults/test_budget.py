"""Cases B-01 to B-03: what a budget stops, what it allows, and that no unknown price is promised within one."""

import pytest
from fakellm import delay, ok, serving
from single_runs import annotate, documents, in_turn, stopped, teacher_for

from understudy.errors import BudgetSpent, UserError
from understudy.journal import Journal


def test_b01_cap_holds_with_64_workers_and_a_higher_one_resumes(path):
    # 5,000 answer tokens at 2 USD a million are one cent a call; prompts are free here
    prices = {"price_in_usd": 0.0, "price_out_usd": 2.0, "max_tokens": 5000, "concurrency": 64}
    with serving(in_turn(delay(0.02, ok("pos", usage=(100, 5000))))) as fake:
        error = stopped(fake.url, path, n=100, budget_usd=0.10, **prices)
        assert isinstance(error, BudgetSpent)
        assert error.exit_code == 3
        assert len(fake.calls) == 10
        stopped(fake.url, path, n=100, budget_usd=0.10, **prices)
        assert len(fake.calls) == 10
        stopped(fake.url, path, n=100, budget_usd=0.25, **prices)
        assert len(fake.calls) == 25
        annotate(fake.url, path, 100, budget_usd=1.0, **prices)
        assert len(fake.calls) == 100


def test_b01_reservations_are_settled_at_what_calls_really_cost(path):
    # each call may cost a cent but costs a tenth of it: the whole budget is used, not a tenth of it
    prices = {"price_in_usd": 0.0, "price_out_usd": 2.0, "max_tokens": 5000, "concurrency": 64}
    with serving(in_turn(ok("pos", usage=(100, 500)))) as fake:
        stopped(fake.url, path, n=200, budget_usd=0.05, **prices)
    assert len(fake.calls) == 41  # after 41 calls 0.041 are spent, and 0.010 more would exceed 0.05


def test_b02_budget_of_nothing_spends_nothing(path):
    with serving(in_turn(ok("pos"))) as fake:
        stopped(fake.url, path, budget_usd=0.0, price_in_usd=1.0, price_out_usd=1.0)
        assert fake.calls == []
        assert annotate(fake.url, path, 1, budget_usd=0.0, price_in_usd=0.0, price_out_usd=0.0)["d0"].cost_usd == 0.0


def test_b03_unknown_price_is_unknown_and_no_budget_can_be_promised(path):
    with serving(in_turn(ok("pos"))) as fake:
        assert annotate(fake.url, path, 1)["d0"].cost_usd is None
        with Journal.open(path) as journal, pytest.raises(UserError, match="price of the model is unknown"):
            list(teacher_for(fake.url, journal, budget_usd=1.0).annotate(documents(1)))
