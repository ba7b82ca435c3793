from __future__ import annotations

import math

import pytest

from understudy.evaluation.economics import Costs, Option, break_even, frontier


def test_break_even_by_hand() -> None:
    # Fixed: 5,000 x 0.00166 + 2 = 10.30; each text saves 0.8 x 0.00166 = 0.001328: 7,756 texts.
    found = break_even(Costs(5000, teacher_usd=0.00166, human_usd=0.083, training_usd=2.0, deferred=0.2))
    assert found.without_engineering == pytest.approx(7756, abs=1)
    assert found.against_teacher == found.without_engineering
    assert found.against_humans == pytest.approx(10.3 / (0.083 - 0.2 * 0.00166))


def test_a_free_teacher_is_never_beaten_on_price() -> None:
    found = break_even(Costs(100, teacher_usd=0.0, student_usd=0.001, training_usd=1.0))
    assert found.against_teacher == math.inf
    assert found.to_json()["against_teacher"] is None


@pytest.mark.parametrize("bad", [{"teacher_usd": -1.0}, {"teacher_usd": math.nan}, {"teacher_usd": 1, "deferred": 1.0}])
def test_impossible_costs_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="costs"):
        break_even(Costs(100, **bad))


def test_frontier_keeps_what_nothing_beats() -> None:
    options = [
        Option("dear and bad", 5.0, 0.5),
        Option("cheap", 1.0, 0.6),
        Option("same price, worse", 1.0, 0.55),
        Option("best", 9.0, 0.9),
        Option("unknown price", None, 0.95),
        Option("undefined", 0.5, math.nan),
    ]
    assert [option.name for option in frontier(options)] == ["cheap", "best"]
