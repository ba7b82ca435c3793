"""The bound below which int8 does not decide, on numbers worked out by hand."""

import numpy as np
import pytest

from understudy.errors import UserError
from understudy.pipeline.cascading import cascade_bound

N_WITHOUT, N_WITH_ONE = 598, 947
"""Fewest texts with which 0 and 1 disagreements show at most 0.5 %: 0.995**598 < 0.05, and for the binomial with
n = 947 and p = 0.005, P(0) + P(1) = 0.00868 + 0.04129 < 0.05 (946: 0.0502)."""


def margins_of(n, differing):
    """Margins 1, 2, ... n, of which some belong to texts whose labels differ."""
    margins = np.arange(1.0, n + 1)
    return margins, ~np.isin(margins, differing)


@pytest.mark.parametrize(
    ("n", "differing", "bound"),
    [
        (N_WITHOUT, [], 0),
        (N_WITHOUT, [7], 7),
        (N_WITHOUT, [7, 3, 5], 7),
        (N_WITH_ONE - 1, [7, 3, 5], 7),
        (N_WITH_ONE, [7, 3, 5], 5),
        (N_WITH_ONE, [7], 0),
    ],
)
def test_the_largest_margin_that_must_not_stay_is_the_bound(n, differing, bound):
    assert cascade_bound(*margins_of(n, differing)) == bound


@pytest.mark.parametrize("n", [0, N_WITHOUT - 1])
def test_too_few_texts_show_nothing(n):
    with pytest.raises(UserError, match="too few"):
        cascade_bound(*margins_of(n, []))


def test_new_texts_keep_the_promise_nineteen_times_in_twenty():
    """Labels differ with probability exp(-6 margin) / 3: int8 alone differs on 5 %; 400 draws of 1,500 texts."""
    rng = np.random.default_rng(0)
    kept, rescored = [], []
    for _ in range(400):
        margins = rng.uniform(0, 1, 1500)
        bound = cascade_bound(margins, rng.random(1500) >= np.exp(-6 * margins) / 3)
        left = (np.exp(-6 * bound) - np.exp(-6)) / 18
        kept.append(left <= 0.005)
        rescored.append(bound)
    assert np.mean(kept) >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / 400)
    assert np.mean(rescored) < 0.75
