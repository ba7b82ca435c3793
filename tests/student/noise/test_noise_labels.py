"""Each idea against label noise on numbers worked out by hand; ugly cases first."""

import numpy as np
import pytest
import torch

from understudy.student.noise.candidates import candidate_targets
from understudy.student.noise.confident import doubt_weights, doubtful
from understudy.student.noise.consistency import consistent
from understudy.student.noise.early_learning import early_learning_targets, remembered
from understudy.student.noise.generalised import generalised_weights
from understudy.student.noise.labels import NoisyLabels, normalised
from understudy.student.noise.neighbours import smoothed_by_neighbours
from understudy.student.noise.soft_targets import expected_labels
from understudy.student.noise.trust_weights import trust_weights


def noisy(given, shares=None, trust=None, is_exclusive=True):
    given = np.array(given, dtype=bool)
    n = len(given)
    return NoisyLabels(
        vectors=np.ones((n, 1)),
        given=given,
        shares=given.astype(float) if shares is None else np.array(shares, dtype=float),
        consistency=np.ones(n),
        trust=np.ones(n) if trust is None else np.array(trust, dtype=float),
        is_exclusive=is_exclusive,
    )


@pytest.mark.parametrize("trust", [[np.nan, 1.0], [1.2, 1.0], [-0.1, 1.0], [1.0]])
def test_labels_refuse_a_trust_that_is_none(trust):
    with pytest.raises(ValueError, match="trust"):
        noisy([[1, 0], [0, 1]], trust=trust)


def test_a_row_of_zeros_becomes_even():
    assert normalised(np.zeros((1, 4)), is_exclusive=True).tolist() == [[0.25] * 4]


class TestSoftTargets:
    def test_for_two_labels_trust_is_the_target(self):
        found = expected_labels(noisy([[1, 0], [0, 1]], trust=[0.4, 1.0]), smoothing=0.0)
        assert found == pytest.approx(np.array([[0.4, 0.6], [0.0, 1.0]]))

    def test_what_trust_leaves_goes_to_the_other_answers_and_frequent_labels(self):
        # Given labels: 0, 1; frequency 1/2 + 1/6 = 2/3, 2/3, 1/6. Row 0: the others are answered 0.2 and 0, so
        # 0.2 + 2/3 and 0 + 1/6 of 31/30: 26/31 and 5/31 of the 0.5 that trust leaves.
        labels = noisy([[1, 0, 0], [0, 1, 0]], shares=[[0.8, 0.2, 0], [0, 1, 0]], trust=[0.5, 1.0])
        assert expected_labels(labels, smoothing=0.0)[0] == pytest.approx([0.5, 13 / 31, 2.5 / 31])

    def test_smoothing_spreads_its_mass_evenly(self):
        # 0.8 * 1 + 0.2 / 2
        assert expected_labels(noisy([[1, 0], [0, 1]]), smoothing=0.2)[0] == pytest.approx([0.9, 0.1])

    def test_independent_labels_are_each_turned_round(self):
        found = expected_labels(noisy([[1, 1], [0, 0]], trust=[0.9, 0.7], is_exclusive=False), smoothing=0.0)
        assert found == pytest.approx(np.array([[0.9, 0.9], [0.3, 0.3]]))

    def test_refuses_a_smoothing_that_leaves_nothing(self):
        with pytest.raises(ValueError, match="smoothing"):
            expected_labels(noisy([[1, 0]]), smoothing=1.0)


def test_trust_weights_never_reach_zero():
    assert trust_weights(np.array([0.0, 0.5, 1.0])).tolist() == [0.2, 0.5, 1.0]


def test_the_filter_counts_two_of_three_below_two_thirds_and_a_bit():
    consistency = np.array([1 / 3, 2 / 3, 1.0])
    assert consistent(consistency, 0.0).tolist() == [1, 1, 1]
    assert consistent(consistency, 2 / 3).tolist() == [0, 1, 1]
    assert consistent(consistency, 0.67).tolist() == [0, 0, 1]


class TestConfidentLearning:
    def test_one_given_label_is_never_doubted(self):
        assert doubtful(np.array([[1, 0], [1, 0]], dtype=bool), np.full((2, 2), 0.5)).tolist() == [False, False]

    def test_finds_the_label_that_everybody_contradicts(self):
        # Mean confidence of label 0 among its four rows (0.9 * 3 + 0.1) / 4 = 0.7, of label 1 0.9. Row 3 is given 0
        # and reaches the bar of 1: one off-diagonal count, so one label of that pair is doubted, this one.
        given = np.array([[1, 0]] * 4 + [[0, 1]] * 4, dtype=bool)
        sure = np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]] * 5)
        assert np.flatnonzero(doubtful(given, sure)).tolist() == [3]

    def test_a_label_that_nobody_gave_takes_no_part(self):
        given = np.array([[1, 0, 0]] * 4 + [[0, 0, 1]] * 4, dtype=bool)
        sure = np.array([[0.9, 0.0, 0.1]] * 3 + [[0.1, 0.0, 0.9]] * 5)
        assert np.flatnonzero(doubtful(given, sure)).tolist() == [3]

    def test_refuses_two_labels_in_a_row(self):
        with pytest.raises(ValueError, match="one label"):
            doubtful(np.ones((1, 2), dtype=bool), np.full((1, 2), 0.5))

    def test_doubt_costs_weight(self):
        assert doubt_weights(np.array([True, False]), 0.2).tolist() == [0.2, 1.0]


