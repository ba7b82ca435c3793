from __future__ import annotations

import math

import numpy as np
import pytest

from understudy.acquisition import PoolView, surroundings
from understudy.acquisition.pool import Query
from understudy.acquisition.surroundings import contrast, density


def make_query(is_exclusive: bool = True) -> Query:
    embeddings = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.3, 0.7]])
    pool = PoolView(embeddings=embeddings, probabilities=probabilities, is_exclusive=is_exclusive)
    return Query(pool, labelled=np.array([0, 2]), candidates=np.array([1, 3]), n=1)


def test_contrast_of_the_nearest_labelled_row(monkeypatch):
    monkeypatch.setattr(surroundings, "NEIGHBOURS", 1)
    # KL((0.8, 0.2) || (0.4, 0.6)) = 0.8 log 2 - 0.2 log 3; row 3 is seen as its neighbour is.
    expected = 0.8 * math.log(2) - 0.2 * math.log(3)
    assert contrast(make_query(), np.random.default_rng(0)) == pytest.approx([expected, 0])


def test_contrast_is_the_mean_over_neighbours():
    first = 0.8 * math.log(2) - 0.2 * math.log(3)
    second = 0.3 * math.log(0.3 / 0.4) + 0.7 * math.log(0.7 / 0.6)
    third = 0.8 * math.log(0.8 / 0.3) + 0.2 * math.log(0.2 / 0.7)
    scores = contrast(make_query(), np.random.default_rng(0))
    assert scores == pytest.approx([(first + second) / 2, third / 2])


def test_contrast_of_labels_that_do_not_exclude_each_other_adds_their_divergences(monkeypatch):
    monkeypatch.setattr(surroundings, "NEIGHBOURS", 1)
    one = 0.8 * math.log(2) - 0.2 * math.log(3)  # Bernoulli 0.8 against 0.4, and 0.2 against 0.6: the same number
    assert contrast(make_query(is_exclusive=False), np.random.default_rng(0)) == pytest.approx([2 * one, 0])


def test_contrast_stays_finite_where_a_probability_is_zero():
    pool = PoolView(embeddings=np.eye(2), probabilities=np.eye(2))
    query = Query(pool, labelled=np.array([0]), candidates=np.array([1]), n=1)
    # 1 * log(1 / 1e-7) + 1e-7 * log(1e-7 / 1)
    assert contrast(query, np.random.default_rng(0)) == pytest.approx([7 * math.log(10)], rel=1e-5)


def test_contrast_searches_a_sample_of_many_labelled_rows(monkeypatch):
    monkeypatch.setattr(surroundings, "SEARCHED_AT_MOST", 1)
    drawn = {tuple(contrast(make_query(), np.random.default_rng(seed)).round(6).tolist()) for seed in range(20)}
    assert len(drawn) == 2


def test_density_is_the_mean_over_all_pairs():
    x = np.random.default_rng(0).standard_normal((30, 5))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    rows = np.arange(4, 30)
    assert density(x, rows) == pytest.approx(((1 + unit[rows] @ unit[rows].T) / 2).mean(axis=1))


def test_a_zero_vector_is_like_nothing():
    assert density(np.array([[0.0, 0.0], [2.0, 0.0]]), np.arange(2)) == pytest.approx([0.5, 0.75])
