from __future__ import annotations

import numpy as np
import pytest

from understudy.acquisition.ranking import highest

ROWS = np.array([10, 20, 30, 40, 50])


def test_the_best_come_first():
    scores = np.array([0.1, 0.9, 0.5, 0.7, 0.3])
    assert highest(scores, ROWS, 3, np.random.default_rng(0)).tolist() == [20, 40, 30]


def test_none_and_all():
    scores = np.arange(5.0)
    assert highest(scores, ROWS, 0, np.random.default_rng(0)).tolist() == []
    assert highest(scores, ROWS, 5, np.random.default_rng(0)).tolist() == [50, 40, 30, 20, 10]


def test_a_tie_at_the_cut_is_drawn_by_lot_and_fairly():
    scores = np.array([1.0, 0.5, 0.5, 0.5, 0.0])
    last = [highest(scores, ROWS, 2, np.random.default_rng(seed)).tolist() for seed in range(3000)]
    assert {first for first, _ in last} == {10}
    share = [np.mean([second == row for _, second in last]) for row in (20, 30, 40)]
    # Binomial(3000, 1/3): standard error 0.0086.
    assert share == pytest.approx([1 / 3] * 3, abs=0.035)


def test_a_tie_above_the_cut_changes_order_only():
    scores = np.array([1.0, 1.0, 1.0, 0.5, 0.0])
    orders = {tuple(highest(scores, ROWS, 4, np.random.default_rng(seed)).tolist()) for seed in range(50)}
    assert {frozenset(order[:3]) for order in orders} == {frozenset({10, 20, 30})}
    assert {order[3] for order in orders} == {40}
    assert len(orders) == 6
