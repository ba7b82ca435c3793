import math

import numpy as np
import pytest
import torch

from understudy.student.batching import buckets
from understudy.student.objective import Objective
from understudy.student.optimising import learning_rate


def test_the_rate_warms_up_and_decays_to_zero():
    rates = [learning_rate(step, 10, 0.2, 1.0) for step in range(10)]
    # 2 of 10 steps warm up: 0, 1/2; then (10 - step) / 8
    assert rates == pytest.approx([0, 0.5, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert learning_rate(0, 10, 0.0, 2.0) == 2.0
    assert learning_rate(9, 10, 1.0, 1.0) == 0.9


def test_every_text_comes_once_an_epoch_beside_texts_of_its_length():
    lengths = np.random.default_rng(0).integers(1, 200, 1000)
    rng = np.random.default_rng(1)
    epochs = [list(buckets(lengths, 16, rng)) for _ in range(2)]
    for batches in epochs:
        assert sorted(np.concatenate(batches)) == list(range(1000))
        assert {len(batch) for batch in batches} == {16, 1000 % 16}
    assert np.mean([np.ptp(lengths[batch]) for batch in epochs[0]]) < 30  # 187 expected in random batches of 16
    assert {tuple(sorted(batch)) for batch in epochs[0]} != {tuple(sorted(batch)) for batch in epochs[1]}


@pytest.mark.parametrize("n", [1, 15, 16, 17])
def test_few_texts_come_once(n):
    assert sorted(np.concatenate(list(buckets(np.ones(n), 16, np.random.default_rng(0))))) == list(range(n))


def test_soft_cross_entropy_by_hand():
    objective = Objective(torch.tensor([0, 2]), is_exclusive=True)
    scores = torch.tensor([[math.log(3.0), 50.0, 0.0]])  # column 1 has no example: shares 3/4 and 1/4 of the others
    targets = torch.tensor([[0.5, 0.0, 0.5]])
    assert objective.losses(scores, targets).item() == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2)
    np.testing.assert_allclose(objective.probabilities(scores), [[0.75, 0, 0.25]], atol=1e-7)


def test_independent_cross_entropy_by_hand():
    objective = Objective(torch.tensor([0, 1]), is_exclusive=False)
    scores = torch.tensor([[math.log(3.0), 0.0, 9.0]])  # 3/4 and 1/2
    targets = torch.tensor([[1.0, 0.25, 0.0]])
    expected = (-math.log(3 / 4) + math.log(2)) / 2  # -(log(1/2) / 4 + 3 log(1/2) / 4) = log 2
    assert objective.losses(scores, targets).item() == pytest.approx(expected)
    np.testing.assert_allclose(objective.probabilities(scores), [[0.75, 0.5, 0]], atol=1e-7)
