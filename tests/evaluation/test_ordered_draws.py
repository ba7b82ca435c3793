"""A pool's mean from draws between which others were chosen."""

import numpy as np
import pytest

from understudy.evaluation.inference.ordered_draws import Draw, ordered_mean


def test_by_hand():
    # Round 1 draws 2 of 10: total 10 * 1/2 = 5, variance 10**2 * (1 - 2/10) * (1/2) / 2 = 20. Then the labelled ones
    # add up to 4 and 4 are left: total 4 + 4 * 1/2 = 6, variance 4**2 * (1 - 2/4) * (1/2) / 2 = 2. Equal weights:
    # (5 + 6) / 2 / 10 = 0.55, standard error sqrt((20 + 2) / 4) / 10.
    found = ordered_mean([Draw(0.0, 10, np.array([1.0, 0.0])), Draw(4.0, 4, np.array([1.0, 0.0]))], 10)
    assert found.value == pytest.approx(0.55)
    assert found.standard_error == pytest.approx(np.sqrt(22 / 4) / 10)


@pytest.mark.parametrize("draws", [[], [Draw(0.0, 5, np.array([]))], [Draw(0.0, 5, np.array([1.0]))]])
def test_too_little_is_undefined(draws):
    assert np.isnan(ordered_mean(draws, 5).value)


def test_choosing_the_positive_ones_in_between_does_not_bias_it_and_intervals_cover():
    rng = np.random.default_rng(0)
    truth = np.zeros(400)
    truth[:60] = 1.0
    found, covered = [], 0
    for _ in range(400):
        left, draws, known = list(range(400)), [], 0.0
        for _ in range(5):
            drawn = rng.choice(left, size=12, replace=False)
            draws.append(Draw(known, len(left), truth[drawn]))
            rest = [i for i in left if i not in set(drawn)]
            greedy = sorted(rest, key=lambda i: -truth[i])[:8]  # as a strategy that hunts the rare class
            known += truth[drawn].sum() + truth[greedy].sum()
            left = [i for i in rest if i not in set(greedy)]
        estimate = ordered_mean(draws, 400)
        found.append(estimate.value)
        covered += estimate.interval.low <= 0.15 <= estimate.interval.high
    assert np.mean(found) == pytest.approx(0.15, abs=3 * np.std(found) / 20)
    assert covered / 400 > 0.88
