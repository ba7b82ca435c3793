from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from understudy.evaluation import Headline, best_threshold, label_thresholds

POSITIVE = Headline("positive", 1)


def pairs(positive: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.column_stack([1 - positive, positive]), np.column_stack([~truth, truth])


@pytest.mark.parametrize("truth", [[], [False] * 5, [True] * 5])
def test_one_sided_dev_keeps_one_half(truth: list[bool]) -> None:
    actual = np.array(truth, dtype=bool)
    assert best_threshold(*pairs(np.linspace(0.1, 0.9, len(truth)), actual), POSITIVE) == 0.5


def test_threshold_maximises_f1(rng: np.random.Generator) -> None:
    truth = rng.random(400) < 0.2
    positive = np.clip(0.25 + 0.15 * truth + rng.normal(0, 0.1, 400), 0, 1)
    threshold = best_threshold(*pairs(positive, truth), POSITIVE)
    reached = f1_score(truth, positive >= threshold)
    assert reached == pytest.approx(max(f1_score(truth, positive >= cut) for cut in positive))
    assert reached > f1_score(truth, positive >= 0.5) + 0.1


def test_tie_goes_towards_one_half() -> None:
    # Perfectly parted at anything in (0.3, 0.8], which holds 0.5.
    positive, truth = np.repeat([0.3, 0.8], 30), np.repeat([False, True], 30)
    assert best_threshold(*pairs(positive, truth), POSITIVE) == 0.5
    # Parted in (0.1, 0.2]: the middle.
    assert best_threshold(*pairs(np.repeat([0.1, 0.2], 30), truth), POSITIVE) == pytest.approx(0.15)


def test_few_positives_draw_towards_one_half() -> None:
    # Best is 0.15 with 5 positives: 0.5 + 5/20 * (0.15 - 0.5) = 0.4125; few negatives count alike.
    many_negatives = np.repeat([False, True], [50, 5])
    assert best_threshold(*pairs(np.repeat([0.1, 0.2], [50, 5]), many_negatives), POSITIVE) == pytest.approx(0.4125)
    few_negatives = np.repeat([False, True], [5, 50])
    assert best_threshold(*pairs(np.repeat([0.1, 0.2], [5, 50]), few_negatives), POSITIVE) == pytest.approx(0.4125)


def test_whoever_reaches_the_threshold_is_positive() -> None:
    # Neighbouring floats: the cut may not fall onto the lower one.
    low = 0.2
    high = np.nextafter(low, 1)
    truth = np.repeat([False, True], 30)
    positive = np.repeat([low, high], 30)
    threshold = best_threshold(*pairs(positive, truth), POSITIVE)
    assert ((positive >= threshold) == truth).all()


def test_each_label_has_its_own() -> None:
    truth = np.repeat([[False, True], [True, False]], 30, axis=0)
    probabilities = np.repeat([[0.1, 0.9], [0.2, 0.7]], 30, axis=0)
    np.testing.assert_allclose(label_thresholds(probabilities, truth), [0.15, 0.8])


def test_one_constant_probability_keeps_one_half() -> None:
    truth = np.repeat([False, True], 30)
    assert best_threshold(*pairs(np.full(60, 0.7), truth), POSITIVE) == 0.5


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="found kind `macro`"):
        best_threshold([[0.5, 0.5]], [[1, 0]], Headline("macro"))
    with pytest.raises(ValueError, match="expected shape"):
        best_threshold([[0.5, 0.5]], [[1, 0, 0]], POSITIVE)
    with pytest.raises(ValueError, match="outside or nan"):
        label_thresholds([[np.nan, 0.5]], [[1, 0]])
