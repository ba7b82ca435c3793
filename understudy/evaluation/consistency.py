"""Is a teacher that repeats itself more often right? Accuracy by consistency; draws no conclusion from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from understudy.evaluation.counts import BoolArray, FloatArray
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, Interval, wilson


@dataclass(frozen=True, slots=True)
class ConsistencyLevel:
    """Documents of one consistency.

    Attributes
    ----------
    name : ``unanimous``, ``split``, ``unanswered``, or the consistency with two decimals.
    n : documents; their shares are relative to all documents given.
    accuracy : share of them answered rightly; nan without documents.
    interval : Wilson's, of the accuracy.
    """

    name: str
    n: int
    accuracy: float
    interval: Interval

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        accuracy = finite_or_none(self.accuracy)
        return {"name": self.name, "n": self.n, "accuracy": accuracy, "interval": self.interval.to_json()}


@dataclass(frozen=True, slots=True)
class ConsistencyTable:
    """Accuracy by consistency; unanimous, split and unanswered add up to all documents, and so does by_value."""

    unanimous: ConsistencyLevel
    split: ConsistencyLevel
    unanswered: ConsistencyLevel
    by_value: tuple[ConsistencyLevel, ...]

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "unanimous": self.unanimous.to_json(),
            "split": self.split.to_json(),
            "unanswered": self.unanswered.to_json(),
            "by_value": [level.to_json() for level in self.by_value],
        }


def accuracy_by_consistency(consistency: ArrayLike, correct: ArrayLike, level: float = LEVEL) -> ConsistencyTable:
    """How often the teacher is right where its repeated answers agree and where they do not.

    Parameters
    ----------
    consistency : array of shape (n,), in (0, 1], nan where no answer could be read.
        Share of a document's answers equal to the one that counts. With unreadable answers in the denominator,
        unanimous means that all were read and agree.
    correct : array of shape (n,), 0 or 1.

    Returns
    -------
    ConsistencyTable
        `by_value` has a row per distinct consistency, highest first, values equal to 1e-6 taken as one, and a last row
        for unanswered documents if there are any.

    Raises
    ------
    ValueError
        If lengths differ or a consistency is outside (0, 1].
    """
    shares, right = np.asarray(consistency, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if shares.ndim != 1 or shares.shape != right.shape:
        raise ValueError(f"correct: expected one number per consistency, {shares.shape}, found shape {right.shape}.")
    shares = np.round(shares, 6)
    none = np.isnan(shares)
    if not ((shares[~none] > 0) & (shares[~none] <= 1)).all():
        raise ValueError("consistency: expected shares in (0, 1] or nan for no answer, found one outside.")
    unanswered = _level("unanswered", right, none, level)
    values = tuple(_level(f"{v:.2f}", right, shares == v, level) for v in np.unique(shares[~none])[::-1])
    return ConsistencyTable(
        unanimous=_level("unanimous", right, shares == 1, level),
        split=_level("split", right, shares < 1, level),
        unanswered=unanswered,
        by_value=(*values, unanswered) if unanswered.n else values,
    )


def _level(name: str, correct: FloatArray, rows: BoolArray, level: float) -> ConsistencyLevel:
    chosen = correct[rows]
    accuracy = float(chosen.mean()) if chosen.size else math.nan
    return ConsistencyLevel(name, len(chosen), accuracy, wilson(float(chosen.sum()), len(chosen), level))
