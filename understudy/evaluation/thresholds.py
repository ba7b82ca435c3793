"""From which probability on a label is given, chosen on dev documents. Changes no probability.

A threshold chosen on few documents is mostly noise. It is therefore drawn towards 0.5 in proportion to how far the dev
set falls short of 20 documents on either side: with 5 positives a quarter of the way from 0.5 is kept, with none 0.5.

References
----------
Lipton, Elkan and Naryanaswamy (2014), ECML PKDD (thresholds that maximise F1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from understudy.evaluation.counts import BoolArray, FloatArray
from understudy.evaluation.metrics import Headline

NEUTRAL = 0.5
ENOUGH = 20


def best_threshold(probabilities: ArrayLike, truth: ArrayLike, headline: Headline) -> float:
    """The threshold that maximises the positive label's F1: positive is what reaches it (``probability >= threshold``).

    Parameters
    ----------
    probabilities : array of shape (n, K), in [0, 1], columns in label order.
    truth : bool array of shape (n, K).
    headline : of kind ``positive``.

    Returns
    -------
    float in [0, 1]
        Of all best thresholds the one nearest 0.5; drawn towards 0.5 where fewer than 20 documents are positive, or
        fewer than 20 are not (see the module). 0.5 without documents.

    Raises
    ------
    ValueError
        If the shapes differ, a probability is outside [0, 1] or nan, or the headline has no positive label.
    """
    if headline.positive is None:
        raise ValueError(f"headline: expected one with a positive label, found kind `{headline.kind}`.")
    stated, actual = _check(probabilities, truth)
    column = int(headline.columns(stated.shape[1])[0])
    return _threshold(stated[:, column], actual[:, column])


def label_thresholds(probabilities: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Each label's own threshold, shape (K,), for labels that do not exclude each other; as `best_threshold`."""
    stated, actual = _check(probabilities, truth)
    return np.array([_threshold(stated[:, column], actual[:, column]) for column in range(stated.shape[1])])


def prevalence_threshold(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """The threshold with which a label is given as often as it is true; use it to count, not to label single texts.

    Parameters
    ----------
    probabilities : array of shape (n,), in [0, 1].
    truth : bool array of shape (n,).

    Returns
    -------
    float in [0, 1]
        Midway between the two probabilities that it parts; ties are given the label together. 0.5 without documents.

    Examples
    --------
    >>> prevalence_threshold([0.9, 0.6, 0.2, 0.1], [True, True, True, False])
    0.15000000000000002
    """
    stated, actual = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=bool)
    if stated.ndim != 1 or stated.shape != actual.shape:
        raise ValueError(f"truth: expected shape {stated.shape} as the probabilities, found {actual.shape}.")
    if not len(stated):
        return NEUTRAL
    ordered, n = np.sort(stated)[::-1], int(actual.sum())
    upper, lower = (ordered[n - 1] if n else 1.0), (ordered[n] if n < len(ordered) else 0.0)
    return float((upper + lower) / 2)


def _threshold(probabilities: FloatArray, truth: BoolArray) -> float:
    n_fewer = min(int(truth.sum()), int((~truth).sum()))
    if n_fewer == 0:
        return NEUTRAL
    best = _maximise_f1(probabilities, truth)
    return best if n_fewer >= ENOUGH else NEUTRAL + n_fewer / ENOUGH * (best - NEUTRAL)


def _maximise_f1(probabilities: FloatArray, truth: BoolArray) -> float:
    """The best cut between two neighbouring probabilities; of equally good ones the nearest to 0.5."""
    values, place = np.unique(probabilities, return_inverse=True)
    hits = np.cumsum(np.bincount(place, weights=truth)[::-1])[::-1]
    given = np.cumsum(np.bincount(place)[::-1])[::-1]
    f1 = 2 * hits / (given + truth.sum())
    lower = np.concatenate([[0.0], values[:-1]])
    middle = (lower + values) / 2
    between = np.where(middle > lower, middle, values)
    cuts = np.where((lower < NEUTRAL) & (values >= NEUTRAL), NEUTRAL, between)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(cuts[best[np.abs(cuts[best] - NEUTRAL).argmin()]])


def _check(probabilities: ArrayLike, truth: ArrayLike) -> tuple[FloatArray, BoolArray]:
    stated, actual = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=bool)
    if stated.ndim != 2 or stated.shape != actual.shape:
        raise ValueError(f"truth: expected shape {stated.shape} as the probabilities, found {actual.shape}.")
    if not ((stated >= 0) & (stated <= 1)).all():
        raise ValueError("probabilities: expected numbers in [0, 1], found one outside or nan.")
    return stated, actual
