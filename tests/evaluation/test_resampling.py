from __future__ import annotations

import numpy as np
import pytest

from understudy.evaluation import count, resampling


def test_every_resample_draws_n_units_in_bounded_chunks(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resampling, "CELLS_AT_ONCE", 30)
    chunks = list(resampling.resampled_weights(7, 10, rng))
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]
    assert all((chunk.sum(axis=1) == 7).all() for chunk in chunks)


def test_units_are_drawn_equally_often(rng: np.random.Generator) -> None:
    weights = np.concatenate(list(resampling.resampled_weights(5, 20_000, rng)))
    # Each is Binomial(5, 1/5): mean 1, variance 0.8; standard error of the mean 0.0063.
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(weights.var(axis=0), 0.8, atol=0.04)


def test_both_systems_see_the_same_documents(rng: np.random.Generator) -> None:
    counts = count(rng.random((30, 2)) < 0.5, rng.random((30, 2)) < 0.5)
    for a, b in resampling.resampled_totals([counts, counts], rng, 50):
        assert (a.tp == b.tp).all()
        assert (a.n == 30).all()


def test_members_of_a_group_are_drawn_together(rng: np.random.Generator) -> None:
    truth = np.eye(3, dtype=bool)[[0, 0, 1, 2, 2]]
    counts = count(truth, truth)
    groups = ["x", "x", None, "y", "y"]
    (totals,) = next(iter(resampling.resampled_totals([counts], rng, 200, groups)))
    assert (totals.tp[:, 0] % 2 == 0).all()  # the two of x come together
    assert (totals.tp[:, 2] % 2 == 0).all()
    assert (totals.tp[:, 1] % 2 == 1).any()  # the ungrouped one alone
    assert (totals.n == totals.tp.sum(axis=1)).all()


def test_documents_without_a_group_are_groups_of_their_own() -> None:
    assert resampling.group_index(["b", None, "b", None], 4).tolist() == [0, 1, 0, 2]


def test_groups_must_be_one_per_document() -> None:
    with pytest.raises(ValueError, match="expected 3 names"):
        resampling.group_index(["a"], 3)
