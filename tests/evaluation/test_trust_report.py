from __future__ import annotations

import json

import numpy as np
import pytest

from understudy.evaluation import auroc, expected_calibration_error, report_trust


@pytest.mark.parametrize(
    ("score", "correct", "expected"),
    [
        ([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0], 1.0),
        ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], 0.0),
        ([0.5, 0.5, 0.5], [1, 0, 0], 0.5),
        # Right 3, 1; wrong 2, 1: pairs (3,2) 1, (3,1) 1, (1,2) 0, (1,1) 1/2; of 4.
        ([3.0, 1.0, 2.0, 1.0], [1, 1, 0, 0], 0.625),
    ],
)
def test_auroc_counts_pairs(score, correct, expected) -> None:
    assert auroc(score, correct) == expected


@pytest.mark.parametrize("correct", [[1, 1], [0, 0], []])
def test_auroc_without_both_kinds_is_undefined(correct) -> None:
    assert np.isnan(auroc([0.3] * len(correct), correct))


def test_auroc_refuses_what_it_cannot_order() -> None:
    with pytest.raises(ValueError, match="finite"):
        auroc([np.nan, 0.2], [1, 0])
    with pytest.raises(ValueError, match="one number per score"):
        auroc([0.2], [1, 0])


def test_measures_of_a_hand_worked_case(rng) -> None:
    trust, consistency, correct = [0.9, 0.8, 0.3, 0.4], [1.0, 1.0, 1.0, 0.5], [1, 1, 0, 0]
    report = report_trust(trust, consistency, correct, rng, n_resamples=50)
    # Brier: (0.01 + 0.04 + 0.09 + 0.16) / 4 and (0 + 0 + 1 + 0.25) / 4.
    assert report.brier.trust == pytest.approx(0.075)
    assert report.brier.consistency == pytest.approx(0.3125)
    assert report.brier.difference == pytest.approx(-0.2375)
    # Bins: each trust is its own, (0.1 + 0.2 + 0.3 + 0.4) / 4; consistency (3 * |1 - 2/3| + |0.5 - 0|) / 4.
    assert report.ece.trust == pytest.approx(0.25)
    assert report.ece.consistency == pytest.approx(0.375)
    # Trust orders all pairs rightly; consistency ties both right ones with one wrong: (2 * 1/2 + 2 * 1) / 4.
    assert (report.auroc.trust, report.auroc.consistency) == (1.0, 0.75)
    assert (report.n, report.n_right) == (4, 2)
    assert sum(one.n for one in report.trust_bins) == 4


def test_calibration_error_is_the_one_of_the_reliability_curve(rng) -> None:
    trust, consistency = rng.random(237), rng.choice([1 / 3, 2 / 3, 1.0], 237)
    correct = rng.random(237) < trust
    report = report_trust(trust, consistency, correct, rng, n_resamples=5)
    assert report.ece.trust == pytest.approx(expected_calibration_error(trust, correct))
    assert report.ece.consistency == pytest.approx(expected_calibration_error(consistency, correct))


def test_the_interval_is_of_the_paired_difference(rng) -> None:
    """Trust always 0.1 nearer to the truth than consistency in Brier: each resample says the same."""
    correct = rng.integers(2, size=300).astype(float)
    trust, consistency = np.where(correct, 1.0, 0.0), np.where(correct, 1 - np.sqrt(0.1), np.sqrt(0.1))
    brier = report_trust(trust, consistency, correct, rng, n_resamples=100).brier
    assert [brier.difference, brier.interval.low, brier.interval.high] == pytest.approx([-0.1] * 3)


def test_the_interval_has_the_standard_error_of_a_mean_difference(rng) -> None:
    trust, consistency, correct = rng.random(500), rng.random(500), rng.integers(2, size=500)
    brier = report_trust(trust, consistency, correct, rng).brier
    losses = (trust - correct) ** 2 - (consistency - correct) ** 2
    assert brier.interval.half_width == pytest.approx(1.96 * losses.std() / np.sqrt(500), rel=0.1)


def test_groups_are_resampled_whole(rng) -> None:
    """Five copies of each document in one group: as wide as with the hundred documents alone, not narrower."""
    trust, correct = rng.random(100), rng.integers(2, size=100)
    consistency = np.full(100, 1.0)
    alone = report_trust(trust, consistency, correct, np.random.default_rng(0)).brier
    copies = [np.repeat(one, 5) for one in (trust, consistency, correct)]
    names = [str(i // 5) for i in range(500)]
    grouped = report_trust(*copies, np.random.default_rng(0), groups=names).brier
    assert grouped.interval.half_width == pytest.approx(alone.interval.half_width, rel=0.1)


def test_a_teacher_without_an_error_has_no_auroc_but_a_report(rng) -> None:
    report = report_trust([0.9, 0.95], [1.0, 0.5], [1, 1], rng, n_resamples=20)
    stated = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert stated["auroc"]["trust"] is None
    assert stated["auroc"]["interval"]["low"] is None
    assert stated["brier"]["trust"] == pytest.approx((0.01 + 0.0025) / 2)


def test_what_cannot_be_measured_is_refused(rng) -> None:
    with pytest.raises(ValueError, match="at least one document"):
        report_trust([], [], [], rng)
    with pytest.raises(ValueError, match="outside or nan"):
        report_trust([np.nan], [1.0], [1], rng)
    with pytest.raises(ValueError, match="one number per confidence"):
        report_trust([0.4], [1.0, 1.0], [1, 1], rng)
