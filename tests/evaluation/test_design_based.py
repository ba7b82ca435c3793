from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import statsmodels.api as sm

from understudy.evaluation.inference import cross_fitted, design_based_regression

N = 2000


@pytest.fixture
def population() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(N), rng.normal(size=N)])
    truth = (rng.random(N) < 1 / (1 + np.exp(-(x @ [-0.5, 0.8])))).astype(float)
    machine = np.where(rng.random(N) < 0.8, truth, 1.0)  # one-sided mistakes
    return x, truth, machine


@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_with_all_gold_it_is_the_plain_regression_with_robust_errors(
    population: tuple[np.ndarray, np.ndarray, np.ndarray], kind: str
) -> None:
    x, truth, machine = population
    found = design_based_regression(x, truth, machine, np.ones(N), kind=kind)
    model = sm.OLS(truth, x) if kind == "linear" else sm.Logit(truth, x)
    reference = model.fit(cov_type="HC0", **({} if kind == "linear" else {"disp": 0}))
    assert [each.value for each in found] == pytest.approx(list(reference.params), abs=1e-6)
    assert [each.standard_error for each in found] == pytest.approx(list(reference.bse), abs=1e-6)


def test_linear_errors_are_those_of_a_regression_of_the_pseudo_outcome(
    population: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    x, truth, machine = population
    chance = np.where(machine == 1, 0.2, 0.05)
    drawn = np.random.default_rng(1).random(N) < chance
    found = design_based_regression(x, np.where(drawn, truth, np.nan), machine, chance)
    reference = sm.OLS(machine + drawn / chance * (truth - machine), x).fit(cov_type="HC0")
    assert [each.value for each in found] == pytest.approx(list(reference.params), abs=1e-6)
    assert [each.standard_error for each in found] == pytest.approx(list(reference.bse), abs=1e-6)
    assert found[0].n_gold == drawn.sum()


@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_it_solves_the_two_part_equation_of_the_authors(
    population: tuple[np.ndarray, np.ndarray, np.ndarray], kind: str
) -> None:
    """``m(predicted; b) + R / pi [m(true; b) - m(predicted; b)]``, as their R package `dsl` and its port `dsl_kit` do.

    The port's releases lack the modules that compute, so that the equation stands here.
    """
    x, truth, machine = population
    chance = np.where(machine == 1, 0.2, 0.05)
    drawn = np.random.default_rng(1).random(N) < chance
    weight = (drawn / chance)[:, None]

    def moments(beta: np.ndarray) -> np.ndarray:
        mean = x @ beta if kind == "linear" else 1 / (1 + np.exp(-(x @ beta)))
        predicted, true = (x * (outcome - mean)[:, None] for outcome in (machine, np.where(drawn, truth, 0.0)))
        return predicted + weight * (true - predicted)

    beta = scipy.optimize.root(lambda beta: moments(beta).mean(axis=0), np.zeros(2), tol=1e-12).x
    slope = scipy.optimize.approx_fprime(beta, lambda beta: moments(beta).mean(axis=0), 1e-7)
    meat = moments(beta).T @ moments(beta) / N
    errors = np.sqrt(np.diag(np.linalg.inv(slope) @ meat @ np.linalg.inv(slope).T) / N)
    found = design_based_regression(x, np.where(drawn, truth, np.nan), machine, chance, kind=kind)
    assert [each.value for each in found] == pytest.approx(list(beta), abs=1e-6)
    assert [each.standard_error for each in found] == pytest.approx(list(errors), abs=1e-6)


def test_cross_fitting_never_shows_a_document_its_own_label() -> None:
    rng = np.random.default_rng(2)
    features, gold = rng.normal(size=(300, 1)), rng.normal(size=300)
    before = cross_fitted(features, gold, np.ones(300), np.random.default_rng(3))
    gold[7] += 1000.0
    gold[8] -= 1000.0  # keeps the clipping range wide in both directions
    after = cross_fitted(features, gold, np.ones(300), np.random.default_rng(3))
    fold = np.random.default_rng(3).permutation(300) % 5
    same = (fold == fold[7]) & (fold == fold[8])
    assert np.allclose(before[same], after[same])
    assert not np.allclose(before[fold != fold[7]], after[fold != fold[7]])


def test_few_gold_documents_keep_the_machines_word() -> None:
    gold = np.full(100, np.nan)
    gold[:49] = 1.0
    machine = np.linspace(0, 1, 100)
    found = cross_fitted(machine[:, None], gold, np.full(100, 0.5), np.random.default_rng(0))
    assert np.array_equal(found, machine)


@pytest.mark.parametrize("chance", [0.0, 1.5])
def test_impossible_chances_are_refused(chance: float) -> None:
    with pytest.raises(ValueError, match="chance"):
        design_based_regression(np.ones((4, 1)), [1, 0, 1, 0], np.ones(4), np.full(4, chance))


def test_no_gold_is_refused() -> None:
    with pytest.raises(ValueError, match="human value"):
        design_based_regression(np.ones((4, 1)), np.full(4, np.nan), np.ones(4), np.ones(4))
