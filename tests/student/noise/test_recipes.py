"""The recipes as a whole: wrong labels weigh less or move, and every lesson is one that students accept."""

import numpy as np
import pytest

from understudy.student.noise import RECIPES, Human, Known, NoisyLabels
from understudy.student.noise.held_out import held_out_probabilities

N, N_WRONG = 200, 40


def two_clouds(n, rng):
    """Unit vectors around two directions, and which."""
    truth = np.arange(n) % 2
    vectors = rng.normal(size=(n, 8)) * 0.2
    vectors[np.arange(n), truth] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), truth


@pytest.fixture(scope="module")
def known():
    """Every fifth label is wrong, and there two of five answers are right; trust knows it a little."""
    rng = np.random.default_rng(0)
    vectors, truth = two_clouds(N, rng)
    is_wrong = np.arange(N) % 5 == 0
    given = np.eye(2, dtype=bool)[np.where(is_wrong, 1 - truth, truth)]
    shares = np.where(is_wrong[:, None], 0.6 * given + 0.4 * ~given, given)
    labels = NoisyLabels(vectors, given, shares, shares.max(axis=1), np.where(is_wrong, 0.3, 0.9), is_exclusive=True)
    gold_vectors, gold_truth = two_clouds(20, rng)
    return Known(labels, Human(gold_vectors, np.eye(2)[gold_truth]), 1.0, np.random.default_rng(1))


IS_WRONG = np.arange(N) % 5 == 0


@pytest.mark.parametrize("name", [name for name in RECIPES if not name.startswith("gold")])
def test_a_wrong_label_counts_less_than_a_right_one(known, name):
    lesson = RECIPES[name].teach(known)
    believed = (lesson.targets * known.labels.given).sum(axis=1) * lesson.weights
    plain = (known.labels.shares * known.labels.given).sum(axis=1)
    assert believed[IS_WRONG].mean() / believed[~IS_WRONG].mean() < 0.9 * plain[IS_WRONG].mean()


@pytest.mark.parametrize("name", RECIPES)
def test_every_lesson_is_one_that_students_accept(known, name):
    lesson = RECIPES[name].teach(known)
    assert lesson.targets.shape == (N, 2)
    assert lesson.targets.sum(axis=1) == pytest.approx(np.ones(N))
    assert lesson.targets.min() >= 0
    assert lesson.weights.shape == (N,)
    assert lesson.weights.min() >= 0
    assert lesson.weights.max() > 0


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if not recipe.needs_exclusive])
def test_independent_labels_have_lessons_too(name):
    rng = np.random.default_rng(0)
    vectors, truth = two_clouds(60, rng)
    given = np.column_stack([truth == 0, np.arange(60) % 3 == 0, truth == 1])
    labels = NoisyLabels(vectors, given, given.astype(float), np.ones(60), np.full(60, 0.8), is_exclusive=False)
    human = Human(vectors[:10], given[:10].astype(float))
    lesson = RECIPES[name].teach(Known(labels, human, 1.0, rng))
    assert lesson.targets.shape == (60, 3)
    assert np.all((lesson.targets >= 0) & (lesson.targets <= 1) & (lesson.weights[:, None] >= 0))


def test_the_second_opinion_has_not_seen_the_label(known):
    """Turning one label round changes what the others are told, and not what is said of it."""
    opinion = held_out_probabilities(known.labels, known.labels.as_given(), np.random.default_rng(0))
    right = np.eye(2, dtype=bool)[np.arange(N) % 2]
    assert (opinion * right).sum(axis=1)[IS_WRONG].min() > 0.5


def test_reweighting_needs_people(known):
    with pytest.raises(ValueError, match="human"):
        RECIPES["reweighting"].teach(Known(known.labels, None, 1.0, known.rng))


def test_reweighting_leaves_alone_what_people_said_nothing_about():
    """No person gave label 2: its examples keep one weight, whether they pull towards gold or not."""
    rng = np.random.default_rng(0)
    vectors, truth = two_clouds(90, rng)
    given = np.eye(3, dtype=bool)[np.where(np.arange(90) % 3 == 0, 2, truth)]
    labels = NoisyLabels(vectors, given, given.astype(float), np.ones(90), np.ones(90), is_exclusive=True)
    human = Human(vectors[:40], np.eye(3)[truth[:40]])
    weights = RECIPES["reweighting"].teach(Known(labels, human, 1.0, rng)).weights
    assert np.ptp(weights[given[:, 2]]) == pytest.approx(0, abs=1e-12)
    assert np.ptp(weights[given[:, 0]]) > 0.1
