"""How much each of several students should have to say in a joint answer, from what they said about the same texts.

The joint answer is the weighted mean of their probabilities (a linear opinion pool). Trains nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PRIOR_TEXTS = 10.0
"""Texts that speak for all alike before the first one is seen, so that few texts give nobody all the weight."""

SMALLEST = 1e-15
MAX_ITERATIONS = 10_000
TOLERANCE = 1e-7
"""Largest change of a share in the last step."""


def blend_shares(opinions: FloatArray, targets: FloatArray, weights: FloatArray, *, is_exclusive: bool) -> FloatArray:
    """The shares of the mean with the smallest log-loss on texts that no student learned from.

    Parameters
    ----------
    opinions : shape (m, n, K), in [0, 1]; what each of m >= 1 students said about n texts.
    targets : shape (n, K), in [0, 1].
    weights : shape (n,), >= 0; in texts: a weight of 1 counts as one of them.
    is_exclusive : whether rows of targets and opinions sum to 1.

    Returns
    -------
    array of shape (m,)
        In [0, 1], sum 1; all alike where no text counts.

    Raises
    ------
    ValueError
        If shapes or ranges are not as above.

    Notes
    -----
    The loss is convex in the shares; expectation maximisation takes it down from equal shares, in which every student
    starts with ``PRIOR_TEXTS / m`` texts.

    References
    ----------
    Wolpert (1992), Neural Networks 5 (stacking). Dempster, Laird and Rubin (1977), JRSS B 39 (EM for mixtures).
    """
    if opinions.ndim != 3 or opinions.shape[1:] != targets.shape or weights.shape != targets.shape[:1]:
        raise ValueError(f"opinions {opinions.shape}, targets {targets.shape} and weights {weights.shape} do not fit")
    if not all(np.all((given >= 0) & (given <= 1 + 1e-6)) for given in (opinions, targets)):
        raise ValueError("opinions and targets must lie in [0, 1], without nan")
    if not np.all((weights >= 0) & np.isfinite(weights)):
        raise ValueError("weights must be finite and at least 0")
    return _shares(*_events(opinions, targets, weights, is_exclusive=is_exclusive))


def blended(opinions: FloatArray, shares: FloatArray) -> FloatArray:
    """The joint answer, shape (n, K), of opinions of shape (m, n, K) and shares of shape (m,)."""
    return np.asarray(np.einsum("m,mnk->nk", shares, opinions), dtype=np.float64)


def _events(
    opinions: FloatArray, targets: FloatArray, weights: FloatArray, *, is_exclusive: bool
) -> tuple[FloatArray, FloatArray]:
    """What happened, each with its probability by student, shape (m, events), and its weight, shape (events,).

    That a label holds is an event; where labels are independent, that it does not hold is one too. Those of one label
    of a text weigh as much as the text, so that K labels do not count as K texts.
    """
    m, n, n_labels = opinions.shape
    likelihoods, times = opinions.reshape(m, -1), targets * weights[:, None]
    if is_exclusive:
        return likelihoods, times.ravel()
    times = np.stack([times, (1 - targets) * weights[:, None]]) / max(n_labels, 1)
    return np.concatenate([likelihoods, 1 - likelihoods], axis=1), times.reshape(2 * n * n_labels)


def _shares(likelihoods: FloatArray, times: FloatArray) -> FloatArray:
    m = len(likelihoods)
    seen = times > 0
    likelihoods, times = np.maximum(likelihoods[:, seen], SMALLEST), times[seen]
    shares = np.full(m, 1 / m)
    for _ in range(MAX_ITERATIONS):
        credit = shares * (likelihoods @ (times / (shares @ likelihoods))) + PRIOR_TEXTS / m
        before, shares = shares, credit / credit.sum()
        if np.abs(shares - before).max() < TOLERANCE:
            break
    return shares
