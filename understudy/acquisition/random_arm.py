"""Does choosing pay? Equal numbers of labels from both arms, and the rule that falls back to random. Trains nothing.

The loop trains one student on each of `equal_label_sets`, compares them on gold `dev` with a paired bootstrap
(`evaluation.compare`), and hands difference and interval to `judge`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from understudy.acquisition.pool import Arm, Rows, check_rows

PATIENCE = 2


class Payoff(StrEnum):
    """What one test says of choosing, at equal numbers of labels."""

    PAYS = "pays"
    NOT_SHOWN = "not shown"
    HURTS = "hurts"


@dataclass(frozen=True, slots=True)
class ArmTest:
    """One comparison: score of the student that saw the batches as they are minus the one that saw random documents.

    Attributes
    ----------
    n_labels : how many labels each of the two had.
    difference, low, high : the difference and its interval, in units of the score; nan if undefined.
    payoff : `pays` if the whole interval is above 0, `hurts` if below, else `not shown`.
    """

    n_labels: int
    difference: float
    low: float
    high: float
    payoff: Payoff


@dataclass(frozen=True, eq=False)
class EqualLabelSets:
    """Two sets of labelled rows of the same size, ascending; they may share rows."""

    as_labelled: Rows
    random: Rows


def equal_label_sets(rows: ArrayLike, arms: Sequence[Arm], rng: np.random.Generator) -> EqualLabelSets:
    """The whole random arm, and as many rows drawn uniformly from everything that was labelled.

    Parameters
    ----------
    rows : distinct labelled rows.
    arms : one per row; the seed set counts as random if it was drawn so.

    Raises
    ------
    ValueError
        If there is not one arm per row, or no row is of the random arm.
    """
    given = np.asarray(rows)
    if len(given) != len(arms):
        raise ValueError(f"arms: expected {len(given)}, one per row, found {len(arms)}.")
    drawn = given[np.array([arm == Arm.RANDOM for arm in arms], dtype=bool)]
    if len(drawn) == 0:
        raise ValueError(
            "arms: expected some rows of the random arm, found none. Without it choosing cannot be judged."
        )
    largest = int(given.max()) + 1
    mixed = rng.choice(given, size=len(drawn), replace=False)
    return EqualLabelSets(check_rows(mixed, largest, "rows"), check_rows(drawn, largest, "rows"))


def judge(difference: float, low: float, high: float, n_labels: int) -> ArmTest:
    """Read one comparison; an undefined one (any nan) shows nothing.

    Raises
    ------
    ValueError
        If the interval does not hold the difference.
    """
    if any(math.isnan(number) for number in (difference, low, high)):
        return ArmTest(n_labels, difference, low, high, Payoff.NOT_SHOWN)
    if not low <= difference <= high:
        raise ValueError(f"interval: expected one that holds {difference}, found [{low}, {high}].")
    payoff = Payoff.PAYS if low > 0 else Payoff.HURTS if high < 0 else Payoff.NOT_SHOWN
    return ArmTest(n_labels, difference, low, high, payoff)


def falls_back(tests: Sequence[ArmTest], patience: int = PATIENCE) -> bool:
    """Whether to label at random from now on: the last test hurts, or the last `patience` are on average not above 0.

    Tests that are undefined do not count towards `patience`. Deliberately not a significance test: choosing has costs
    (a biased sample), so it must look useful, and small gold sets would never prove that it is not.
    """
    if patience < 1:
        raise ValueError(f"patience: expected at least 1, found {patience}.")
    if tests and tests[-1].payoff == Payoff.HURTS:
        return True
    last = [test.difference for test in tests if not math.isnan(test.difference)][-patience:]
    return len(last) == patience and sum(last) <= 0
