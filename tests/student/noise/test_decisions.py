"""One weight a text from the decisions made in it: equal to the published virtual step, in double precision."""

import numpy as np
import pytest
import torch

from understudy.student.logistic import Logistic
from understudy.student.noise.decisions import Decisions, of_texts, pulls
from understudy.student.noise.labels import Human, NoisyLabels
from understudy.student.noise.reweighting import reweighted

TAGS, WIDTH = 3, 5


def drawn(sizes, rng, n_tags=TAGS):
    """Texts of so many words, with tags by lot."""
    text = np.repeat(np.arange(len(sizes)), sizes)
    tags = rng.integers(n_tags, size=len(text))
    return Decisions(rng.normal(size=(len(text), WIDTH)), np.eye(n_tags)[tags], text, len(sizes), True)


def mean_losses(coefficients, intercepts, decisions):
    """Of the words of each text."""
    features, targets = torch.from_numpy(decisions.features), torch.from_numpy(decisions.targets)
    losses = -(targets * torch.log_softmax(features @ coefficients.T + intercepts, dim=1)).sum(dim=1)
    return torch.stack([losses[torch.from_numpy(decisions.text == i)].mean() for i in range(decisions.n_texts)]), losses


def virtual_step(students, noisy, human):
    """As published: a step on the texts' weighted mean losses, then the gradient of gold's mean loss by the weights."""
    parameters = [
        torch.from_numpy(array).requires_grad_() for s in students for array in (s.coefficients, s.intercepts)
    ]
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    losses = sum(mean_losses(*pair, layer)[0] for pair, layer in zip(pairs, noisy, strict=True))
    eps = torch.zeros(len(losses), dtype=torch.double, requires_grad=True)
    gradients = torch.autograd.grad((eps * losses).sum(), parameters, create_graph=True)
    moved = [p - gradient for p, gradient in zip(parameters, gradients, strict=True)]
    pairs = zip(moved[::2], moved[1::2], strict=True)
    gold = sum(mean_losses(*pair, layer)[1].mean() for pair, layer in zip(pairs, human, strict=True))
    return -torch.autograd.grad(gold, eps)[0].numpy()


def some_student(rng):
    return Logistic(rng.normal(size=(TAGS, WIDTH)), rng.normal(size=TAGS), True)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_pulls_are_those_of_the_virtual_step(n_layers):
    rng = np.random.default_rng(0)
    sizes = [4, 1, 7, 2, 1, 1, 3, 1, 2, 1, 1, 2]
    noisy = [drawn(sizes, rng) for _ in range(n_layers)]
    human = [drawn([3, 5], rng) for _ in range(n_layers)]
    students = [some_student(rng) for _ in range(n_layers)]
    found = pulls(students, noisy, human, len(sizes))
    assert found.min() < 0 < found.max()
    assert found == pytest.approx(virtual_step(students, noisy, human), abs=1e-12)


def test_a_text_of_many_words_pulls_no_more_than_one_of_few():
    rng = np.random.default_rng(0)
    once, human, student = drawn([1], rng), drawn([3], rng), some_student(rng)
    rows = np.zeros(9, dtype=np.int64)
    often = Decisions(once.features[rows], once.targets[rows], rows, 1, True)
    one, other = (pulls([student], [layer], [human], 1) for layer in (once, often))
    assert one == pytest.approx(other)


def test_a_text_without_decisions_does_not_pull():
    rng = np.random.default_rng(0)
    noisy = drawn([2, 0, 3], rng)
    assert pulls([some_student(rng)], [noisy], [drawn([3], rng)], 3)[1] == 0


def labels_of(words, given):
    n = len(given)
    return NoisyLabels(np.zeros((n, 1)), given, given.astype(float), np.ones(n), np.ones(n), False, words)


def test_texts_with_wrong_words_weigh_less_and_one_without_words_as_before():
    rng = np.random.default_rng(1)
    centres = 3 * rng.normal(size=(TAGS, WIDTH))

    def texts(n, wrong):
        tags = rng.integers(TAGS, size=(n, 6))
        features = centres[tags] + rng.normal(size=(n, 6, WIDTH))
        said = np.where(np.arange(n)[:, None] < wrong, (tags + 1) % TAGS, tags)
        text = np.repeat(np.arange(n), 6)
        return Decisions(features.reshape(-1, WIDTH) / 5, np.eye(TAGS)[said.ravel()], text, n + 1, True)

    given = np.ones((41, 1), dtype=bool)  # the last text has no word
    human = Human(np.zeros((16, 1)), np.ones((16, 1)), [texts(15, 0)])
    found = reweighted(labels_of([texts(40, 8)], given), human)
    assert found.weights.mean() == pytest.approx(1)
    assert found.weights[:8].max() < 0.5 * found.weights[8:40].min()
    assert found.given.shape == (10, 41)
    assert found.given[:, 40].tolist() == [1.0] * 10


def test_nothing_to_decide_leaves_the_weights_alone():
    given = np.ones((3, 1), dtype=bool)
    found = reweighted(labels_of([], given), Human(np.zeros((2, 1)), np.ones((2, 1)), []))
    assert found.weights.tolist() == [1, 1, 1]
    assert found.given.shape == (0, 3)


def test_a_whole_text_is_one_decision():
    layer = of_texts(np.ones((2, 3)), np.eye(2), is_exclusive=True)[0]
    assert layer.per_text.tolist() == [1, 1]
