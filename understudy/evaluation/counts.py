"""Per-document counts of right and wrong answers, the one thing every kind of task is judged from.

Knows no metric: what is made of the counts stands in `metrics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Totals:
    """Counts added up over documents; any leading axes are resamples.

    Attributes
    ----------
    tp, fp, fn : arrays of shape (..., K), each >= 0; columns in label order.
    correct : array of shape (...), documents answered exactly right.
    n : array of shape (...), documents.
    """

    tp: FloatArray
    fp: FloatArray
    fn: FloatArray
    correct: FloatArray
    n: FloatArray


@dataclass(frozen=True, eq=False)
class Counts:
    """What one labeller got right and wrong, a row per document.

    Attributes
    ----------
    tp, fp, fn : arrays of shape (n, K), each >= 0 and finite; columns in label order. Fractional after `mean`.
    correct : array of shape (n,), in [0, 1]: whether the whole answer is exactly right.

    Raises
    ------
    ValueError
        If the shapes do not fit together or a number is negative or not finite.
    """

    tp: FloatArray
    fp: FloatArray
    fn: FloatArray
    correct: FloatArray

    def __post_init__(self) -> None:
        _check_counts(self)

    @property
    def n(self) -> int:
        """Number of documents."""
        return len(self.correct)

    @property
    def n_labels(self) -> int:
        """Number of labels, K."""
        return int(self.tp.shape[1])

    def total(self, weights: ArrayLike | None = None) -> Totals:
        """Sums over documents.

        Parameters
        ----------
        weights : array of shape (n,) or (n_resamples, n), each >= 0
            How often each document counts; once each if None.
        """
        w = np.ones(self.n) if weights is None else np.asarray(weights, dtype=np.float64)
        return Totals(w @ self.tp, w @ self.fp, w @ self.fn, w @ self.correct, w.sum(axis=-1))

    def take(self, indices: ArrayLike) -> Counts:
        """The chosen documents: positions relative to these counts, or a mask of shape (n,)."""
        rows = np.asarray(indices)
        if rows.size == 0:
            rows = rows.astype(np.intp)
        return Counts(self.tp[rows], self.fp[rows], self.fn[rows], self.correct[rows])

    @staticmethod
    def mean(runs: Sequence[Counts]) -> Counts:
        """Average over runs (seeds) on the same documents.

        Raises
        ------
        ValueError
            If there is no run, or the runs differ in documents or labels.
        """
        shapes = {run.tp.shape for run in runs}
        if len(shapes) != 1:
            raise ValueError(f"runs: expected counts of one shape, found {sorted(shapes) or 'no run'}.")
        return Counts(
            np.mean([run.tp for run in runs], axis=0),
            np.mean([run.fp for run in runs], axis=0),
            np.mean([run.fn for run in runs], axis=0),
            np.mean([run.correct for run in runs], axis=0),
        )


def count(truth: ArrayLike, predicted: ArrayLike, answered: ArrayLike | None = None) -> Counts:
    """Compare answers with the truth, document by document.

    Parameters
    ----------
    truth, predicted : bool arrays of shape (n, K)
        Indicator rows in label order; one True per row where labels exclude each other.
    answered : bool array of shape (n,), optional
        False where no answer came. Such a document is a false negative of its true labels, never a prediction and
        never correct, even where the truth is the empty set. Without `answered`, an all-False row is an answer:
        wrong where labels exclude each other, the empty set otherwise.

    Raises
    ------
    ValueError
        If the shapes differ or are not two-dimensional.

    Examples
    --------
    >>> count([[1, 0], [0, 1]], [[1, 0], [0, 0]]).total().fn  # the second document has no answer
    array([0., 1.])
    """
    actual, answer = _indicators(truth, "truth"), _indicators(predicted, "predicted")
    if actual.shape != answer.shape:
        raise ValueError(f"predicted: expected the shape of truth, {actual.shape}, found {answer.shape}.")
    has_answer = np.ones(len(actual), dtype=bool) if answered is None else np.asarray(answered, dtype=bool)
    if has_answer.shape != (len(actual),):
        raise ValueError(f"answered: expected shape ({len(actual)},), found {has_answer.shape}.")
    return _count(actual, answer & has_answer[:, None], has_answer)


def _count(truth: BoolArray, predicted: BoolArray, answered: BoolArray) -> Counts:
    return Counts(
        (truth & predicted).astype(np.float64),
        (~truth & predicted).astype(np.float64),
        (truth & ~predicted).astype(np.float64),
        ((truth == predicted).all(axis=1) & answered).astype(np.float64),
    )


def _indicators(rows: ArrayLike, name: str) -> BoolArray:
    indicators = np.asarray(rows, dtype=bool)
    if indicators.ndim != 2 or indicators.shape[1] == 0:
        raise ValueError(f"{name}: expected an indicator matrix of shape (n, K), found shape {indicators.shape}.")
    return indicators


def _check_counts(counts: Counts) -> None:
    if counts.tp.ndim != 2 or not counts.tp.shape == counts.fp.shape == counts.fn.shape:
        found = f"{counts.tp.shape}, {counts.fp.shape}, {counts.fn.shape}"
        raise ValueError(f"counts: expected tp, fp and fn of one shape (n, K), found {found}.")
    if counts.correct.shape != counts.tp.shape[:1]:
        raise ValueError(f"counts: expected correct of shape {counts.tp.shape[:1]}, found {counts.correct.shape}.")
    for name, values in (("tp", counts.tp), ("fp", counts.fp), ("fn", counts.fn), ("correct", counts.correct)):
        if not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(f"counts: expected {name} finite and >= 0, found a negative, nan or infinite number.")
