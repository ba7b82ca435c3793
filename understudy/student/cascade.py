"""An encoder student that answers in int8, and again in single precision where int8 is not sure.

Does not choose what is sure: `bound` comes from whoever has compared both on texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from understudy.codebook import Task
from understudy.records import Document, Value
from understudy.student.base import Labelled
from understudy.student.encoder import EncoderStudent
from understudy.student.exported import Exported, export

FloatArray = NDArray[np.float64]

UNDECIDED = 0.5
SMALLEST = 1e-12
"""Probabilities nearer to 0 or 1 count as this far away: both are sure."""


class CascadeStudent:
    """A fitted encoder student in int8 whose close decisions are made again in single precision.

    Parameters
    ----------
    student : fitted; it is left as it is.
    bound : margin in log-odds, >= 0, up to which int8 does not decide: `margins` says it for each text.
    n_threads : each computes batches of its own; 0 for as many as torch uses.

    Raises
    ------
    UserError
        If the extra `onnx` is not installed, or the architecture cannot be exported.
    """

    def __init__(self, student: EncoderStudent, bound: float, *, n_threads: int = 0) -> None:
        learner = student.learner_
        graph = export(learner.network)
        self.bound = bound
        self.quick = student.scored_by(Exported(learner, is_quantised=True, n_threads=n_threads, graph=graph))
        self.exact = student.scored_by(Exported(learner, n_threads=n_threads, graph=graph))
        self._student = student

    @property
    def task(self) -> Task:
        """What it labels."""
        return self._student.task

    def predict_proba(self, documents: Sequence[Document]) -> FloatArray:
        """Probabilities of shape (n, K), columns in codebook order."""
        found = self.quick.predict_proba(documents)
        close = np.flatnonzero(margins(self.task, found, self._student.thresholds_) <= self.bound)
        if len(close):
            found[close] = self.exact.predict_proba([documents[row] for row in close.tolist()])
        return found

    def label(self, documents: Sequence[Document]) -> Labelled:
        """Values and probabilities at the price of one."""
        probabilities = self.predict_proba(documents)
        return Labelled(self.decode(probabilities), probabilities)

    def decode(self, probabilities: FloatArray) -> list[Value]:
        """Values from probabilities, decided with the student's thresholds."""
        return self._student.decode(probabilities)


def margins(task: Task, probabilities: FloatArray, thresholds: FloatArray) -> FloatArray:
    """How far each text is from another value: the smallest change of one log-odds that decides otherwise.

    Between the two most probable labels where the most probable is taken, it is the difference of their logarithms.

    Parameters
    ----------
    probabilities : shape (n, K), in [0, 1], columns in codebook order.
    thresholds : shape (K,), nan where a label has none of its own.

    Returns
    -------
    shape (n,), >= 0.
    """
    inside = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    own = np.clip(thresholds, SMALLEST, 1 - SMALLEST)
    if not task.is_exclusive:
        return np.asarray(np.abs(logit(inside) - logit(np.where(np.isnan(own), UNDECIDED, own))).min(axis=1))
    if task.positive is not None and not np.isnan(own[task.positive]):
        return np.asarray(np.abs(logit(inside[:, task.positive]) - logit(own[task.positive])))
    ranked = np.sort(np.log(inside), axis=1)
    return np.asarray(ranked[:, -1] - ranked[:, -2])
