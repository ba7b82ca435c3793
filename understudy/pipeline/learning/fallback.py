"""When the loop gives up choosing and draws by lot: read from the tests of the rounds, so that it stays decided."""

from __future__ import annotations

import math
from collections.abc import Sequence

from understudy.acquisition import ArmTest, Payoff, falls_back
from understudy.report.data import LearningRound, PayoffTest


def fell_back_at(results: Sequence[LearningRound]) -> int | None:
    """The first round that drew (or will draw) by lot because choosing did not pay; None if none does."""
    tests: list[ArmTest] = []
    for result in results:
        if result.payoff is not None:
            tests.append(_test(result.payoff))
            if falls_back(tests):
                return result.number + 1
    return None


def _test(found: PayoffTest) -> ArmTest:
    difference, low, high = (math.nan if x is None else x for x in (found.difference, found.low, found.high))
    return ArmTest(found.n_labels, difference, low, high, Payoff(found.verdict))
