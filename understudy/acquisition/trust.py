"""After labelling: which of the teacher's labels to learn from and which documents a person should see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from understudy.acquisition.pool import Floats, Rows
from understudy.acquisition.uncertainty import Scores


@dataclass(frozen=True, eq=False)
class TrustSplit:
    """Labelled rows in three disjoint parts, each most urgent first, numbered as the arrays that were split.

    Attributes
    ----------
    human : uncertain student and distrusted teacher: nobody knows, so a person decides and training waits.
    distrusted : the student is sure enough but the teacher's label is not trusted: train with a low weight.
    trusted : train.
    """

    human: Rows
    distrusted: Rows
    trusted: Rows


def split_by_trust(
    uncertainty: ArrayLike, trust: ArrayLike, least_uncertainty: float, least_trust: float = 0.5
) -> TrustSplit:
    """Send to people what neither the student nor the teacher knows.

    Parameters
    ----------
    uncertainty : (n,), finite, the student's, on any scale.
    trust : (n,), in [0, 1], calibrated probability that the teacher is right.
    least_uncertainty : the student is uncertain from here on (``>=``).
    least_trust : the teacher is trusted from here on (``>=``).

    Returns
    -------
    TrustSplit
        `human` by falling uncertainty, the other two by rising trust; ties by position.

    Raises
    ------
    ValueError
        If the shapes differ or a number is nan, infinite or outside its range.

    References
    ----------
    Li et al. (2023), CoAnnotating, EMNLP (uncertain documents go to people).

    Examples
    --------
    >>> split = split_by_trust([0.9, 0.1, 0.8], [0.2, 0.3, 0.9], least_uncertainty=0.5)
    >>> split.human.tolist(), split.distrusted.tolist(), split.trusted.tolist()
    ([0], [1], [2])
    """
    unsure, believed = _check(uncertainty, trust)
    is_uncertain, is_trusted = unsure >= least_uncertainty, believed >= least_trust
    return TrustSplit(
        human=_ordered(~is_trusted & is_uncertain, -unsure),
        distrusted=_ordered(~is_trusted & ~is_uncertain, believed),
        trusted=_ordered(is_trusted, believed),
    )


def doubt(uncertainty: Scores, trust: Floats) -> Scores:
    """``uncertainty * (1 - trust)``: high only where neither the student nor the teacher knows."""
    return uncertainty * (1 - np.asarray(trust, dtype=np.float64))


def _ordered(mask: np.ndarray, key: Scores) -> Rows:
    rows = np.flatnonzero(mask)
    return rows[np.argsort(key[rows], kind="stable")]


def _check(uncertainty: ArrayLike, trust: ArrayLike) -> tuple[Scores, Scores]:
    unsure, believed = np.asarray(uncertainty, dtype=np.float64), np.asarray(trust, dtype=np.float64)
    if unsure.ndim != 1 or unsure.shape != believed.shape:
        raise ValueError(f"trust: expected shape {unsure.shape} as the uncertainty, found {believed.shape}.")
    if not np.isfinite(unsure).all():
        raise ValueError("uncertainty: expected finite numbers, found nan or infinity.")
    if not ((believed >= 0) & (believed <= 1)).all():
        raise ValueError("trust: expected numbers in [0, 1], found one outside or nan. Calibrate on gold dev first.")
    return unsure, believed
