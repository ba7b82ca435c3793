"""Targets that say how likely each label is, from trust and repeated answers, instead of the label that was given."""

from __future__ import annotations

import numpy as np

from understudy.student.noise.labels import FloatArray, NoisyLabels, normalised

SMOOTHING = 0.05
PRIOR_ANSWERS = 1.0
"""The other labels' frequencies count as much as so many answers."""


def expected_labels(labels: NoisyLabels, smoothing: float = SMOOTHING) -> FloatArray:
    """The distribution of each example's true label as far as trust and repeated answers tell.

    ``q = trust * given + (1 - trust) * rest``, then ``(1 - smoothing) * q + smoothing / K``. Where labels exclude each
    other, `rest` spreads over the labels that were not given: by the share of repeated answers for them, joined by
    their frequency among all given labels. Where labels are independent, it is what trust leaves: each label's answer
    turned round with probability ``1 - trust``, and nothing is smoothed towards 1 / K but towards 1 / 2.

    Parameters
    ----------
    smoothing : in [0, 1), the mass spread evenly.

    Returns
    -------
    array of shape (n, K), in [0, 1]; rows add up to 1 where labels exclude each other.

    Raises
    ------
    ValueError
        If smoothing is out of range.
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing: expected a number in [0, 1), found {smoothing}.")
    trust = labels.trust[:, None]
    given = labels.given.astype(np.float64)
    rest = _others(labels) if labels.is_exclusive else 1 - given
    even = 1 / given.shape[1] if labels.is_exclusive else 0.5
    return (1 - smoothing) * (trust * given + (1 - trust) * rest) + smoothing * even


def _others(labels: NoisyLabels) -> FloatArray:
    """What it is if it is not the given label: rows add up to 1, and are 0 at the given label."""
    frequency = labels.given.mean(axis=0) + 1 / (labels.n * labels.given.shape[1])
    mass = np.where(labels.given, 0.0, labels.shares + PRIOR_ANSWERS * frequency)
    return normalised(mass, is_exclusive=True)
