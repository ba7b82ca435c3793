from __future__ import annotations

import numpy as np
import pytest

from understudy.acquisition import plus_plus as module
from understudy.acquisition.plus_plus import longest, plus_plus
from understudy.acquisition.points import EmbeddingPoints

LINE = np.array([[0.0], [1.0], [3.0], [10.0]])


@pytest.mark.parametrize("patience", [1, 64])
def test_picks_are_drawn_in_proportion_to_the_squared_distance(patience, monkeypatch):
    monkeypatch.setattr(module, "REJECTED_AT_LEAST", patience)
    monkeypatch.setattr(module, "ROWS_PER_REJECTION", 10**9)
    points, rng = EmbeddingPoints(LINE), np.random.default_rng(0)
    orders = [tuple(plus_plus(points, np.arange(4), 3, 0, rng).tolist()) for _ in range(6000)]
    # Second, from 0: 1, 9 and 100 of 110. Third after 0, 3: row 1 has 1, row 2 has 9 of 10.
    # After 0, 2: row 1 has 1, row 3 has 49 of 50. After 0, 1: row 2 has 4, row 3 has 81 of 85.
    expected = {
        (0, 3, 2): 100 / 110 * 9 / 10,
        (0, 3, 1): 100 / 110 * 1 / 10,
        (0, 2, 3): 9 / 110 * 49 / 50,
        (0, 2, 1): 9 / 110 * 1 / 50,
        (0, 1, 3): 1 / 110 * 81 / 85,
        (0, 1, 2): 1 / 110 * 4 / 85,
    }
    for order, chance in expected.items():
        share = sum(one == order for one in orders) / 6000
        assert share == pytest.approx(chance, abs=4 * (chance * (1 - chance) / 6000) ** 0.5 + 1e-9)


def test_rows_that_are_no_candidates_are_never_drawn():
    picks = plus_plus(EmbeddingPoints(LINE), np.array([0, 1, 2]), 3, 1, np.random.default_rng(0))
    assert picks[0] == 1
    assert sorted(picks.tolist()) == [0, 1, 2]


def test_copies_are_drawn_only_when_nothing_else_is_left():
    points = EmbeddingPoints(np.repeat(LINE, 5, axis=0).astype(np.float32))
    for seed in range(20):
        picks = plus_plus(points, np.arange(20), 20, 0, np.random.default_rng(seed))
        assert {row // 5 for row in picks[:4].tolist()} == {0, 1, 2, 3}
        assert sorted(picks.tolist()) == list(range(20))


def test_the_longest_candidate_begins():
    assert longest(np.array([1.0, 9.0, 4.0, 4.0]), np.array([0, 2, 3])) == 2
