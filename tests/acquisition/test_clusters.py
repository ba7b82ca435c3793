from __future__ import annotations

import numpy as np
import pytest

from understudy.acquisition import PoolView, clusters, select_batch
from understudy.acquisition.clusters import k_means, typicality

CENTRES = 10 * np.eye(4, dtype=np.float32)


@pytest.fixture
def groups() -> np.ndarray:
    """Four groups of 10, 20, 30 and 40 rows around CENTRES."""
    rng = np.random.default_rng(3)
    return np.repeat(CENTRES, [10, 20, 30, 40], axis=0) + 0.1 * rng.standard_normal((100, 4), dtype=np.float32)


def group_of(rows: np.ndarray) -> list[int]:
    return np.searchsorted([10, 30, 60, 100], rows, side="right").tolist()


def select(strategy: str, vectors: np.ndarray, n: int, labelled=()) -> np.ndarray:
    return select_batch(strategy, n, PoolView(embeddings=vectors), labelled, np.random.default_rng(0), 0).indices


def test_k_means_takes_the_row_nearest_to_each_mean(groups):
    expected = []
    for start, end in [(0, 10), (10, 30), (30, 60), (60, 100)]:
        block = groups[start:end]
        expected.append(start + int(((block - block.mean(axis=0)) ** 2).sum(axis=1).argmin()))
    assert sorted(select("k_means", groups, 4).tolist()) == expected


@pytest.mark.parametrize("per_centre", [2, 128])
def test_centres_of_a_sample_move_to_the_means_of_all_rows(groups, per_centre, monkeypatch):
    monkeypatch.setattr(clusters, "ROWS_PER_CENTRE", per_centre)
    monkeypatch.setattr(clusters, "ROWS_TO_LEARN_FROM", 8)
    means = np.array([part.mean(axis=0) for part in np.split(groups, [10, 30, 60])])
    for seed in range(20):
        centres = k_means(groups, np.arange(100), 4, np.random.default_rng(seed))
        found = {int(np.abs(means - centre).sum(axis=1).argmin()) for centre in centres}
        if found == {0, 1, 2, 3}:  # eight rows met all four groups
            assert centres[np.lexsort(centres.T)] == pytest.approx(means[np.lexsort(means.T)], abs=1e-4)
            return
    pytest.fail("no sample met all four groups")


def test_each_centre_takes_a_row_of_its_own_where_rows_coincide():
    rows = select("k_means", np.zeros((6, 2), dtype=np.float32), 5)
    assert len(set(rows.tolist())) == 5


def test_typicality_is_one_over_the_mean_distance_to_the_others():
    scores = typicality(np.array([[0.0], [1.0], [3.0]]))
    # Mean distances to the two others: (1 + 3) / 2, (1 + 2) / 2, (3 + 2) / 2.
    assert scores == pytest.approx([1 / 2, 2 / 3, 2 / 5])


def test_typicality_looks_at_twenty_neighbours():
    line = np.arange(50.0)[:, None]
    # The first row's 20 nearest are 1..20 away, mean 10.5; a middle one's are 1..10 on both sides, mean 5.5.
    assert typicality(line)[[0, 25]] == pytest.approx([1 / 10.5, 1 / 5.5])


def test_a_point_alone_or_on_others_is_as_typical_as_can_be():
    assert typicality(np.zeros((1, 2))).tolist() == [np.inf]
    assert typicality(np.zeros((3, 2))).tolist() == [np.inf] * 3


def test_typical_takes_the_densest_row_of_the_largest_groups_first(groups):
    rows = select("typical", groups, 4)
    assert group_of(rows) == [3, 2, 1, 0]
    assert rows[0] == 60 + typicality(groups[60:]).argmax()


def test_typical_begins_with_groups_that_have_no_label(groups):
    # k = 1 labelled + 3: one cluster per group. The largest group is covered.
    assert group_of(select("typical", groups, 3, labelled=[99])) == [2, 1, 0]


def test_typical_takes_turns_by_labels_and_then_by_size():
    queues = [[0, 1, 2], [3], [4, 5], []]
    picks = clusters._take_turns(queues, covered=np.array([0, 0, 1, 0]), sizes=np.array([3, 1, 9, 0]), n=6)
    # Uncovered first, larger first: 0, then 3. Now all have one: the largest is 4, then 1; then two each: 5, 2.
    assert picks.tolist() == [0, 3, 4, 1, 5, 2]


def test_typical_represents_a_large_pool_and_a_large_cluster_by_a_sample(groups, monkeypatch):
    monkeypatch.setattr(clusters, "TYPICAL_AMONG", 50)
    monkeypatch.setattr(clusters, "CLUSTER_AMONG", 5)
    rows = select("typical", groups, 40, labelled=[0])
    assert len(set(rows.tolist()) - {0}) == 40
