"""Leave out of what is learned the words of spans that are probably wrong (the idea of DynClean, arXiv 2504.04616)."""

from __future__ import annotations

import numpy as np

from understudy.student.noise.labels import FloatArray

LEAST_TRUST = 0.5


def certain_spans(trust: FloatArray, least: float = LEAST_TRUST) -> FloatArray:
    """1 for spans whose trust reaches `least`, nan for the others: nothing is learned at their words; shape (s,).

    Raises
    ------
    ValueError
        If `least` is not in [0, 1].

    Examples
    --------
    >>> certain_spans(np.array([0.4, 0.5]))
    array([nan,  1.])
    """
    if not 0 <= least <= 1:
        raise ValueError(f"least: expected a number in [0, 1], found {least}.")
    return np.where(trust >= least, 1.0, np.nan)
