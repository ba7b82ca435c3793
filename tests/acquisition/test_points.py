from __future__ import annotations

import numpy as np
import pytest

from understudy.acquisition import points as module
from understudy.acquisition.points import (
    EmbeddingPoints,
    GradientPoints,
    lower_to_nearest,
    residuals,
    squared_distances,
    squared_norms,
)


@pytest.fixture
def gradients() -> tuple[GradientPoints, np.ndarray]:
    """Factorised points, and the same gradients written down."""
    rng = np.random.default_rng(1)
    h, r = rng.standard_normal((7, 4)), residuals(rng.dirichlet([1, 1, 1], 7))
    return GradientPoints(h, r), np.einsum("ij,ik->ijk", r, h).reshape(7, -1)


def test_residuals_of_exclusive_labels():
    # Of equal probabilities the first is the prediction.
    assert residuals(np.array([[0.2, 0.8], [0.5, 0.5]])) == pytest.approx(np.array([[0.2, -0.2], [-0.5, 0.5]]))


def test_residuals_of_several_labels():
    left = residuals(np.array([[0.2, 0.8], [0.5, 0.4]]), is_exclusive=False)
    assert left == pytest.approx(np.array([[0.2, -0.2], [-0.5, 0.4]]))


def test_factorised_gradients_have_the_distances_of_the_gradients(gradients):
    points, written = gradients
    others = np.array([2, 5])
    expected = ((written[:, None] - written[others]) ** 2).sum(axis=2)
    assert squared_distances(points, slice(None), others) == pytest.approx(expected)
    assert points.squared_norms == pytest.approx((written**2).sum(axis=1))


def test_a_copy_is_at_distance_zero_in_single_precision():
    vectors = np.random.default_rng(0).standard_normal((40, 384)).astype(np.float32)
    points = EmbeddingPoints(np.concatenate([vectors, vectors]))
    gaps = squared_distances(points, slice(0, 40), np.arange(40, 80))
    assert (np.diag(gaps) == 0).all()
    assert (gaps[~np.eye(40, dtype=bool)] > 100).all()


def test_nearest_over_blocks_and_groups(monkeypatch):
    monkeypatch.setattr(module, "row_blocks", lambda n, size=3: (slice(s, min(s + 3, n)) for s in range(0, n, 3)))
    x = np.random.default_rng(0).standard_normal((10, 2))
    nearest = np.full(10, np.inf)
    nearest[4] = 0.001
    others = np.array([0, 2, 5, 7])
    lower_to_nearest(EmbeddingPoints(x), nearest, others)
    expected = ((x[:, None] - x[others]) ** 2).sum(axis=2).min(axis=1)
    expected[4] = 0.001
    assert nearest == pytest.approx(expected)


def test_half_precision_is_widened():
    vectors = np.full((2, 300), 20, dtype=np.float16)
    assert squared_norms(vectors).tolist() == [120_000, 120_000]  # beyond the largest half, 65,504
    assert squared_norms(vectors).dtype == np.float32


def test_a_square_too_large_is_refused():
    with pytest.raises(ValueError, match="Embed those documents again"):
        squared_norms(np.full((1, 2), 1e30, dtype=np.float32))
