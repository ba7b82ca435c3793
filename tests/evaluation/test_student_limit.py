from __future__ import annotations

import numpy as np
import pytest

from understudy.evaluation.student_limit import neighbour_vote, student_limit


def two_clusters(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around two orthogonal directions, and which one."""
    side = rng.integers(2, size=n)
    vectors = np.eye(4)[side] + 0.1 * rng.normal(size=(n, 4))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), side


def voted_by_others(vectors: np.ndarray, teacher: np.ndarray) -> np.ndarray:
    """Every document's vote without its own label."""
    texts = [f"text {i}" for i in range(len(vectors))]
    return neighbour_vote(vectors, teacher, vectors, 2, texts=texts, texts_around=texts)


def test_random_slips_average_out() -> None:
    rng = np.random.default_rng(0)
    vectors, truth = two_clusters(rng, 600)
    teacher = np.where(rng.random(600) < 0.2, 1 - truth, truth)
    found = student_limit(truth, teacher, voted_by_others(vectors, teacher), rng, student=truth)
    assert found.teacher_error == pytest.approx(0.2, abs=0.04)
    assert found.systematic < 0.03
    assert found.can_beat_teacher
    assert found.achieved == 0.0


def test_systematic_mistakes_do_not() -> None:
    rng = np.random.default_rng(1)
    vectors, truth = two_clusters(rng, 600)
    teacher = np.ones(600, dtype=int)  # always wrong on one side
    found = student_limit(truth, teacher, voted_by_others(vectors, teacher), rng)
    assert found.systematic == found.teacher_error
    assert found.random == 0.0
    assert not found.can_beat_teacher
    assert found.to_json()["achieved"] is None


def test_a_document_has_no_vote_on_itself() -> None:
    vectors = np.eye(3)
    vectors[2] = [0.6, 0.8, 0.0]
    # Document 2 is nearest to itself, then to 1 (0.8), then to 0 (0.6).
    texts = ["a", "b", "c"]
    assert neighbour_vote(vectors, [0, 1, 0], vectors[2:], 2, k=1, texts=texts, texts_around=["c"]).tolist() == [1]


def test_another_text_of_the_same_vector_votes() -> None:
    vectors = np.eye(3)[[0, 0, 1, 2]]
    # Documents 0 and 1 are different texts of one vector; around the text of 0 only 1 says 1.
    found = neighbour_vote(vectors, [0, 1, 0, 0], vectors[:1], 2, k=1, texts=list("abcd"), texts_around=["a"])
    assert found.tolist() == [1]


def test_no_copy_of_a_text_votes_on_it() -> None:
    vectors = np.eye(3)[[0, 0, 1]]
    vectors[2] = [0.6, 0.8, 0.0]
    # The first two are the same text twice; the third is left, at a similarity of 0.6.
    found = neighbour_vote(vectors, [0, 0, 1], vectors[:1], 2, k=1, texts=["a", "a", "b"], texts_around=["a"])
    assert found.tolist() == [1]


def test_as_many_texts_as_vectors_are_expected() -> None:
    with pytest.raises(ValueError, match="texts: expected 3 and 1"):
        neighbour_vote(np.eye(3), [0, 1, 0], np.eye(3)[:1], 2, k=1, texts=["a", "b"], texts_around=["a"])


def test_more_neighbours_than_documents_is_refused() -> None:
    with pytest.raises(ValueError, match="k: expected"):
        neighbour_vote(np.eye(3), [0, 1, 0], np.eye(3), 2, k=3)
