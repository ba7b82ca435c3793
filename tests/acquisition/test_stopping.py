from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from understudy.acquisition import f1_change_bound, stop_by_agreement, stop_by_budget, stop_by_plateau


def test_the_budget_stops_when_it_is_reached():
    assert stop_by_budget(499, 9.99, max_labels=500, max_cost_usd=10) is None
    assert stop_by_budget(500, 0, max_labels=500).reason == "500 of at most 500 documents are labelled."
    assert stop_by_budget(1, 10, max_cost_usd=10).reason == "10.00 of at most 10.00 USD are spent."
    assert stop_by_budget(10**9, math.nan) is None


def test_an_unknown_cost_cannot_be_held_to_a_limit():
    with pytest.raises(ValueError, match="found nan"):
        stop_by_budget(1, math.nan, max_cost_usd=10)


def test_the_bound_on_f1():
    assert f1_change_bound(0.99) == pytest.approx(0.040404, abs=1e-6)
    assert f1_change_bound(1) == 0
    assert [f1_change_bound(k) for k in (0.5, 0.0, -1.0)] == [1, 1, 1]
    assert math.isnan(f1_change_bound(math.nan))


def test_the_bound_holds_on_random_students():
    """F1 of both against any truth differs by at most the bound."""
    generator = np.random.default_rng(1)

    def f1(said: np.ndarray, truth: np.ndarray) -> float:
        return 2 * (said & truth).sum() / (said.sum() + truth.sum())

    for _ in range(200):
        before = generator.random(2000) < 0.3
        after = before ^ (generator.random(2000) < 0.02)
        bound = f1_change_bound(cohen_kappa_score(before, after))
        assert bound < 0.35
        for truth in (before, after, before ^ (generator.random(2000) < 0.2)):
            assert abs(f1(before, truth) - f1(after, truth)) <= bound


def test_agreement_stops_on_the_mean_of_the_last_three():
    assert stop_by_agreement([0.999, 0.999]) is None
    assert stop_by_agreement([0.5, 0.985, 0.99, 0.99]) is None
    stop = stop_by_agreement([0.5, 0.98, 0.995, 0.995])
    assert stop.rule == "agreement"
    assert "mean kappa 0.990" in stop.reason
    assert "at most 0.082" in stop.reason  # of the least of the three: 4 * 0.02 / 0.98


def test_an_undefined_kappa_never_stops():
    assert stop_by_agreement([1.0, math.nan, 1.0]) is None
    assert stop_by_agreement([math.nan, 1.0, 1.0, 1.0]) is not None


@pytest.mark.parametrize(("threshold", "window"), [(0, 3), (1.1, 3), (0.99, 0)])
def test_impossible_rules_are_refused(threshold, window):
    with pytest.raises(ValueError, match="expected a threshold"):
        stop_by_agreement([1.0], threshold, window)


def test_a_flat_line_stops_and_a_rising_one_does_not():
    labels = [100, 200, 300, 400]
    assert stop_by_plateau(labels, [0.7, 0.7, 0.7, 0.7]).reason.startswith(
        "Another 500 labels would add at most 0.0000"
    )
    assert stop_by_plateau(labels, [0.5, 0.6, 0.7, 0.8]) is None
    assert stop_by_plateau(labels, [0.8, 0.7, 0.6, 0.5]) is not None


def test_a_noisy_plateau_is_not_certain_enough():
    # Slope -0.00002 a label, standard error 0.00019, t(0.95, 2) = 2.92: up to 0.27 per 500 labels.
    assert stop_by_plateau([100, 200, 300, 400], [0.70, 0.72, 0.66, 0.71]) is None


def test_the_upper_limit_of_a_worked_case():
    # x in hundreds 1..4, y - 0.7 = 0, 0.0001, -0.0001, 0 : slope -2e-5 a hundred; residuals' variance
    # (2e-8 - 5 * 4e-10) / 2 = 9e-9, standard error sqrt(9e-9 / 5) = 4.243e-5;
    # upper -2e-5 + 2.92 * 4.243e-5 = 1.039e-4, times five hundreds 5.2e-4.
    stop = stop_by_plateau([100, 200, 300, 400], [0.7, 0.7001, 0.6999, 0.7])
    assert "at most 0.0005 F1" in stop.reason


def test_only_the_last_rounds_count_and_undefined_ones_do_not():
    labels = [50, 100, 200, 300, 400, 500]
    assert stop_by_plateau(labels, [0.1, 0.5, 0.7, 0.7, 0.7, 0.7]) is not None
    assert stop_by_plateau(labels, [0.1, 0.7, 0.7, math.nan, 0.7, 0.7]) is not None
    assert stop_by_plateau(labels[:4], [0.7, 0.7, math.nan, 0.7]) is None


@pytest.mark.parametrize(("labels", "f1"), [([1, 2], [0.5]), ([1, 1, 2], [0.5] * 3)])
def test_results_that_do_not_fit_are_refused(labels, f1):
    with pytest.raises(ValueError, match="rising label counts"):
        stop_by_plateau(labels, f1)
