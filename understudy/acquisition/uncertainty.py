"""Scores per document from probabilities: the higher, the less sure or the less agreed. Chooses nothing.

Without exclusive labels each label is a question of its own with the probabilities (p, 1 - p), and a document's score
is the mean over its labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from understudy.acquisition.pool import Floats, row_blocks

Scores = NDArray[np.float64]
Reduction = Literal["mean", "sum", "max"]


def least_confidence(probabilities: Floats, *, is_exclusive: bool = True) -> Scores:
    """``1 - max_y p(y|x)``, in [0, 1): shape (N,) from (N, K). Lewis and Gale (1994), SIGIR.

    Examples
    --------
    >>> least_confidence(np.array([[0.75, 0.25], [0.5, 0.5]])).tolist()
    [0.25, 0.5]
    """
    return _per_document(_least_confidence, probabilities, is_exclusive)


def margin(probabilities: Floats, *, is_exclusive: bool = True) -> Scores:
    """``1 - (p1 - p2)``, the two highest probabilities' gap turned round, in [0, 1]: shape (N,) from (N, K).

    One label alone has no second: 0 everywhere. Scheffer, Decomain and Wrobel (2001), IDA.

    Examples
    --------
    >>> margin(np.array([[0.75, 0.25, 0.0], [0.5, 0.5, 0.0]])).tolist()
    [0.5, 1.0]
    """
    return _per_document(_margin, probabilities, is_exclusive)


def entropy(probabilities: Floats, *, is_exclusive: bool = True) -> Scores:
    """``-sum_y p log p`` in nats, in [0, log K], with 0 log 0 = 0: shape (N,) from (N, K). Shannon (1948)."""
    return _per_document(_entropy, probabilities, is_exclusive)


def bald(draws: Floats, *, is_exclusive: bool = True) -> Scores:
    """Mutual information of label and model in nats, ``H(mean of draws) - mean of H(draws)``: (N,) from (S, N, K).

    0 where all S draws agree, however unsure they are. Houlsby et al. (2011), arXiv 1112.5745; with dropout, Gal et al.
    (2017), ICML.
    """
    scores = np.empty(draws.shape[1])
    for rows in row_blocks(draws.shape[1]):
        block = np.asarray(draws[:, rows], dtype=np.float64)
        each = np.mean([entropy(draw, is_exclusive=is_exclusive) for draw in block], axis=0)
        scores[rows] = np.maximum(entropy(block.mean(axis=0), is_exclusive=is_exclusive) - each, 0)
    return scores


def disagreement(student: Floats, teacher: Floats, *, is_exclusive: bool = True) -> Scores:
    """How far two labellers are apart, in [0, 1]: shape (N,) from two arrays (N, K).

    Exclusive labels: total variation, half the sum of ``|p - q|``; against a one-hot teacher it is one minus the
    student's probability of the teacher's label. Otherwise the mean of ``|p - q|`` over the labels.
    """
    scores = np.empty(len(student))
    for rows in row_blocks(len(student)):
        gap = np.abs(np.asarray(student[rows], dtype=np.float64) - teacher[rows])
        scores[rows] = gap.sum(axis=1) / 2 if is_exclusive else gap.mean(axis=1)
    return scores


def reduce_tokens(scores: ArrayLike, lengths: ArrayLike, how: Reduction) -> Scores:
    """Token scores as one score per document, shape (n,).

    Parameters
    ----------
    scores : (T,), finite, the tokens of all documents one after the other.
    lengths : (n,), tokens of each document, >= 1, adding up to T.
    how : `sum` favours long texts, `mean` does not, `max` looks at the least certain token alone.

    Raises
    ------
    ValueError
        If the lengths do not fit or one is 0 (a document without tokens has no uncertainty), a score is not finite, or
        `how` is none of the three.

    References
    ----------
    Zhang et al. (2023), LLMaAA, Findings of EMNLP (sum for CoNLL-03, mean elsewhere).

    Examples
    --------
    >>> reduce_tokens([0.1, 0.3, 0.5], [2, 1], "mean").tolist()
    [0.2, 0.5]
    """
    values, counts = np.asarray(scores, dtype=np.float64), np.asarray(lengths)
    if counts.ndim != 1 or (counts < 1).any() or counts.sum() != values.size:
        raise ValueError(
            f"lengths: expected numbers >= 1 that add up to {values.size} tokens, found {counts.tolist()}."
        )
    if not np.isfinite(values).all():
        raise ValueError("scores: expected finite numbers, found nan or infinity.")
    if how not in ("mean", "sum", "max"):
        raise ValueError(f"how: expected `mean`, `sum` or `max`, found `{how}`.")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp)
    reduced: Scores = (np.maximum if how == "max" else np.add).reduceat(values, starts)
    return reduced / counts if how == "mean" else reduced


def _per_document(score: Callable[[Scores], Scores], probabilities: Floats, is_exclusive: bool) -> Scores:
    """`score` maps (..., K) to (...,); blocks keep the double-precision copy small."""
    scores = np.empty(len(probabilities))
    for rows in row_blocks(len(probabilities)):
        block = np.asarray(probabilities[rows], dtype=np.float64)
        scores[rows] = score(block) if is_exclusive else score(np.stack([block, 1 - block], axis=-1)).mean(axis=1)
    return scores


def _least_confidence(p: Scores) -> Scores:
    return 1 - _as_scores(p.max(axis=-1))


def _margin(p: Scores) -> Scores:
    if p.shape[-1] < 2:
        return np.zeros(p.shape[:-1])
    top = np.partition(p, p.shape[-1] - 2, axis=-1)
    return 1 - _as_scores(top[..., -1] - top[..., -2])


def _entropy(p: Scores) -> Scores:
    return -_as_scores((p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1))


def _as_scores(values: Any) -> Scores:
    return np.asarray(values, dtype=np.float64)
