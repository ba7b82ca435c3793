from __future__ import annotations

import numpy as np
import pytest

from understudy.evaluation.inference import allocate, confidence_driven, hajek_f1, hajek_share


def test_shares_of_large_cells() -> None:
    teacher = np.repeat([False, False, True, True], 100)
    student = np.tile(np.repeat([False, True], 100), 2)
    plan = allocate(teacher, student, 100)
    assert plan.drawn.tolist() == [[40, 15], [15, 30]]
    assert plan.probability.tolist() == [[0.4, 0.15], [0.15, 0.3]]


def test_a_small_cell_is_taken_whole_and_every_label_is_spent() -> None:
    teacher = np.array([False] * 500 + [True] * 3)
    plan = allocate(teacher, teacher, 50)
    assert plan.drawn.tolist() == [[47, 0], [0, 3]]
    assert np.isnan(plan.probability[0, 1])


@pytest.mark.parametrize("n", [1, 11])
def test_more_than_there_is_or_less_than_a_document_a_cell_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="n: expected"):
        allocate([False] * 5 + [True] * 5, [False] * 5 + [True] * 5, n)


def test_hajek_undoes_unequal_chances() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(20_000) < 0.1
    chance = np.where(truth, 0.2, 0.02)
    drawn = rng.random(20_000) < chance
    found = hajek_share(truth[drawn], chance[drawn])
    assert truth[drawn].mean() > 0.4  # what an unweighted mean would say
    assert abs(found.value - truth.mean()) < 3 * found.standard_error < 0.04


def test_equal_chances_are_the_plain_share() -> None:
    found = hajek_share([1, 0, 0, 1], [0.5] * 4)
    assert found.value == 0.5
    assert found.standard_error == pytest.approx(np.std([1, 0, 0, 1], ddof=1) / 2)


def test_weighted_f1_and_its_interval() -> None:
    # Weights 1, 1, 4: both 1, true 1 + 1, said 1 + 4: F1 = 2 / 7.
    truth, said, chance = [True, True, False], [True, False, True], [1.0, 1.0, 0.25]
    value, interval = hajek_f1(truth, said, chance, [0, 0, 1], np.random.default_rng(0))
    assert value == pytest.approx(2 / 7)
    assert interval.low <= value <= interval.high


def test_f1_without_any_positive_is_undefined() -> None:
    value, interval = hajek_f1([False] * 4, [False] * 4, [0.5] * 4, [0] * 4, np.random.default_rng(0))
    assert np.isnan(value)
    assert not interval.is_defined


def test_unsure_documents_are_likelier_to_be_asked() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(1000)
    asked = np.arange(100)
    errors = (rng.random(100) > confidence[:100]).astype(float)
    chance = confidence_driven(confidence, asked, errors, 200)
    assert chance.sum() == pytest.approx(200, rel=0.02)
    assert chance.min() >= 0.1 * 200 / 1000
    assert chance[confidence < 0.2].mean() > 2 * chance[confidence > 0.9].mean()


def test_a_faultless_machine_is_checked_evenly() -> None:
    chance = confidence_driven(np.linspace(0, 1, 50), np.arange(20), np.zeros(20), 10)
    assert chance == pytest.approx(np.full(50, 0.2))


def test_too_few_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="20 documents"):
        confidence_driven(np.ones(50), np.arange(5), np.zeros(5), 10)