class TestNeighbours:
    VECTORS = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    TARGETS = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])

    def test_draws_towards_the_nearest(self):
        # Row 0's nearest is row 1 (cosine 0.8 against 0), row 1's is row 0 (0.8 against 0.6), row 2's is row 1.
        found = smoothed_by_neighbours(self.VECTORS, self.TARGETS, np.ones(3), k=1, share=0.3)
        assert found == pytest.approx(np.array([[0.7, 0.3], [0.3, 0.7], [0.0, 1.0]]))

    def test_neighbours_count_by_weight(self):
        # Row 1: neighbours 0 (weight 3) and 2 (weight 1), mean [0.75, 0.25].
        found = smoothed_by_neighbours(self.VECTORS, self.TARGETS, np.array([3.0, 1.0, 1.0]), k=2, share=0.4)
        assert found[1] == pytest.approx([0.3, 0.7])

    def test_weightless_neighbours_change_nothing(self):
        found = smoothed_by_neighbours(self.VECTORS, self.TARGETS, np.zeros(3), k=2)
        assert found.tolist() == self.TARGETS.tolist()

    def test_an_example_alone_keeps_its_target(self):
        assert smoothed_by_neighbours(np.ones((1, 1)), np.array([[0.2, 0.8]]), np.ones(1)).tolist() == [[0.2, 0.8]]


class TestCandidates:
    def test_keeps_what_was_answered(self):
        found = candidate_targets(np.array([[0.5, 0.3, 0.2]]), np.array([[True, False, True]]))
        assert found == pytest.approx(np.array([[5 / 7, 0, 2 / 7]]))

    def test_is_even_where_the_student_excludes_all_candidates(self):
        found = candidate_targets(np.array([[1.0, 0.0, 0.0]]), np.array([[False, True, True]]))
        assert found.tolist() == [[0.0, 0.5, 0.5]]

    def test_refuses_an_example_without_an_answer(self):
        with pytest.raises(ValueError, match="candidate"):
            candidate_targets(np.array([[1.0, 0.0]]), np.zeros((1, 2), dtype=bool))

    def test_has_the_gradient_of_the_candidate_loss(self):
        scores = torch.tensor([[0.3, -1.0, 0.8]], dtype=torch.float64, requires_grad=True)
        candidates = torch.tensor([[True, False, True]])
        p = torch.softmax(scores, dim=1)
        (-torch.log((p * candidates).sum())).backward()
        target = candidate_targets(p.detach().numpy(), candidates.numpy())
        assert scores.grad.numpy() == pytest.approx(p.detach().numpy() - target)


class TestGeneralised:
    def test_unlikely_labels_weigh_less(self):
        # 0.25 ** 0.5 and 1 ** 0.5
        p, given = np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([[1, 0], [1, 0]], dtype=bool)
        assert generalised_weights(p, given, q=0.5) == pytest.approx([0.5, 1.0])

    def test_q_of_zero_is_cross_entropy(self):
        assert generalised_weights(np.array([[0.0, 1.0]]), np.array([[True, False]]), q=0.0).tolist() == [1.0]

    def test_independent_labels_count_both_ways(self):
        # sqrt(0.9 * 0.4): the given one and the absence of the other
        found = generalised_weights(np.array([[0.9, 0.6], [0.5, 0.5]]), np.array([[1, 0], [1, 1]], dtype=bool), q=1.0)
        assert found == pytest.approx([0.6, 0.5])

    def test_has_the_gradient_of_the_generalised_loss(self):
        q = 0.7
        scores = torch.tensor([[0.3, -1.0, 0.8]], dtype=torch.float64, requires_grad=True)
        p = torch.softmax(scores, dim=1)
        ((1 - p[0, 1] ** q) / q).backward()
        given = np.array([[False, True, False]])
        weight = generalised_weights(p.detach().numpy(), given, q)
        assert scores.grad.numpy() == pytest.approx(weight[0] * (p.detach().numpy() - given))


class TestEarlyLearning:
    def test_has_the_gradient_of_the_regularised_loss(self):
        strength = 0.5
        scores = torch.tensor([[0.3, -1.0, 0.8]], dtype=torch.float64, requires_grad=True)
        memory, given = np.array([[0.5, 0.3, 0.2]]), np.array([[0.6, 0.2, 0.2]])
        p = torch.softmax(scores, dim=1)
        agreement = (p * torch.from_numpy(memory)).sum()
        (-(torch.from_numpy(given) * torch.log(p)).sum() + strength * torch.log(1 - agreement)).backward()
        target = early_learning_targets(given, p.detach().numpy(), memory, strength)
        assert scores.grad.numpy() == pytest.approx(p.detach().numpy() - target)

    def test_a_sure_student_overrules_the_label(self):
        # <p, t> = 0.82; pull on label 0 0.9 * (0.9 - 0.82) / 0.18 = 0.4, on label 1 0.1 * (0.1 - 0.82) / 0.18 = -0.4.
        # 0 + 3 * 0.4 = 1.2 and 1 - 1.2 = -0.2, cut to 1 and 0.
        sure = np.array([[0.9, 0.1]])
        assert early_learning_targets(np.array([[0.0, 1.0]]), sure, sure).tolist() == [[1.0, 0.0]]

    def test_certainty_does_not_divide_by_zero(self):
        sure = np.array([[1.0, 0.0]])
        assert early_learning_targets(np.array([[0.0, 1.0]]), sure, sure).tolist() == [[0.0, 1.0]]

    def test_memory_fades(self):
        assert remembered(np.array([1.0]), np.array([0.0]), 0.7).tolist() == [0.7]
