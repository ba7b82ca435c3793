"""The recipes as a whole: wrong labels weigh less or move, and every lesson is one that students accept."""

import numpy as np
import pytest

from understudy.student.noise import AUTO_OF_SPANS, RECIPES, Human, Known, NoisyLabels
from understudy.student.noise.held_out import held_out_probabilities
from understudy.student.noise.reweighting import history_of

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
OF_TEXTS = {name: recipe for name, recipe in RECIPES.items() if not recipe.needs_spans}


@pytest.mark.parametrize("name", [name for name in OF_TEXTS if not name.startswith("gold")])
def test_a_wrong_label_counts_less_than_a_right_one(known, name):
    lesson = RECIPES[name].teach(known)
    believed = (lesson.targets * known.labels.given).sum(axis=1) * lesson.weights
    plain = (known.labels.shares * known.labels.given).sum(axis=1)
    assert believed[IS_WRONG].mean() / believed[~IS_WRONG].mean() < 0.9 * plain[IS_WRONG].mean()


@pytest.mark.parametrize("name", OF_TEXTS)
def test_every_lesson_is_one_that_students_accept(known, name):
    lesson = RECIPES[name].teach(known)
    assert lesson.targets.shape == (N, 2)
    assert lesson.targets.sum(axis=1) == pytest.approx(np.ones(N))
    assert lesson.targets.min() >= 0
    assert lesson.weights.shape == (N,)
    assert lesson.weights.min() >= 0
    assert lesson.weights.max() > 0


@pytest.mark.parametrize("name", [name for name, recipe in OF_TEXTS.items() if not recipe.needs_exclusive])
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


@pytest.fixture
def spans():
    """Two texts with three spans between them, trusted 0.3, 0.9 and 0.5."""
    given = np.array([[1, 1], [1, 0]], dtype=bool)
    trust = np.array([0.3, 0.9, 0.5])
    labels = NoisyLabels(
        np.eye(2), given, given.astype(float), np.ones(2), np.array([0.1, 0.6]), is_exclusive=False, span_trust=trust
    )
    return Known(labels, None, 1.0, np.random.default_rng(0))


def test_spans_hold_in_as_many_answers_as_they_are_trusted(spans):
    lesson = RECIPES["soft-targets"].teach(spans)
    assert lesson.span_shares.tolist() == [0.3, 0.9, 0.5]
    assert lesson.targets.tolist() == spans.labels.shares.tolist()


def test_doubtful_spans_teach_nothing(spans):
    np.testing.assert_array_equal(RECIPES["doubtful-spans"].teach(spans).span_shares, [np.nan, 1, 1])


def test_texts_weigh_as_much_as_they_are_trusted_whatever_their_spans(spans):
    lesson = RECIPES["trust-weights"].teach(spans)
    assert lesson.weights.tolist() == [0.2, 0.6]
    assert lesson.span_shares is None


def test_what_nobody_trusts_has_no_doubtful_spans(known):
    with pytest.raises(ValueError, match="trust of spans"):
        RECIPES["doubtful-spans"].teach(known)


def test_every_recipe_tried_on_spans_makes_sense_there():
    assert [name for name in AUTO_OF_SPANS if RECIPES[name].not_for_spans or RECIPES[name].needs_exclusive] == []
    assert [name for name, recipe in RECIPES.items() if recipe.needs_exclusive and not recipe.not_for_spans] == []


def test_the_history_of_reweighting_shows_the_wrong_labels(known):
    lesson = RECIPES["reweighting"].teach(known)
    ids = [str(i) for i in range(N)]
    worst = history_of(ids, lesson.given).distrusted(N_WRONG)
    assert {found.visits for found in worst} == {10}
    assert {found.id for found in worst} == {str(i) for i in np.flatnonzero(IS_WRONG)}
    assert worst[0].weight == pytest.approx(lesson.given.mean(axis=0).min())


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
