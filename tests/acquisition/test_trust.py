from __future__ import annotations

import math

import numpy as np
import pytest

from understudy.acquisition import split_by_trust
from understudy.acquisition.trust import doubt

UNCERTAINTY = [0.9, 0.2, 0.8, 0.95, 0.5, 0.1]
TRUST = [0.4, 0.3, 0.9, 0.1, 0.49, 0.5]


def test_people_see_what_nobody_knows():
    split = split_by_trust(UNCERTAINTY, TRUST, least_uncertainty=0.5)
    assert split.human.tolist() == [3, 0, 4]  # 0.95, 0.9, 0.5
    assert split.distrusted.tolist() == [1]
    assert split.trusted.tolist() == [5, 2]  # trust 0.5 is trusted, and comes before 0.9


def test_the_three_parts_are_all_rows_once():
    rng = np.random.default_rng(0)
    split = split_by_trust(rng.random(200), rng.random(200), 0.6, 0.3)
    together = np.concatenate([split.human, split.distrusted, split.trusted])
    assert sorted(together.tolist()) == list(range(200))


@pytest.mark.parametrize(
    ("uncertainty", "trust", "message"),
    [
        ([0.1], [math.nan], "Calibrate on gold dev first"),
        ([0.1], [1.1], "trust: expected numbers in"),
        ([math.nan], [0.5], "uncertainty: expected finite"),
        ([0.1, 0.2], [0.5], "expected shape"),
    ],
)
def test_what_is_unknown_is_refused(uncertainty, trust, message):
    with pytest.raises(ValueError, match=message):
        split_by_trust(uncertainty, trust, 0.5)


def test_doubt_needs_both():
    assert doubt(np.array([1.0, 1.0, 0.0]), np.array([0.25, 1.0, 0.0])).tolist() == [0.75, 0, 0]
