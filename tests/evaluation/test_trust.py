from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from understudy.evaluation import fit_trust
from understudy.evaluation.trust import FEWEST_ERRORS, ISOTONIC_ABOVE, RIDGE


def simulated(n: int, rng: np.random.Generator, slope: float = 1.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of which only the first says something, whether the teacher is right, and the true probability."""
    features = rng.normal(size=(n, 3))
    probability = expit(1 + slope * features[:, 0])
    return features, (rng.random(n) < probability).astype(float), probability


@pytest.mark.parametrize(("right", "expected"), [(1.0, 11 / 12), (0.0, 1 / 12)])
def test_a_teacher_that_is_always_or_never_right_gets_the_smoothed_base_rate(right, expected, rng) -> None:
    # Ten documents and one right and one wrong of the prior: (10 + 1) / 12, whatever the features are.
    model = fit_trust(rng.normal(size=(10, 4)), np.full(10, right), rng)
    assert model.predict(rng.normal(size=(3, 4))) == pytest.approx([expected] * 3)
    # Without the held-out two of ten: (8 + 1) / 10.
    assert model.out_of_fold == pytest.approx([abs(right - 0.1)] * 10)


def test_features_that_say_nothing_give_the_smoothed_base_rate(rng) -> None:
    features = np.column_stack([np.full(8, 0.7), np.full(8, np.nan), np.zeros(8)])
    model = fit_trust(features, [1, 1, 1, 1, 1, 1, 0, 0], rng)
    # (6 + 1) / (8 + 2), also for values that the fit never saw.
    assert model.predict([[0.7, np.nan, 0.0], [0.2, 3.0, 1.0]]) == pytest.approx([0.7, 0.7])


def test_one_document_is_judged_by_the_prior_alone(rng) -> None:
    model = fit_trust([[0.3]], [1], rng)
    assert model.out_of_fold.tolist() == [0.5]
    assert model.predict([[0.3]]) == pytest.approx([2 / 3])


def test_all_documents_in_one_group_are_judged_by_the_prior_alone(rng) -> None:
    model = fit_trust(rng.normal(size=(6, 2)), [1, 0, 1, 0, 1, 1], rng, groups=["a"] * 6)
    assert model.out_of_fold.tolist() == [0.5] * 6


def test_the_regression_is_the_penalised_one(rng) -> None:
    """Against a general optimiser on the objective as the docstring states it."""
    features, correct, _ = simulated(60, rng)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    design = np.column_stack([np.ones(62), np.vstack([scaled, np.zeros((2, 3))])])
    targets = np.concatenate([correct, [1, 0]])

    def objective(weights: np.ndarray) -> float:
        scores = design @ weights
        return float(np.sum(np.logaddexp(0, scores) - targets * scores) + RIDGE / 2 * np.sum(weights[1:] ** 2))

    weights = minimize(objective, np.zeros(4), tol=1e-12).x
    expected = expit(design[:60] @ weights)
    assert fit_trust(features, correct, rng).predict(features) == pytest.approx(expected, abs=1e-5)


def test_trust_comes_true(rng) -> None:
    features, correct, _ = simulated(400, rng)
    model = fit_trust(features, correct, rng)
    fresh, _, probability = simulated(4000, rng)
    assert not model.is_isotonic
    assert np.abs(model.predict(fresh) - probability).mean() < 0.05


def test_scale_and_origin_of_a_feature_do_not_matter(rng) -> None:
    features, correct, _ = simulated(150, rng)
    model = fit_trust(features, correct, np.random.default_rng(1))
    other = fit_trust(features * [1000, 1e-6, 1] + [5, 0, -3], correct, np.random.default_rng(1))
    assert other.out_of_fold == pytest.approx(model.out_of_fold)


def test_a_missing_feature_counts_as_average_and_its_absence_may_speak(rng) -> None:
    silent = rng.random(600) < 0.5
    correct = (rng.random(600) < np.where(silent, 0.4, 0.9)).astype(float)
    features = np.where(silent, np.nan, rng.normal(size=600))[:, None]
    trust = fit_trust(features, correct, rng).predict([[np.nan], [0.0]])
    assert trust == pytest.approx([0.4, 0.9], abs=0.06)


def test_missing_only_where_it_is_applied_counts_as_average(rng) -> None:
    features, correct, _ = simulated(150, rng)
    model = fit_trust(features, correct, rng)
    average = features.mean(axis=0)
    assert model.predict([[np.nan] * 3]) == pytest.approx(model.predict(average[None]))


@pytest.mark.parametrize(
    ("n_right", "n_wrong", "columns"),
    [
        (60, 39, (2,)),  # 99 documents
        (60, 40, (0, 1, 2)),
        (300, FEWEST_ERRORS - 1, (2,)),
        (300, FEWEST_ERRORS, (0, 1, 2)),
        (FEWEST_ERRORS - 1, 300, (2,)),
    ],
)
def test_little_gold_uses_the_essential_features_only(n_right, n_wrong, columns, rng) -> None:
    correct = np.repeat([1, 0], [n_right, n_wrong])
    model = fit_trust(rng.normal(size=(len(correct), 3)), correct, rng, essential=[2])
    assert model.columns == columns
    assert (model.n, model.n_right) == (n_right + n_wrong, n_right)


def test_out_of_fold_trust_learns_nothing_from_noise(rng) -> None:
    """Twenty features of pure noise on sixty documents: fitted trust seems to know, out-of-fold trust does not."""
    features, correct = rng.normal(size=(60, 20)), np.repeat([1.0, 0.0], 30)
    model = fit_trust(features, correct, rng)
    fitted = model.predict(features)
    assert fitted[correct == 1].mean() - fitted[correct == 0].mean() > 0.2
    assert abs(model.out_of_fold[correct == 1].mean() - model.out_of_fold[correct == 0].mean()) < 0.15


def test_a_group_is_never_judged_by_its_own_members(rng) -> None:
    """The feature names the group and the group decides: only a leak could know. 40 groups of 5."""
    group = np.repeat(np.arange(40), 5)
    correct = np.repeat(rng.integers(2, size=40), 5).astype(float)
    features = np.eye(40)[group]
    together = fit_trust(features, correct, rng, groups=[str(g) for g in group]).out_of_fold
    apart = fit_trust(features, correct, rng).out_of_fold
    assert apart[correct == 1].mean() - apart[correct == 0].mean() > 0.15
    assert together[correct == 1].mean() - together[correct == 0].mean() < 0.1


def bent(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Right nearly always above a step, by chance below: no logistic curve has this shape."""
    feature = rng.random(n)
    return feature[:, None], (rng.random(n) < np.where(feature > 0.5, 0.98, 0.5)).astype(float)


def test_a_curve_takes_over_where_it_wins(rng) -> None:
    model = fit_trust(*bent(3000, rng), rng)
    trust = model.predict([[0.02], [0.4], [0.6], [0.98]])
    assert model.is_isotonic
    assert trust == pytest.approx([0.5, 0.5, 0.98, 0.98], abs=0.08)
    assert (np.diff(trust) >= 0).all()


def test_no_curve_without_more_than_500_documents(rng) -> None:
    assert not fit_trust(*bent(ISOTONIC_ABOVE, rng), rng).is_isotonic


def test_no_curve_where_the_logistic_one_is_right(rng) -> None:
    features, correct, _ = simulated(1500, rng)
    assert not fit_trust(features, correct, rng).is_isotonic


def test_a_curve_never_claims_certainty(rng) -> None:
    feature = rng.random(2000)
    model = fit_trust(feature[:, None], (feature > 0.5).astype(float), rng)
    trust = model.predict([[-100.0], [0.0], [1.0], [100.0]])
    assert (trust >= 1 / 2002).all() or not model.is_isotonic
    assert np.isfinite(trust).all()


def test_the_same_seed_gives_the_same_trust() -> None:
    features, correct, _ = simulated(120, np.random.default_rng(3))
    one, two = (fit_trust(features, correct, np.random.default_rng(5)).out_of_fold for _ in range(2))
    assert (one == two).all()


@pytest.mark.parametrize(
    ("features", "correct", "message"),
    [
        ([[0.1], [0.2]], [1], "one number for each of 2"),
        (np.empty((0, 2)), [], "0 > 0 rows"),
        ([[0.1]], [0.5], "0 or 1"),
        ([[0.1]], [np.nan], "0 or 1"),
        ([[np.inf]], [1], "infinity"),
        ([0.1, 0.2], [1, 0], "shape"),
        (np.empty((2, 0)), [1, 0], "f > 0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(features, correct, message, rng) -> None:
    with pytest.raises(ValueError, match=message):
        fit_trust(features, correct, rng)
