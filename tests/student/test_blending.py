import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.student.blending import PRIOR_TEXTS, blend_shares, blended


def exclusive(right):
    """Opinions on texts of the first of two labels from the probabilities of it."""
    right = np.asarray(right, dtype=float)
    return np.stack([right, 1 - right], axis=-1)


def shares(opinions, targets, weights=None, is_exclusive=True):
    weights = np.ones(len(targets)) if weights is None else np.asarray(weights, dtype=float)
    return blend_shares(opinions, np.asarray(targets, dtype=float), weights, is_exclusive=is_exclusive)


def test_shares_by_hand():
    """Of 10 texts, one says 1, the other 1/2: 10 ln((1 + w) / 2) + 5 ln w + 5 ln(1 - w) peaks at (1 + sqrt 17) / 8.

    Its derivative, 10 / (1 + w) + 5 / w - 5 / (1 - w), is 0 where 4 w**2 - w - 1 is.
    """
    assert PRIOR_TEXTS == 10
    found = shares(exclusive([[1.0] * 10, [0.5] * 10]), [[1, 0]] * 10)
    assert found == pytest.approx([(1 + np.sqrt(17)) / 8, (7 - np.sqrt(17)) / 8], abs=1e-5)


def test_students_that_know_different_texts_share_and_beat_each_alone():
    """Each is sure and right about one half and guesses on the other."""
    opinions = exclusive([[0.95] * 50 + [0.5] * 50, [0.5] * 50 + [0.95] * 50])
    found = shares(opinions, [[1, 0]] * 100)
    assert found == pytest.approx([0.5, 0.5])
    losses = -np.log(np.concatenate([opinions, blended(opinions, found)[None]])[:, :, 0]).mean(axis=1)
    assert losses[2] < losses[:2].min() - 0.02


def test_who_is_surely_wrong_is_left_nearly_nothing():
    found = shares(exclusive([[0.9] * 1000, [0.0] * 1000]), [[1, 0]] * 1000)
    assert found[1] == pytest.approx(5 / 1010, abs=1e-4)  # only the prior's half speaks for it


def test_texts_of_no_weight_change_nothing():
    opinions = exclusive([[0.9, 0.9, 0.1], [0.6, 0.6, 0.9]])
    kept = shares(opinions[:, :2], [[1, 0]] * 2)
    np.testing.assert_allclose(shares(opinions, [[1, 0]] * 3, [1, 1, 0]), kept)
    assert shares(opinions, [[1, 0]] * 3, [0, 0, 0]) == pytest.approx([0.5, 0.5])
    assert shares(opinions[:, :0], np.zeros((0, 2))) == pytest.approx([0.5, 0.5])


def test_independent_labels_count_both_ways():
    """An absent label is evidence against who expected it; K labels of a text weigh as one text."""
    says_all, says_none = np.full((40, 3), 0.9), np.full((40, 3), 0.1)
    found = shares(np.stack([says_all, says_none]), np.zeros((40, 3)), is_exclusive=False)
    assert found[1] > 0.85
    one_label = shares(np.stack([says_all, says_none])[:, :, :1], np.zeros((40, 1)), is_exclusive=False)
    np.testing.assert_allclose(found, one_label, atol=1e-5)


def test_soft_targets_are_met_in_the_middle():
    found = shares(exclusive([[1.0] * 500, [0.0] * 500]), [[0.7, 0.3]] * 500)
    assert found[0] == pytest.approx((0.7 * 500 + 5) / 510, abs=1e-4)


@given(st.integers(0, 2**32 - 1))
def test_no_other_shares_have_a_smaller_loss(seed):
    rng = np.random.default_rng(seed)
    opinions, targets = rng.dirichlet(np.ones(3), size=(3, 30)), np.eye(3)[rng.integers(0, 3, 30)]

    def loss(w):
        events = np.log(np.maximum((blended(opinions, w) * targets).sum(axis=1), 1e-15))
        return -events.sum() - PRIOR_TEXTS / 3 * np.log(w).sum()

    found = shares(opinions, targets)
    assert found.sum() == pytest.approx(1)
    assert all(loss(found) <= loss(other) + 1e-3 for other in rng.dirichlet(np.ones(3), size=20))


@pytest.mark.parametrize(
    ("opinions", "targets", "weights"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2)), np.ones(3)),
        (np.zeros((2, 3, 2)), np.zeros((3, 2)), np.ones(2)),
        (np.full((2, 3, 2), np.nan), np.zeros((3, 2)), np.ones(3)),
        (np.zeros((2, 3, 2)), np.full((3, 2), 2.0), np.ones(3)),
        (np.zeros((2, 3, 2)), np.zeros((3, 2)), -np.ones(3)),
    ],
)
def test_what_does_not_fit_is_refused(opinions, targets, weights):
    with pytest.raises(ValueError, match=r"fit|must"):
        blend_shares(opinions, targets, weights, is_exclusive=True)
