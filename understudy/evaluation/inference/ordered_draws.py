"""The mean of a pool from texts drawn by lot round after round, while others were chosen in between.

Says nothing about whether the labels are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation.inference.estimate import Estimate, normal_interval


@dataclass(frozen=True, eq=False)
class Draw:
    """One round.

    Attributes
    ----------
    known : sum of the values of everything labelled before.
    n_left : documents of the pool that were left, of which the round drew.
    values : shape (n,), those of the documents drawn uniformly without replacement from the ones left.
    """

    known: float
    n_left: int
    values: NDArray[np.float64]


def ordered_mean(draws: Sequence[Draw], n_pool: int) -> Estimate:
    """The pool's mean value, whatever was chosen between the draws.

    Each round estimates the total by ``known + n_left * mean(values)``, without bias given all that came before. The
    rounds are averaged with weights in proportion to their sizes, which were fixed before; their errors are
    uncorrelated, so that the variance is the weighted sum of ``n_left**2 (1 - n / n_left) s**2 / n``. Rounds that drew
    nothing count for nothing; nan without 2 documents.

    Parameters
    ----------
    n_pool : documents in the pool, >= 1.

    References
    ----------
    Des Raj (1956), JASA 51; for active learning Farquhar, Gal and Rainforth (2021), ICLR.

    Examples
    --------
    >>> ordered_mean([Draw(0.0, 10, np.array([1.0, 0.0])), Draw(4.0, 4, np.array([1.0, 0.0]))], 10).value
    0.55
    """
    used = [draw for draw in draws if len(draw.values)]
    n = sum(len(draw.values) for draw in used)
    if n < 2:
        nothing = normal_interval(np.nan, np.nan, "ordered draws", 2)
        return Estimate("mean", np.nan, np.nan, nothing, 0, n)
    weights = np.array([len(draw.values) for draw in used]) / n
    totals = np.array([draw.known + draw.n_left * draw.values.mean() for draw in used])
    value = float(weights @ totals) / n_pool
    error = float(np.sqrt(weights**2 @ _variances(used))) / n_pool
    return Estimate("mean", value, error, normal_interval(value, error, "ordered draws", n), 0, n)


def _variances(draws: Sequence[Draw]) -> NDArray[np.float64]:
    """Of each round's total; rounds of one document borrow the spread of all."""
    spread = float(np.var(np.concatenate([draw.values for draw in draws]), ddof=1))
    within = [float(np.var(draw.values, ddof=1)) if len(draw.values) > 1 else spread for draw in draws]
    sizes = np.array([len(draw.values) for draw in draws])
    left = np.array([draw.n_left for draw in draws])
    return np.asarray(left**2 * (1 - sizes / left) * np.array(within) / sizes, dtype=np.float64)
