"""What is known about a teacher's label without a human one, as columns from which trust is learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.records import Annotation, Document, Value
from understudy.student.logistic import Problem, fit_logistic, stratified_folds

FloatArray = NDArray[np.float64]

ESSENTIAL = (0, 1)
"""Columns for which little gold is enough: consistency and the student's opinion."""

N_NEIGHBOURS = 10
N_FOLDS = 5
STRENGTH = 1.0
"""C of the students; their probabilities are only a feature, so that it need not be tuned."""

MOST_REFERENCES = 20_000
"""Labels, drawn at random, that students and neighbours are taken from: more would cost time by its square."""

CELLS_AT_ONCE = 4_000_000
SMALLEST_PROBABILITY = 1e-3


def agreement(annotation: Annotation) -> float:
    """The consistency, in [0, 1], where an answer that nobody could read is no agreement; nan without a value.

    Of labels: the share of all answers asked for that are equal to the value. Of spans, whose vote may be equal to no
    answer: `Vote.consistency` times the share of answers that could be read.
    """
    if annotation.value is None:
        return float("nan")
    answers = annotation.answers or (annotation.value,)
    consistency = annotation.consistency
    if consistency is None:
        consistency = sum(answer == annotation.value for answer in answers) / len(answers)
    return consistency * len(answers) / max(annotation.n_asked, len(answers))


def trust_features(
    task: Task,
    documents: Sequence[Document],
    annotations: Sequence[Annotation],
    vectors: NDArray[np.floating],
    rng: np.random.Generator,
) -> FloatArray:
    """Features of labelled annotations; a row each.

    Columns: consistency, a student's probability of the value, share of the 10 nearest texts with the same value,
    stated confidence, length, share of unreadable answers, whether one was repaired, whether the text is suspicious,
    then for each label whether the value has it. Student and neighbours know the teacher's other labels only, so that
    every text stands as the texts without human labels do.

    Parameters
    ----------
    documents, annotations : n each, in one order; every annotation has a value.
    vectors : array of shape (n, d), of length 1.
    rng : draws folds, and references where there are many.

    Returns
    -------
    array of shape (n, 8 + K), nan where there is nothing to know
    """
    values = [_value(annotation) for annotation in annotations]
    encoded = task.encode(values)
    answers = [annotation.answers or (value,) for annotation, value in zip(annotations, values, strict=True)]
    is_reference = np.zeros(len(values), dtype=np.bool_)
    is_reference[rng.permutation(len(values))[:MOST_REFERENCES]] = True
    problem = Problem(
        np.asarray(vectors, dtype=np.float64), task.shares(answers), np.ones(len(values)), task.is_exclusive
    )
    return np.column_stack(
        [
            _consistency(annotations),
            _student_support(problem, encoded, is_reference, rng),
            _neighbour_support(np.asarray(vectors, dtype=np.float32), _codes(values), is_reference),
            _confidence(annotations),
            [np.log1p(len(document.text)) for document in documents],
            [1 - len(given) / max(a.n_asked, len(given)) for a, given in zip(annotations, answers, strict=True)],
            [len(a.provenance.request_keys) > a.n_asked for a in annotations],
            [bool(a.flags) for a in annotations],
            encoded,
        ]
    )


def _value(annotation: Annotation) -> Value:
    if annotation.value is None:
        raise ValueError(f"{annotation.document_id}: expected a labelled annotation, found {annotation.outcome.value}.")
    return annotation.value


def _consistency(annotations: Sequence[Annotation]) -> FloatArray:
    """Log-odds of the agreement, half an answer added on both sides: 3 of 3 answers say less than 30 of 30."""
    n = np.array([max(annotation.n_asked, 1) for annotation in annotations], dtype=np.float64)
    same = n * [agreement(annotation) for annotation in annotations]
    return np.log((same + 0.5) / (n - same + 0.5))


def _confidence(annotations: Sequence[Annotation]) -> FloatArray:
    stated = [np.nan if annotation.confidence is None else annotation.confidence for annotation in annotations]
    return _log_odds(np.array(stated, dtype=np.float64))


def _student_support(
    problem: Problem, encoded: NDArray[np.bool_], is_reference: NDArray[np.bool_], rng: np.random.Generator
) -> FloatArray:
    """Log-odds that students who did not see a text's answers give to its value."""
    folds = stratified_folds(problem.targets, N_FOLDS, rng)
    support = np.full(len(folds), np.nan)
    strength = np.full(encoded.shape[1], STRENGTH)
    for fold in np.unique(folds):
        held_out, training = folds == fold, is_reference & (folds != fold)
        if training.any():
            student = fit_logistic(problem.rows(training), strength)
            support[held_out] = _of_value(student.probabilities(problem.features[held_out]), encoded[held_out],
                                          is_exclusive=problem.is_exclusive)  # fmt: skip
    return _log_odds(support)


def _of_value(probabilities: FloatArray, encoded: NDArray[np.bool_], *, is_exclusive: bool) -> FloatArray:
    """Probability of each row's value: of its label, or of exactly its labels."""
    if is_exclusive:
        chosen: FloatArray = (probabilities * encoded).sum(axis=1)
        return chosen
    exactly: FloatArray = np.where(encoded, probabilities, 1 - probabilities).prod(axis=1)
    return exactly


def _neighbour_support(
    vectors: NDArray[np.float32], codes: NDArray[np.intp], is_reference: NDArray[np.bool_]
) -> FloatArray:
    """Share of the nearest references, the text itself aside, that have its value; nan without any."""
    references = np.flatnonzero(is_reference)
    support = np.full(len(vectors), np.nan)
    k = min(N_NEIGHBOURS, len(references) - 1)
    if k < 1:
        return support
    rows_at_once = max(1, CELLS_AT_ONCE // len(references))
    for start in range(0, len(vectors), rows_at_once):
        rows = np.arange(start, min(start + rows_at_once, len(vectors)))
        closeness = vectors[rows] @ vectors[references].T
        closeness[rows[:, None] == references[None, :]] = -np.inf
        nearest = references[np.argpartition(-closeness, k - 1, axis=1)[:, :k]]
        support[rows] = (codes[nearest] == codes[rows, None]).mean(axis=1)
    return support


def _codes(values: Sequence[Value]) -> NDArray[np.intp]:
    numbers: dict[Value, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.intp)


def _log_odds(probabilities: FloatArray) -> FloatArray:
    inside = np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    odds: FloatArray = np.log(inside / (1 - inside))
    return odds
