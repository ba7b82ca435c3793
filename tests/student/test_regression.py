from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from understudy.student import regression
from understudy.student.logistic import Problem, choose_c, fit_logistic, log_losses
from understudy.student.regression import Search, learn_regression, paired_gain
from understudy.student.row_span import span_of

SEARCH = Search((0.1, 1.0, 10.0), 3, 0)


def wide(n=60, d=200, n_labels=3, seed=0):
    """Sparse features of which the first tell the label, and one row without any."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, n_labels, n)
    features = random_array((n, d), density=0.05, rng=rng, format="csr").toarray()
    features[np.arange(n), columns] += 1
    features[5] = 0
    return Problem(csr_array(features), np.eye(n_labels)[columns], rng.uniform(0.5, 2, n), True)


def test_a_span_keeps_inner_products_and_has_a_basis():
    """Row 2 is the sum of rows 0 and 1 and row 3 is zero: two directions remain."""
    rows = csr_array(np.array([[1.0, 0, 2, 0], [0, 3, 0, 0], [1, 3, 2, 0], [0, 0, 0, 0]]))
    span = span_of(rows)
    assert span.coordinates.shape == (4, 2)
    np.testing.assert_allclose(span.coordinates @ span.coordinates.T, (rows @ rows.T).toarray(), atol=1e-12)
    basis = span.directions @ rows
    np.testing.assert_allclose(basis @ basis.T, np.eye(2), atol=1e-12)


@pytest.mark.parametrize("is_exclusive", [True, False])
def test_the_span_gives_what_all_columns_give(is_exclusive):
    data = wide()
    data = Problem(data.features, data.targets, data.weights, is_exclusive)
    found = learn_regression(data, SEARCH)
    c = found.strength.c
    direct = fit_logistic(data, c, tolerance=1e-9)
    dense = fit_logistic(Problem(data.features.toarray(), data.targets, data.weights, is_exclusive), c, tolerance=1e-9)
    expected = dense.probabilities(data.features)
    np.testing.assert_allclose(found.logistic.probabilities(data.features), expected, atol=1e-4)
    np.testing.assert_allclose(direct.probabilities(data.features), expected, atol=1e-6)


def test_of_many_rows_a_part_chooses_the_strength_and_all_are_learned(monkeypatch):
    data = wide(n=90)
    monkeypatch.setattr(regression, "MOST_IN_SPAN", 45)
    found = learn_regression(data, SEARCH)
    assert np.isfinite(found.strength.held_out).all(axis=1).sum() == 45
    expected = fit_logistic(data, found.strength.c).probabilities(data.features)
    np.testing.assert_allclose(found.logistic.probabilities(data.features), expected, atol=1e-4)


@pytest.mark.parametrize("is_exclusive", [True, False])
def test_what_was_held_out_is_said_at_the_chosen_strength(is_exclusive):
    data, folds = replace(wide(), is_exclusive=is_exclusive), np.arange(60) % 3
    c, losses, held_out = choose_c(data, SEARCH.c, folds)
    rows = [SEARCH.c.index(value) for value in c]
    each = log_losses(held_out, data.targets, is_exclusive=is_exclusive)
    each = np.repeat(each.sum(axis=1, keepdims=True), 3, axis=1) if is_exclusive else each
    np.testing.assert_allclose(np.average(each, axis=0, weights=data.weights), losses[rows, np.arange(3)])


def test_gain_by_hand():
    """Gains 1, 3 and a pair without a measurement: mean 2, standard deviation sqrt(2), of two pairs."""
    assert paired_gain(np.array([2.0, 5.0, np.nan]), np.array([1.0, 2.0, 1.0])) == pytest.approx((2.0, 1.0))
    assert np.isnan(paired_gain(np.array([1.0]), np.array([1.0]))).all()
