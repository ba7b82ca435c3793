from __future__ import annotations

from itertools import pairwise

import pytest

from understudy.acquisition import linear, quadratic


def test_the_published_linear_schedule():
    assert linear() == (50,) * 10
    assert linear(first=20, batch=5, rounds=2) == (20, 5, 5)


def test_the_published_quadratic_schedule():
    assert quadratic() == (5, 15, 25, 35, 45, 55, 65, 75, 85, 95)


@pytest.mark.parametrize(("budget", "rounds"), [(1000, 3), (333, 7), (77, 0), (60, 6)])
def test_a_quadratic_schedule_spends_the_budget_with_growing_batches(budget, rounds):
    batches = quadratic(budget, rounds)
    assert len(batches) == rounds + 1
    assert sum(batches) == budget
    assert all(after >= before for before, after in pairwise(batches))


def test_totals_are_rounded_half_up():
    assert quadratic(10, 1) == (3, 7)  # 10 / 4 = 2.5


def test_a_budget_too_small_is_refused():
    with pytest.raises(ValueError, match="10 over 10 batches leaves one empty"):
        quadratic(10, 9)


@pytest.mark.parametrize("wrong", [{"first": 0}, {"batch": 0}, {"rounds": -1}])
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected at least"):
        linear(**wrong)


def test_negative_rounds_are_refused():
    with pytest.raises(ValueError, match="rounds: expected at least 0"):
        quadratic(500, -1)
