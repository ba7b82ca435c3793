"""Learn from sets of candidate labels: every answer that repeats brought stays possible (CanDist, arXiv 2506.03857)."""

from __future__ import annotations

import numpy as np

from understudy.student.noise.labels import BoolArray, FloatArray, normalised


def candidate_targets(probabilities: FloatArray, candidates: BoolArray) -> FloatArray:
    """What a student thinks, restricted to the labels that were answered at least once.

    These are the targets under which cross-entropy has the gradient of the candidate loss
    ``-log sum_{k in candidates} p_k`` (Feng et al. 2020, NeurIPS).

    Parameters
    ----------
    probabilities : shape (n, K), of labels that exclude each other; held out.
    candidates : shape (n, K), at least one True a row.

    Returns
    -------
    array of shape (n, K), rows add up to 1; even over the candidates where the student gives all of them 0.

    Raises
    ------
    ValueError
        If a row has no candidate.
    """
    if not candidates.any(axis=1).all():
        raise ValueError("candidates: a row has no candidate.")
    inside = np.where(candidates, probabilities, 0.0)
    is_empty = inside.sum(axis=1, keepdims=True) == 0
    return normalised(np.where(is_empty & candidates, 1.0, inside), is_exclusive=True)
