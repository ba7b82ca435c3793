from __future__ import annotations

import numpy as np
import pytest

from understudy.acquisition import k_centre as module
from understudy.acquisition.k_centre import k_centre
from understudy.acquisition.points import EmbeddingPoints


def one_by_one(x: np.ndarray, candidates: np.ndarray, centres: list[int], n: int) -> list[int]:
    """The definition, written plainly."""
    picks: list[int] = []
    for _ in range(n):
        gaps = ((x[candidates][:, None] - x[[*centres, *picks]]) ** 2).sum(axis=2).min(axis=1)
        gaps[np.isin(candidates, picks)] = -1
        picks.append(int(candidates[gaps.argmax()]))
    return picks


@pytest.mark.parametrize("frontier", [1, 5, 4096])
@pytest.mark.parametrize("seed", range(5))
def test_the_lazy_way_is_the_plain_way(frontier, seed, monkeypatch):
    monkeypatch.setattr(module, "FRONTIER", frontier)
    rng = np.random.default_rng(seed)
    x, candidates, centres = rng.standard_normal((80, 3)), np.arange(6, 75), [0, 3, 78]
    picks = k_centre(EmbeddingPoints(x), candidates, np.array(centres), 25, rng)
    assert picks.tolist() == one_by_one(x, candidates, centres, 25)


@pytest.mark.parametrize("frontier", [1, 7, 4096])
def test_ties_on_a_grid_go_to_the_lowest_row(frontier, monkeypatch):
    monkeypatch.setattr(module, "FRONTIER", frontier)
    x = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    picks = k_centre(EmbeddingPoints(x), np.arange(1, 25), np.array([0]), 24, np.random.default_rng(0))
    assert picks.tolist() == one_by_one(x, np.arange(1, 25), [0], 24)


def test_without_labels_the_first_is_drawn_by_lot_and_the_next_is_the_farthest():
    x = np.array([[0.0], [1.0], [5.0]])
    pairs = {
        tuple(k_centre(EmbeddingPoints(x), np.arange(3), np.array([], dtype=np.intp), 2, np.random.default_rng(s)))
        for s in range(30)
    }
    assert pairs == {(0, 2), (1, 2), (2, 0)}
