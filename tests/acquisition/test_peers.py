"""The same choices as small-text 1.4.1 and scikit-activeml 1.0.1, where the definitions are the same.

Their answers were recorded by calling them on the arrays below with the last ten rows labelled: small-text's
BreakingTies, LeastConfidence, PredictionEntropy and BALD (six draws), its GreedyCoreset(normalize=False) and
scikit-activeml's CoreSet, which agree.
"""

from __future__ import annotations

import numpy as np
import pytest

from understudy.acquisition import PoolView, select_batch


def wave(*shape: int) -> np.ndarray:
    return np.sin(1.7 * np.arange(1, np.prod(shape) + 1) ** 1.3).reshape(shape)


def softmax(x: np.ndarray) -> np.ndarray:
    odds = np.exp(2 * x)
    return odds / odds.sum(axis=-1, keepdims=True)


SETS = {
    "margin": [2, 3, 7, 8, 18, 21, 31, 32, 36, 44],
    "least_confidence": [3, 6, 7, 8, 9, 11, 18, 30, 31, 32],
    "entropy": [6, 7, 8, 9, 11, 29, 30, 31, 32, 35],
    "bald": [0, 1, 3, 22, 24, 36, 37, 41, 44, 45],
}
CORE_SET = [22, 27, 15, 39, 1, 17, 2, 24, 49, 13]


def choose(strategy: str) -> list[int]:
    pool = PoolView(embeddings=wave(60, 5), probabilities=softmax(wave(60, 4)), draws=softmax(wave(6, 60, 4)))
    return select_batch(
        strategy, 10, pool, np.arange(50, 60), np.random.default_rng(0), random_share=0
    ).indices.tolist()


@pytest.mark.parametrize("strategy", SETS)
def test_the_most_uncertain_are_the_same(strategy):
    assert sorted(choose(strategy)) == SETS[strategy]


def test_the_core_set_is_the_same_in_the_same_order():
    assert choose("k_centre") == CORE_SET
