"""What a fine-tuned tagger minimises: how long a text is says nothing about how much it is trusted."""

import numpy as np
import torch

from understudy.student.objective import Objective
from understudy.student.spans.tagging import TagObjective, WindowTargets

OUTSIDE, BEGIN = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]


def test_sizes_count_the_words_that_are_decided_about():
    objective = TagObjective(torch.arange(3), True, 1, 2.0)
    words = [
        (np.array([1, 2]), np.array([OUTSIDE, BEGIN])),
        (np.array([1, 3, 4]), np.array([OUTSIDE, [0.0] * 3, OUTSIDE])),  # nobody knows the second word
        (np.zeros(0, dtype=np.int64), np.zeros((0, 3))),
    ]
    targets = WindowTargets(words, 3)[np.arange(3)]
    assert objective.sizes(targets).tolist() == [2, 2, 1]


def test_every_layer_decides_about_a_word():
    objective = TagObjective(torch.arange(6), True, 2, 2.0)
    both, one = [*OUTSIDE, *BEGIN], [*OUTSIDE, 0.0, 0.0, 0.0]
    targets = WindowTargets([(np.array([1, 2]), np.array([both, one]))], 6)[np.arange(1)]
    assert objective.sizes(targets).tolist() == [3]


def test_a_mean_loss_does_not_grow_with_the_text():
    objective = TagObjective(torch.arange(3), True, 1, 2.0)
    once, often = (WindowTargets([(np.arange(n), np.array([BEGIN] * n))], 3)[np.arange(1)] for n in (1, 8))
    scores = torch.tensor([[[0.3, -0.2, 1.0]] * 8])
    means = [objective.losses(scores, targets) / objective.sizes(targets) for targets in (once, often)]
    torch.testing.assert_close(means[0], means[1])


def test_a_whole_text_is_one_decision():
    assert Objective(torch.arange(2), True).sizes(torch.zeros((3, 2))).tolist() == [1, 1, 1]
