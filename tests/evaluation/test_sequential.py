from __future__ import annotations

import numpy as np
import pytest

from understudy.evaluation.inference import f1_sequence, mean_sequence


def test_intervals_only_shrink_and_end_near_the_mean() -> None:
    x = (np.random.default_rng(0).random(2000) < 0.3).astype(float)
    found = mean_sequence(x)
    assert np.all(np.diff(found.low) >= 0)
    assert np.all(np.diff(found.high) <= 0)
    assert found.last.low < x.mean() < found.last.high
    assert found.last.half_width < 0.05


def test_the_truth_is_hardly_ever_excluded_at_any_look() -> None:
    rng = np.random.default_rng(1)
    missed = sum(
        mean_sequence((rng.random(200) < 0.2).astype(float)).first_excluding(0.2) is not None for _ in range(60)
    )
    assert missed <= 6  # more than 6 of 60 has a chance below 1 in 30 even at 5 % each


def test_a_census_leaves_nothing_open() -> None:
    x = np.array([1.0, 0.0, 1.0, 0.0] * 50)
    found = mean_sequence(np.random.default_rng(2).permutation(x), n_population=200)
    assert found.last.half_width < 0.02
    assert found.last.low <= 0.5 <= found.last.high
    wider = mean_sequence(np.random.default_rng(2).permutation(x))
    assert wider.last.half_width > found.last.half_width


def test_nothing_seen_says_nothing() -> None:
    found = mean_sequence([])
    assert (found.last.low, found.last.high) == (0.0, 1.0)
    assert found.first_within(0.1) is None


def test_f1_is_the_mapped_jaccard_index() -> None:
    truth = [True, True, False, False] * 30
    said = [True, False, True, False] * 30
    found = f1_sequence(truth, said)
    jaccard = mean_sequence([1.0, 0.0, 0.0] * 30).last
    assert found.last.low == pytest.approx(2 * jaccard.low / (1 + jaccard.low))
    assert len(found.low) == 90  # documents that neither has tell nothing


def test_when_a_bar_is_excluded() -> None:
    found = mean_sequence([1.0] * 100)
    n = found.first_excluding(0.8)
    assert n is not None
    assert found.low[n - 2] <= 0.8 < found.low[n - 1]


@pytest.mark.parametrize("values", [[0.5, 1.5], [float("nan")], [[0.5]]])
def test_values_out_of_range_are_refused(values: list[object]) -> None:
    with pytest.raises(ValueError, match="values"):
        mean_sequence(values)


def test_more_drawn_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="only 2"):
        mean_sequence([0, 1, 1], n_population=2)
