"""How good a student can get: the teacher's error split into what averages out over similar texts and the rest.

Where the teacher's most frequent label among similar texts is right, its slips there are random and a consistent
student is right; where that label is wrong, no number of teacher labels helps. So the student's error is at least the
systematic part, and it can beat its teacher by at most the random part.

References
----------
Follows from the Bayes classifier under instance-dependent noise: Frenay and Verleysen (2014), IEEE TNNLS 25; nearest
neighbours as its estimate: Cover and Hart (1967), IEEE Transactions on Information Theory 13.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from understudy.evaluation.counts import FloatArray
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, N_RESAMPLES, Interval, percentile_interval

N_NEIGHBOURS = 15
ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class StudentLimit:
    """The teacher's error, split; all shares of gold documents.

    Attributes
    ----------
    teacher_error : documents that the teacher labels wrongly.
    systematic : documents where the vote of the teacher's labels is wrong: the least error a student can reach.
    random : teacher_error minus systematic: at most so much a student can be better than its teacher; below 0 where
        similar texts have different labels and the vote itself errs, so that the estimate of `systematic` is too high.
    achieved : documents that the student labels wrongly; nan without one.
    gain_interval : of `random`, bootstrap over documents.
    n : gold documents.
    """

    teacher_error: float
    systematic: float
    random: float
    achieved: float
    gain_interval: Interval
    n: int

    @property
    def can_beat_teacher(self) -> bool:
        """Whether more error averages out than chance explains."""
        return self.gain_interval.is_defined and self.gain_interval.low > 0

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "teacher_error": finite_or_none(self.teacher_error),
            "systematic": finite_or_none(self.systematic),
            "random": finite_or_none(self.random),
            "achieved": finite_or_none(self.achieved),
            "random_interval": self.gain_interval.to_json(),
            "n": self.n,
        }


def student_limit(
    truth: ArrayLike,
    teacher: ArrayLike,
    voted: ArrayLike,
    rng: np.random.Generator,
    *,
    student: ArrayLike | None = None,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
) -> StudentLimit:
    """Split the teacher's error on gold documents.

    Parameters
    ----------
    truth, teacher : codes of shape (n,), n >= 1: human and teacher labels.
    voted : codes of shape (n,): the vote of teacher labels around each document, its own label left out, as of
        `neighbour_vote`, or of a student trained on teacher labels of other documents.
    student : codes of shape (n,), of the student whose achieved error stands beside.

    Raises
    ------
    ValueError
        If shapes differ or there is no document.

    Examples
    --------
    >>> import numpy as np
    >>> found = student_limit([1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0], np.random.default_rng(0))
    >>> found.teacher_error, found.systematic, found.random
    (0.5, 0.25, 0.25)
    """
    actual = np.asarray(truth)
    wrong = [np.asarray(labels) != actual for labels in (teacher, voted, truth if student is None else student)]
    if actual.ndim != 1 or not len(actual) or any(row.shape != actual.shape for row in wrong):
        raise ValueError(f"truth: expected n >= 1 codes and as many of teacher and vote, found shape {actual.shape}.")
    gain = wrong[0].astype(np.float64) - wrong[1]
    draws = rng.integers(len(gain), size=(n_resamples, len(gain)))
    return StudentLimit(
        teacher_error=float(wrong[0].mean()),
        systematic=float(wrong[1].mean()),
        random=float(gain.mean()),
        achieved=float(wrong[2].mean()) if student is not None else float("nan"),
        gain_interval=percentile_interval(gain[draws].mean(axis=1), "bootstrap", level),
        n=len(gain),
    )


def neighbour_vote(
    vectors: ArrayLike,
    codes: ArrayLike,
    around: ArrayLike,
    n_labels: int,
    k: int = N_NEIGHBOURS,
    *,
    texts: Sequence[str] = (),
    texts_around: Sequence[str] = (),
) -> NDArray[np.intp]:
    """The most frequent teacher label among the k most similar documents, each weighted by its similarity.

    Parameters
    ----------
    vectors : unit vectors of shape (m, d) of documents with a teacher label.
    codes : their labels, shape (m,), in 0..n_labels - 1.
    around : shape (n, d): the documents to vote for.
    k : at most m - 1.
    texts, texts_around : m and n texts; a document has no vote on its own text, however often the text is there. Other
        texts vote, also those of the same vector. Without texts every document votes.

    Returns
    -------
    array of shape (n,)
        A tie goes to the first label.

    Raises
    ------
    ValueError
        If `k` is out of range, or texts are not as many as vectors.
    """
    known, labels = np.asarray(vectors, dtype=np.float64), np.asarray(codes, dtype=np.intp)
    wanted = np.asarray(around, dtype=np.float64)
    if not 1 <= k < len(known):
        raise ValueError(f"k: expected 1 to {len(known) - 1} of {len(known)} documents, found {k}.")
    own = _same_texts(texts, texts_around, len(known), len(wanted))
    votes = [block.argmax(axis=1) for block in _votes(known, np.eye(n_labels)[labels], wanted, own, k)]
    return np.concatenate(votes) if votes else np.empty(0, dtype=np.intp)


def _same_texts(texts: Sequence[str], around: Sequence[str], n_known: int, n_around: int) -> list[list[int]]:
    """For each document to vote for, the known ones of the same text."""
    if not texts and not around:
        return [[] for _ in range(n_around)]
    if (len(texts), len(around)) != (n_known, n_around):
        raise ValueError(f"texts: expected {n_known} and {n_around} texts, found {len(texts)} and {len(around)}.")
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(text, []).append(place)
    return [places.get(text, []) for text in around]


def _votes(
    known: FloatArray, indicator: FloatArray, around: FloatArray, own: Sequence[Sequence[int]], k: int
) -> Iterator[FloatArray]:
    for start in range(0, len(around), ROWS_AT_ONCE):
        similarity = around[start : start + ROWS_AT_ONCE] @ known.T
        for row, places in enumerate(own[start : start + ROWS_AT_ONCE]):
            similarity[row, places] = -np.inf
        nearest = np.argpartition(-similarity, k, axis=1)[:, :k]
        weights = np.clip(np.take_along_axis(similarity, nearest, axis=1), 0.0, None)
        yield np.einsum("nk,nkl->nl", weights, indicator[nearest])
