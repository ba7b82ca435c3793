from __future__ import annotations

import math

import numpy as np
import pytest

from understudy.acquisition import Arm, ArmTest, Payoff, equal_label_sets, falls_back, judge

R, C = Arm.RANDOM, Arm.CHOSEN


def differences(*values: float) -> list[ArmTest]:
    return [judge(value, value - 0.1, value + 0.1, 100) for value in values]


def test_the_two_sets_are_of_equal_size():
    rows, arms = np.arange(100, 160), [R, C, C] * 20
    sets = equal_label_sets(rows, arms, np.random.default_rng(0))
    assert sets.random.tolist() == list(range(100, 160, 3))
    assert len(sets.as_labelled) == len(set(sets.as_labelled.tolist())) == 20
    assert set(sets.as_labelled.tolist()) <= set(rows.tolist())
    assert sets.as_labelled.tolist() == sorted(sets.as_labelled.tolist())


def test_every_labelled_row_may_enter_the_mixed_set():
    drawn = [equal_label_sets([1, 2, 3], [R, C, C], np.random.default_rng(s)).as_labelled[0] for s in range(60)]
    assert set(drawn) == {1, 2, 3}


@pytest.mark.parametrize(("arms", "message"), [([C, C], "choosing cannot be judged"), ([R], "expected 2, one per row")])
def test_arms_that_do_not_allow_a_comparison_are_refused(arms, message):
    with pytest.raises(ValueError, match=message):
        equal_label_sets([1, 2], arms, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("low", "high", "payoff"),
    [
        (0.01, 0.05, Payoff.PAYS),
        (-0.05, 0.05, Payoff.NOT_SHOWN),
        (0.0, 0.05, Payoff.NOT_SHOWN),
        (-0.05, -0.01, Payoff.HURTS),
    ],
)
def test_the_interval_decides(low, high, payoff):
    assert judge((low + high) / 2, low, high, 100).payoff == payoff


def test_an_undefined_difference_shows_nothing():
    assert judge(math.nan, 0.1, 0.2, 100).payoff == Payoff.NOT_SHOWN


def test_an_interval_beside_its_difference_is_refused():
    with pytest.raises(ValueError, match=r"expected one that holds 0\.3"):
        judge(0.3, 0.1, 0.2, 100)


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ([], False),
        (differences(-0.02), False),
        (differences(-0.02, 0.01), True),
        (differences(-0.02, 0.03), False),
        (differences(0.5, -0.01, 0.01), True),
        (differences(0.0, 0.0), True),
        ([judge(-0.2, -0.3, -0.1, 100)], True),
        ([judge(-0.2, -0.3, -0.1, 100), *differences(0.4)], False),
        (differences(-0.02, math.nan), False),
        (differences(-0.02, math.nan, -0.01), True),
    ],
)
def test_when_the_loop_falls_back_to_random(tests, expected):
    assert falls_back(tests) is expected


def test_no_patience_is_refused():
    with pytest.raises(ValueError, match="patience"):
        falls_back([], 0)
