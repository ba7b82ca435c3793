"""How many gold documents a statement needs, before anyone labels them. Looks at no data.

References
----------
Delta method for F1 with precision about equal to recall: SE(F) = sqrt((2 - F) F (1 - F) / (2 n pi)); Clopper and
Pearson (1934), Biometrika 26.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from understudy.evaluation.intervals import LEVEL, z_value

POWER = 0.8
MOST_DOCUMENTS = 100_000
"""More gold than this is no plan: the answer is None."""


def f1_half_width(f1: float, prevalence: float, n: int, level: float = LEVEL) -> float:
    """Half-width of the interval of one label's F1 to expect from n random documents.

    Parameters
    ----------
    f1 : expected F1, in (0, 1); precision and recall about equal.
    prevalence : share of documents that have the label, in (0, 1].
    n : >= 1.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> round(f1_half_width(0.8, 0.2, 250), 3)
    0.086
    """
    _check_expectation(f1, prevalence)
    if n < 1:
        raise ValueError(f"n: expected at least 1 document, found {n}.")
    return z_value(level) * math.sqrt((2 - f1) * f1 * (1 - f1) / (2 * n * prevalence))


def documents_for_half_width(f1: float, prevalence: float, half_width: float, level: float = LEVEL) -> int:
    """The number of random documents after which `f1_half_width` is at most `half_width` (> 0); errors as there.

    Examples
    --------
    >>> documents_for_half_width(0.8, 0.3, 0.039)
    809
    """
    _check_expectation(f1, prevalence)
    if not half_width > 0:
        raise ValueError(f"half_width: expected a number > 0, found {half_width}.")
    return math.ceil((f1_half_width(f1, prevalence, 1, level) / half_width) ** 2)


def paired_half_width(f1: float, prevalence: float, n: int, shared: float, level: float = LEVEL) -> float:
    """Half-width to expect for the difference in F1 of two labellers on the same n documents.

    ``sqrt(2 (1 - shared))`` times the half-width of one, `shared` being the correlation of their mistakes, in [0, 1]:
    the share of decisions they have in common.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    if not 0 <= shared <= 1:
        raise ValueError(f"shared: expected a share in [0, 1], found {shared}.")
    return math.sqrt(2 * (1 - shared)) * f1_half_width(f1, prevalence, n, level)


def documents_to_decide(
    n: int, half_width: float, distance: float, *, seed_variance: float = 0.0, level: float = LEVEL
) -> int | None:
    """How many documents, in all, would probably put an interval on one side of a bar.

    A half-width shrinks as 1 / sqrt(n). If the truth is where the estimate is, the interval of that many documents
    excludes the bar with 80 % probability.

    Parameters
    ----------
    n : documents behind the interval, >= 1.
    half_width : its sampling half-width, >= 0, without the spread of seeds.
    distance : from the estimate to the bar, any sign.
    seed_variance : of the estimate because there are few seeds; more documents do not lessen it.

    Returns
    -------
    int or None
        At least n + 1. None if no number below 100,000 decides: the estimate is at the bar, or the seeds scatter so
        much that only more seeds would help.
    """
    z = z_value(level)
    needed = (distance / (z + float(stats.norm.ppf(POWER)))) ** 2 - seed_variance
    if not needed > 0:
        return None
    documents = n * (half_width / z) ** 2 / needed
    return max(n + 1, math.ceil(documents)) if documents <= MOST_DOCUMENTS else None


def documents_to_certify(accuracy: float, threshold: float, *, level: float = LEVEL, power: float = POWER) -> int:
    """How many random documents certify that accuracy is at least `threshold`.

    The smallest n at which the one-sided exact (Clopper-Pearson) lower bound reaches the threshold with probability
    `power`, if the true accuracy is `accuracy`. That probability is a saw-tooth in n: a few documents more may have
    slightly less.

    Parameters
    ----------
    accuracy : the true accuracy, in (threshold, 1].
    threshold : in (0, 1).

    Raises
    ------
    ValueError
        If accuracy is not above the threshold, or they are so close that no number below 100,000 is enough.

    Examples
    --------
    >>> documents_to_certify(1.0, 0.95)  # no error among them: 0.95**59 <= 0.05
    59
    """
    if not 0 < threshold < accuracy <= 1:
        raise ValueError(f"accuracy: expected 0 < threshold < accuracy <= 1, found {accuracy} and {threshold}.")
    start = 1
    while start < MOST_DOCUMENTS:
        sizes = np.arange(start, 2 * start)
        enough = np.flatnonzero(_power_to_certify(sizes, accuracy, threshold, level) >= power)
        if enough.size:
            return int(sizes[enough[0]])
        start *= 2
    raise ValueError(f"accuracy: {accuracy} is too close to {threshold}; 100,000 documents would not certify it.")


def _power_to_certify(n: NDArray[np.intp], accuracy: float, threshold: float, level: float) -> NDArray[np.float64]:
    """Probability of at least the fewest right answers that are improbable (1 - level) under the threshold."""
    fewest = stats.binom.ppf(level, n, threshold) + 1
    return np.asarray(stats.binom.sf(fewest - 1, n, accuracy))


def _check_expectation(f1: float, prevalence: float) -> None:
    if not 0 < f1 < 1:
        raise ValueError(f"f1: expected a number in (0, 1), found {f1}.")
    if not 0 < prevalence <= 1:
        raise ValueError(f"prevalence: expected a share in (0, 1], found {prevalence}.")
