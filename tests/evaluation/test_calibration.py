from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from understudy.evaluation import brier, expected_calibration_error, reliability, risk_coverage, wilson


def test_no_document_is_undefined() -> None:
    assert reliability([], []) == ()
    assert math.isnan(expected_calibration_error([], []))
    assert math.isnan(brier(np.empty((0, 3)), np.empty((0, 3))))
    curve = risk_coverage([], [])
    assert math.isnan(curve.aurc)
    assert json.loads(json.dumps(curve.to_json(), allow_nan=False))["aurc"] is None


@pytest.mark.parametrize(("confidence", "correct"), [([math.nan], [1]), ([1.2], [1]), ([0.5], [2]), ([0.5], [1, 0])])
def test_impossible_confidences_are_refused(confidence: list[float], correct: list[float]) -> None:
    for function in (reliability, risk_coverage):
        with pytest.raises(ValueError, match=r"expected (numbers in \[0, 1\]|one number per)"):
            function(confidence, correct)


def test_bins_have_equal_mass_and_equal_scikit_learn(rng: np.random.Generator) -> None:
    confidence = rng.random(200)
    correct = (rng.random(200) < confidence**2).astype(float)
    bins = reliability(confidence, correct)
    assert [one.n for one in bins] == [20] * 10
    accuracy, mean = calibration_curve(correct, confidence, n_bins=10, strategy="quantile")
    np.testing.assert_allclose([one.accuracy for one in bins], accuracy)
    np.testing.assert_allclose([one.confidence for one in bins], mean)
    assert bins[3].interval == wilson(correct[np.argsort(confidence)][60:80].sum(), 20)


def test_equal_confidences_stay_together_in_any_order(rng: np.random.Generator) -> None:
    confidence = rng.choice([1 / 3, 2 / 3, 1.0], 50)
    correct = (rng.random(50) < 0.6).astype(float)
    bins = reliability(confidence, correct)
    assert [one.confidence for one in bins] == pytest.approx([1 / 3, 2 / 3, 1])
    assert [one.n for one in bins] == [int((confidence == value).sum()) for value in (1 / 3, 2 / 3, 1.0)]
    shuffled = rng.permutation(50)
    again = reliability(confidence[shuffled], correct[shuffled])
    assert [(one.n, one.accuracy) for one in bins] == [(one.n, one.accuracy) for one in again]
    assert len(reliability([0.7] * 30, [1] * 30)) == 1


def test_calibration_error_by_hand() -> None:
    # Bins {.2 .2} accuracy 1/2, {.9 .9} accuracy 1/2: (2 * .3 + 2 * .4) / 4.
    assert expected_calibration_error([0.2, 0.9, 0.2, 0.9], [1, 0, 0, 1]) == pytest.approx(0.35)


def test_bins_may_not_vanish() -> None:
    with pytest.raises(ValueError, match="n_bins"):
        reliability([0.5], [1], n_bins=0)


def test_brier_by_hand_and_against_scikit_learn(rng: np.random.Generator) -> None:
    # (.3**2 + .2**2 + .1**2) + (.8**2 + 0 + .8**2) = .14 + 1.28; over 2.
    assert brier([[0.7, 0.2, 0.1], [0.8, 0.0, 0.2]], [[1, 0, 0], [0, 0, 1]]) == pytest.approx(0.71)
    positive, truth = rng.random(40), rng.random(40) < 0.5
    both = brier(np.column_stack([1 - positive, positive]), np.column_stack([~truth, truth]))
    assert both == pytest.approx(2 * brier_score_loss(truth, positive))  # scikit-learn counts one of the two labels


def test_brier_refuses_what_is_no_probability() -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        brier([[1.5, -0.5]], [[1, 0]])
    with pytest.raises(ValueError, match="expected shape"):
        brier([[1.0, 0.0]], [[1, 0, 0]])


def test_risk_coverage_by_hand() -> None:
    # Falling confidence: .9 right, .8 wrong, .7 right, .7 wrong. Risk at coverage 1/4, 2/4, 4/4: 0, 1/2, 2/4.
    curve = risk_coverage([0.7, 0.9, 0.8, 0.7], [0, 1, 0, 1])
    assert curve.coverage.tolist() == [0.25, 0.5, 1.0]
    assert curve.risk.tolist() == [0, 0.5, 0.5]
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7]
    # The two of 0.7 enter with 1/2 each: risks 0, 1/2, 1.5/3, 2/4.
    assert curve.aurc == pytest.approx((0 + 0.5 + 0.5 + 0.5) / 4)


def test_useful_confidence_lowers_the_area(rng: np.random.Generator) -> None:
    correct = (rng.random(300) < 0.7).astype(float)
    useful, useless, reversed_ = correct * 0.5 + rng.random(300) * 0.5, np.full(300, 0.5), 1 - correct
    assert risk_coverage(useful, correct).aurc < 0.1
    assert risk_coverage(useless, correct).aurc == pytest.approx(1 - correct.mean())
    assert risk_coverage(reversed_, correct).aurc > 0.5
