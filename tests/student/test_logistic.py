import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from understudy.student.logistic import Logistic, Problem, choose_c, fit_logistic, stratified_folds


def problem(n_labels, n=120, n_features=5, is_exclusive=True, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, n_features))
    scores = features[:, :n_labels] + rng.gumbel(size=(n, n_labels))
    targets = np.eye(n_labels)[scores.argmax(axis=1)] if is_exclusive else (scores > 1).astype(float)
    return Problem(features, targets, rng.uniform(0.5, 2, n), is_exclusive)


def reference(data, column, c):
    model = LogisticRegression(C=c, tol=1e-9, max_iter=10_000)
    return model.fit(data.features, column, sample_weight=data.weights).predict_proba(data.features)


@pytest.mark.parametrize("n_labels", [2, 3, 5])
@pytest.mark.parametrize("c", [0.01, 1.0, 30.0])
def test_exclusive_labels_equal_scikit_learn(n_labels, c):
    data = problem(n_labels)
    found = fit_logistic(data, np.full(n_labels, c)).probabilities(data.features)
    np.testing.assert_allclose(found, reference(data, data.targets.argmax(axis=1), c), atol=1e-4)


def test_independent_labels_equal_scikit_learn_each_with_its_own_c():
    data = problem(3, is_exclusive=False)
    strengths = np.array([0.01, 1.0, 10.0])
    found = fit_logistic(data, strengths).probabilities(data.features)
    for column, c in enumerate(strengths):
        np.testing.assert_allclose(found[:, column], reference(data, data.targets[:, column], c)[:, 1], atol=1e-4)


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_soft_target_equals_weighted_copies(n_labels):
    data = problem(n_labels, n=60)
    soft = Problem(data.features, np.random.default_rng(1).dirichlet(np.ones(n_labels), 60), data.weights, True)
    copies = Problem(
        np.repeat(data.features, n_labels, axis=0), np.tile(np.eye(n_labels), (60, 1)),
        np.repeat(data.weights, n_labels) * soft.targets.ravel(), True,
    )  # fmt: skip
    c = np.ones(n_labels)
    np.testing.assert_allclose(
        fit_logistic(soft, c).probabilities(data.features), fit_logistic(copies, c).probabilities(data.features),
        atol=1e-4,
    )  # fmt: skip


def test_the_start_changes_nothing():
    data = problem(3)
    far = Logistic(np.full((3, 5), 7.0), np.array([-3.0, 0.0, np.inf]), True)
    ours, other = (fit_logistic(data, np.ones(3), start).probabilities(data.features) for start in (None, far))
    np.testing.assert_allclose(ours, other, atol=1e-4)


def test_labels_without_example_or_without_exception_are_fixed():
    data = problem(4, is_exclusive=False)
    targets = data.targets.copy()
    targets[:, 1], targets[:, 2] = 0, 1
    model = fit_logistic(Problem(data.features, targets, data.weights, False), np.ones(4))
    found = model.probabilities(np.full((1, 5), 0.1))
    assert found[0, 1:3].tolist() == [0.0, 1.0]
    assert 0 < found[0, 0] < 1
    assert not model.coefficients[1:3].any()


def test_two_of_three_labels_are_one_sigmoid():
    data = problem(2)
    wide = np.insert(data.targets, 1, 0, axis=1)
    found = fit_logistic(Problem(data.features, wide, data.weights, True), np.ones(3)).probabilities(data.features)
    expected = reference(data, data.targets[:, 1], 1.0)
    np.testing.assert_allclose(found[:, [0, 2]], expected, atol=1e-4)
    assert not found[:, 1].any()


def test_noise_chooses_strong_and_signal_weak_regularisation():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 20))
    folds = np.arange(200) % 5
    noise = np.eye(2)[rng.integers(0, 2, 200)]
    signal = np.eye(2)[(features[:, 0] > 0).astype(int)]
    grid = (100.0, 0.001, 1.0)
    for targets, expected in ((noise, 0.001), (signal, 100.0)):
        chosen, losses, _ = choose_c(Problem(features, targets, np.ones(200), True), grid, folds)
        assert chosen.tolist() == [expected, expected]
        assert losses.shape == (3, 2)
    both = np.stack([noise[:, 1], signal[:, 1]], axis=1)
    assert choose_c(Problem(features, both, np.ones(200), False), grid, folds)[0].tolist() == [0.001, 100.0]


def test_held_out_loss_is_what_refitting_by_hand_gives():
    data, folds = problem(3, n=60), np.arange(60) % 3
    _, losses, _ = choose_c(data, (0.1, 1.0), folds)
    by_hand = 0.0
    for fold in range(3):
        out = folds == fold
        model = LogisticRegression(C=1.0, tol=1e-9, max_iter=10_000)
        model.fit(data.features[~out], data.targets[~out].argmax(axis=1), sample_weight=data.weights[~out])
        by_hand -= (data.weights[out, None] * data.targets[out] * model.predict_log_proba(data.features[out])).sum()
    np.testing.assert_allclose(losses[1], by_hand / data.weights.sum(), rtol=1e-3)


def test_without_folds_the_value_nearest_to_one_is_taken():
    chosen, losses, _ = choose_c(problem(2, n=4), (0.01, 0.3, 2.0, 100.0), np.zeros(4, dtype=np.int64))
    assert chosen.tolist() == [2.0, 2.0]  # |log 2| = 0.69 < |log 0.3| = 1.2
    assert np.isnan(losses).all()


def test_folds_spread_every_label():
    targets = np.eye(3)[np.repeat([0, 1, 2], [50, 10, 5])]
    folds = stratified_folds(targets, 5, np.random.default_rng(0))
    for fold in range(5):
        assert targets[folds == fold].sum(axis=0).tolist() == [10, 2, 1]


def test_folds_spread_the_rarest_of_several_labels():
    """50 rows have label 0 only, 5 have both, 10 none: each fold gets one with both and two with none."""
    targets = np.repeat([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], [50, 5, 10], axis=0)
    folds = stratified_folds(targets, 5, np.random.default_rng(0))
    assert [targets[folds == fold, 1].sum() for fold in range(5)] == [1] * 5
    assert [(targets[folds == fold].sum(axis=1) == 0).sum() for fold in range(5)] == [2] * 5


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3), (100, 5)])
def test_few_rows_have_fewer_folds(n, expected):
    folds = stratified_folds(np.tile([0.5, 0.5], (n, 1)), 5, np.random.default_rng(0))
    assert sorted(set(folds)) == list(range(expected))
