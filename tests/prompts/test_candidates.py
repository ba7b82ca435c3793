import numpy as np
import pytest

from understudy.prompts.candidates import N_NEIGHBOURS, candidate_labels, label_scores

NO_DEMO = np.zeros((0, 2)), np.zeros((0, 3), dtype=bool)


def unit(*angles):
    return np.array([[np.cos(np.radians(a)), np.sin(np.radians(a))] for a in angles])


def test_definitions_alone_order_by_likeness():
    scores = label_scores(unit(0, 30, 90), *NO_DEMO, unit(10), [set()])
    assert scores.sum() == pytest.approx(1)
    # cosines 0.98481, 0.93969, 0.17365; (0.98481 - 0.93969) / 0.05 = 0.9023; 1 : e**-0.9023 = 0.4056 : 0.0000
    assert scores[0] == pytest.approx([1 / 1.4056, 0.4056 / 1.4056, 0], abs=1e-4)


def test_neighbours_vote_with_their_cosine_and_the_text_itself_does_not():
    labels = np.eye(3, dtype=bool)[[2, 2, 1]]
    args = (unit(0, 30, 90), unit(60, 60, 10), labels, unit(0))
    with_all = label_scores(*args, [set()])[0]
    without_third = label_scores(*args, [{2}])[0]
    alone = label_scores(unit(0, 30, 90), *NO_DEMO, unit(0), [set()])[0]
    # label 2: two neighbours at 60 degrees, 0.5 each; label 1: one at 10 degrees, 0.98481
    assert with_all - alone == pytest.approx([0, 0.98481, 1.0], abs=1e-4)
    assert without_third - alone == pytest.approx([0, 0, 1.0], abs=1e-4)


def test_only_the_nearest_vote():
    angles = [1] * N_NEIGHBOURS + [80]
    labels = np.eye(3, dtype=bool)[[0] * N_NEIGHBOURS + [1]]
    alone = label_scores(unit(0, 30, 90), *NO_DEMO, unit(0), [set()])[0]
    scores = label_scores(unit(0, 30, 90), unit(*angles), labels, unit(0), [set()])[0]
    assert scores[1] == alone[1]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 queries"):
        label_scores(unit(0, 30, 90), *NO_DEMO, unit(0, 1), [set()])


def test_candidates_stand_in_codebook_order_with_the_shown_labels_among_them():
    scores = np.array([[0.1, 0.5, 0.3, 0.1], [0.25, 0.25, 0.25, 0.25]])
    assert candidate_labels(scores, 2, [(3,), ()]) == [(1, 2, 3), (0, 1)]
    assert candidate_labels(scores, 9, [(), ()]) == [(0, 1, 2, 3)] * 2
    with pytest.raises(ValueError, match="n is 0"):
        candidate_labels(scores, 0, [(), ()])
