from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from understudy.evaluation.monitoring import (
    check_canaries,
    estimate_accuracy,
    input_drift,
    period_quality,
    share_shift,
    spent_level,
)


def test_mcnemar_counts_only_changes_of_correctness() -> None:
    truth = ["a"] * 10
    then, now = ["a"] * 6 + ["b"] * 4, ["b"] * 5 + ["a"] + ["c"] * 3 + ["a"]
    found = check_canaries(truth, then, now)  # 5 lost, 1 won, 3 from wrong to wrong
    assert (found.n_lost, found.n_won) == (5, 1)
    assert found.flips == 0.9
    assert found.p_value == pytest.approx(stats.binomtest(1, 6).pvalue)


def test_unanswered_canaries_are_left_out() -> None:
    found = check_canaries(["a", "a"], ["a", None], [None, "a"])
    assert found.n == 0
    assert math.isnan(found.flips)
    assert not found.is_alarm


def test_flips_beyond_the_usual_alarm_even_when_accuracy_stays() -> None:
    truth = ["a", "b"] * 50
    then = ["a", "a"] * 50
    now = ["b", "b"] * 50  # still half right
    found = check_canaries(truth, then, now, usual_flips=0.05)
    assert not found.has_changed_accuracy
    assert found.flips_unusually
    assert found.is_alarm


def test_all_looks_together_spend_the_level_once() -> None:
    assert sum(spent_level(look) for look in range(1, 5000)) < 0.01
    assert sum(spent_level(look) for look in range(1, 5000)) > 0.0099


def test_alike_texts_are_not_told_apart_and_others_are() -> None:
    rng = np.random.default_rng(0)
    old, same, other = rng.normal(size=(120, 5)), rng.normal(size=(80, 5)), rng.normal(0.7, 1, size=(80, 5))
    alike, apart = input_drift(old, same, rng), input_drift(old, other, rng)
    assert not alike.is_alarm
    assert alike.p_value > 0.05
    assert apart.is_alarm
    assert apart.p_value == pytest.approx(1 / 200)


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="10 or more"):
        input_drift(np.zeros((9, 2)), np.zeros((20, 2)), np.random.default_rng(0))


def test_stability_index_by_hand() -> None:
    # (90.5, 10.5) / 101 against (50.5, 50.5) / 101: (0.5 - 0.896) ln(0.5 / 0.896) + (0.5 - 0.104) ln(0.5 / 0.104).
    found = share_shift([90, 10], [50, 50])
    p = np.array([90.5, 10.5]) / 101
    assert found.index == pytest.approx(float(np.sum((0.5 - p) * np.log(0.5 / p))))
    assert found.new.tolist() == [0.5, 0.5]


def test_a_label_that_was_never_predicted_is_no_infinity() -> None:
    assert math.isfinite(share_shift([100, 0], [0, 100]).index)


def test_accuracy_without_labels_is_the_mean_probability() -> None:
    found = estimate_accuracy([[0.6, 0.4], [0.2, 0.8]], np.array([0, 1]))
    assert found.value == pytest.approx(0.7)
    assert found.interval.high == 1.0
    assert math.isnan(estimate_accuracy(np.empty((0, 2)), np.empty(0, dtype=int)).value)


def test_a_period_is_judged_by_its_gold_whatever_confidence_promises() -> None:
    rng = np.random.default_rng(5)
    right = rng.random(5000) < np.where(rng.random(5000) < 0.5, 0.9, 0.3)  # 0.6 in all
    confidence = np.clip(0.35 + 0.5 * right + 0.1 * rng.normal(size=5000), 0, 1)
    found = period_quality(right[:200], confidence[:200], confidence[200:], [True] * 180 + [False] * 20)
    assert not found.accuracy.refusal
    assert not found.accuracy.estimate.interval.excludes(float(right.mean()))
    assert found.accuracy.estimate.interval.half_width < 0.6 * found.accuracy.gold_only.interval.half_width
    assert found.is_alarm
    assert found.change.high < 0


def test_a_period_of_few_mistakes_is_told_from_gold_alone() -> None:
    found = period_quality([True] * 47 + [False] * 3, [0.5] * 50, [0.5] * 100, [True] * 90 + [False] * 10)
    assert "only 3 of 50" in found.accuracy.refusal
    assert found.accuracy.estimate.value == 0.94
    assert found.p_value == pytest.approx(stats.fisher_exact([[47, 3], [90, 10]]).pvalue)
    assert not found.is_alarm


def test_a_better_period_is_no_alarm_and_one_without_a_past_neither() -> None:
    better = period_quality([True] * 100, [0.9] * 100, [0.9] * 100, [False] * 100)
    assert better.p_value < 1e-6
    assert not better.is_alarm
    first = period_quality([True] * 30, [0.9] * 30, [0.9] * 30, [])
    assert first.to_json()["before"] is None
    assert not first.is_alarm


def test_too_little_gold_of_a_period_is_refused() -> None:
    with pytest.raises(ValueError, match="30 or more"):
        period_quality([True] * 29, [0.9] * 29, [0.9] * 100, [True] * 100)
