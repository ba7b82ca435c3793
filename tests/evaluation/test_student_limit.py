from __future__ import annotations

import numpy as np
import pytest

from understudy.evaluation.student_limit import neighbour_vote, student_limit


def two_clusters(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around two orthogonal directions, and which one."""
    side = rng.integers(2, size=n)
    vectors = np.eye(4)[side] + 0.1 * rng.normal(size=(n, 4))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), side


def test_random_slips_average_out() -> None:
    rng = np.random.default_rng(0)
    vectors, truth = two_clusters(rng, 600)
    teacher = np.where(rng.random(600) < 0.2, 1 - truth, truth)
    found = student_limit(truth, teacher, neighbour_vote(vectors, teacher, vectors, 2), rng, student=truth)
    assert found.teacher_error == pytest.approx(0.2, abs=0.04)
    assert found.systematic < 0.03
    assert found.can_beat_teacher
    assert found.achieved == 0.0


def test_systematic_mistakes_do_not() -> None:
    rng = np.random.default_rng(1)
    vectors, truth = two_clusters(rng, 600)
    teacher = np.ones(600, dtype=int)  # always wrong on one side
    found = student_limit(truth, teacher, neighbour_vote(vectors, teacher, vectors, 2), rng)
    assert found.systematic == found.teacher_error
    assert found.random == 0.0
    assert not found.can_beat_teacher
    assert found.to_json()["achieved"] is None


def test_a_document_has_no_vote_on_itself() -> None:
    vectors = np.eye(3)
    vectors[2] = [0.6, 0.8, 0.0]
    # Document 2 is nearest to 1 (0.8), then 0 (0.6); itself is left out.
    assert neighbour_vote(vectors, [0, 1, 0], vectors[2:], 2, k=1).tolist() == [1]


def test_more_neighbours_than_documents_is_refused() -> None:
    with pytest.raises(ValueError, match="k: expected"):
        neighbour_vote(np.eye(3), [0, 1, 0], np.eye(3), 2, k=3)
