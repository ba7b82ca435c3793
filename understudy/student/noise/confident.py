"""Confident learning: labels that held-out students confidently contradict are left out or count less.

cleanlab finds them; the extra `noise` brings it.

References
----------
Northcutt, Jiang and Chuang (2021), Journal of Artificial Intelligence Research 70.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.errors import UserError
from understudy.student.noise.labels import BoolArray, FloatArray

REDUCED = 0.2


def doubtful(given: BoolArray, probabilities: FloatArray) -> BoolArray:
    """Labels that are probably wrong: for each pair of labels as many as the confident joint counts.

    Parameters
    ----------
    given : shape (n, K), one True a row.
    probabilities : shape (n, K), held out: from students that did not see the row's label.

    Returns
    -------
    bool array of shape (n,); all False where fewer than two labels were given.

    Raises
    ------
    UserError
        If cleanlab is not installed.
    ValueError
        If labels do not exclude each other.
    """
    if not np.all(given.sum(axis=1) == 1):
        raise ValueError("given: confident learning needs exactly one label a row.")
    present = np.flatnonzero(given.any(axis=0))
    if len(present) < 2:
        return np.zeros(len(given), dtype=np.bool_)
    among = probabilities[:, present]
    total = among.sum(axis=1, keepdims=True)
    among = np.where(total > 0, among / np.where(total > 0, total, 1), 1 / len(present))
    found = _cleanlab().find_label_issues(given[:, present].argmax(axis=1), among, filter_by="prune_by_noise_rate",
                                          n_jobs=1)  # fmt: skip
    return np.asarray(found, dtype=np.bool_)


def doubt_weights(is_doubtful: BoolArray, doubtful_weight: float) -> FloatArray:
    """`doubtful_weight` for doubtful labels, 1 for the others; 0 leaves the doubtful out. Shape (n,)."""
    return np.where(is_doubtful, doubtful_weight, 1.0)


def _cleanlab() -> Any:
    try:
        from cleanlab import filter as cleanlab_filter
    except ImportError as exc:
        raise UserError(
            "the noise recipes of confident learning need cleanlab.", 'Install it: pip install "understudy[noise]"'
        ) from exc
    return cleanlab_filter
