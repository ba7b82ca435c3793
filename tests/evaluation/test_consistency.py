from __future__ import annotations

import json
import math

import pytest

from understudy.evaluation import accuracy_by_consistency, wilson


def test_levels_add_up_and_carry_intervals() -> None:
    third, two_thirds = 1 / 3, 2 / 3
    table = accuracy_by_consistency([1, 1, 1, two_thirds, 0.6666667, third], [1, 1, 0, 1, 0, 0])
    assert (table.unanimous.n, table.unanimous.accuracy) == (3, pytest.approx(2 / 3))
    assert (table.split.n, table.split.accuracy) == (3, pytest.approx(1 / 3))
    assert table.unanimous.interval == wilson(2, 3)
    assert [(level.name, level.n, level.accuracy) for level in table.by_value] == [
        ("1.00", 3, pytest.approx(2 / 3)),
        ("0.67", 2, 0.5),
        ("0.33", 1, 0.0),
    ]


def test_unanswered_documents_do_not_disappear() -> None:
    table = accuracy_by_consistency([1.0, math.nan, math.nan], [1, 0, 0])
    assert (table.unanimous.n, table.split.n, table.unanswered.n) == (1, 0, 2)
    assert table.by_value[-1].name == "unanswered"
    assert sum(level.n for level in table.by_value) == 3


def test_empty_level_has_no_accuracy() -> None:
    table = accuracy_by_consistency([], [])
    assert math.isnan(table.unanimous.accuracy)
    assert table.by_value == ()
    read = json.loads(json.dumps(table.to_json(), allow_nan=False))
    assert read["split"] == {
        "name": "split",
        "n": 0,
        "accuracy": None,
        "interval": {"low": None, "high": None, "method": "Wilson", "level": 0.95},
    }


@pytest.mark.parametrize("consistency", [[0.0], [1.5], [-1.0]])
def test_impossible_shares_are_refused(consistency: list[float]) -> None:
    with pytest.raises(ValueError, match=r"shares in \(0, 1\]"):
        accuracy_by_consistency(consistency, [1])


def test_lengths_must_fit() -> None:
    with pytest.raises(ValueError, match="one number per consistency"):
        accuracy_by_consistency([1.0, 1.0], [1])
