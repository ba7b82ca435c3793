"""What every student is: an estimator over documents that follows scikit-learn's conventions.

Checks what comes in and goes out, so that a student only learns and predicts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from understudy.codebook import Task
from understudy.embedding import Encoder
from understudy.errors import UserError
from understudy.records import Document, Span, Value
from understudy.settings import EmbeddingSettings, StudentSettings
from understudy.student.folder import StudentFile, StudentFiles, write_folder
from understudy.student.temperature import temper

if TYPE_CHECKING:
    from understudy.student.reweighting import Distrust

FloatArray = NDArray[np.float64]
Answers = Sequence[Sequence[Value]]
"""What was said about each document; nothing where nobody knows."""

Uncertain = Sequence[Sequence[Span]]
"""Stretches of each document of which nobody knows what they are."""

SUM_TOLERANCE = 1e-6


class Examples(NamedTuple):
    """Checked training examples.

    Attributes
    ----------
    documents : n of them.
    targets : shape (n, K), columns in codebook order, in [0, 1]; rows sum to 1 where labels exclude each other.
    weights : shape (n,), >= 0, mean 1.
    answers : n sequences of values.
    uncertain : n sequences of spans.
    """

    documents: Sequence[Document]
    targets: FloatArray
    weights: FloatArray
    answers: Answers
    uncertain: Uncertain


class Labelled(NamedTuple):
    """What a student says about n documents.

    Attributes
    ----------
    values : n of them, decided with its thresholds.
    probabilities : shape (n, K), that the label holds; of spans, that the text has one of that label.
    """

    values: list[Value]
    probabilities: FloatArray


class Step(NamedTuple):
    """How far training is.

    Attributes
    ----------
    done, total : texts embedded or optimiser steps taken, of at most so many.
    epoch : 1-based pass over the training texts; 0 where there are none.
    loss : of the step; nan where there is none.
    """

    done: int
    total: int
    epoch: int = 0
    loss: float = float("nan")


Report = Callable[[Step], None]


class Student(BaseEstimator, ABC):  # type: ignore[misc]
    """A small model that learns a task.

    ``__init__`` stores its parameters, ``fit`` learns; learned attributes end in ``_``.

    Attributes
    ----------
    kind : the name under which the project file chooses it.
    task : the Task that is learned; its `labels` are the columns of every array.
    thresholds_ : shape (K,), nan where a label has no threshold of its own.
    temperature_ : that logits are divided by; 1 as learned.
    remarks_ : what a person should know about the training, such as labels without an example.
    """

    kind: ClassVar[str]
    task: Task
    thresholds_: FloatArray
    temperature_: float = 1.0
    remarks_: tuple[str, ...]
    _workspace: Path | None

    def fit(
        self,
        documents: Sequence[Document],
        targets: FloatArray,
        sample_weight: FloatArray | None = None,
        dev: tuple[Sequence[Document], FloatArray] | None = None,
        on_progress: Report | None = None,
        workspace: Path | None = None,
        answers: Answers | None = None,
        uncertain: Uncertain | None = None,
    ) -> Self:
        """Learn from documents and soft targets; students of spans learn from the answers instead.

        Parameters
        ----------
        documents : n >= 1 texts.
        targets : shape (n, K), columns in codebook order, in [0, 1]; each row sums to 1 in a classification. A label
            without an example keeps its column, with probability 0.
        sample_weight : shape (n,), >= 0, only ratios matter; None weighs all the same.
        dev : further documents and targets for early stopping; students that do not stop early ignore it.
        on_progress : called after every batch.
        workspace : folder of this training alone, in which a killed one is gone on with; remove it once the student is
            saved. Students that learn in seconds do not use it.
        answers : what was said about each document, several values where it was said repeatedly; a document without
            any counts for nothing. None takes the documents' own values, as for `dev`. Only students of spans read it,
            and of `targets` they take the labels present and no more.
        uncertain : stretches of each document at whose words a student of spans learns nothing, whatever the answers
            say there; their labels do not matter. None: no such stretch.

        Raises
        ------
        UserError
            If there is nothing to learn from.
        ValueError
            If shapes or ranges are not as above.
        """
        examples = _examples(self.task, documents, targets, sample_weight, answers, uncertain)
        checked_dev = None if dev is None or not len(dev[0]) else _examples(self.task, dev[0], dev[1])
        self.thresholds_ = np.full(len(self.task.labels), np.nan)
        self.temperature_ = 1.0
        self.remarks_ = tuple(_remarks(self.task, examples))
        self._workspace = workspace
        self._learn(examples, checked_dev, on_progress or _say_nothing)
        return self

    def predict_proba(self, documents: Sequence[Document]) -> FloatArray:
        """Probabilities of shape (n, K), columns in codebook order; rows sum to 1 in a classification.

        Of spans: that the text has one of that label, ``1 - prod(1 - p)`` over its words.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        self._refuse_unfitted()
        if not len(documents):
            return np.zeros((0, len(self.task.labels)))
        return self.tempered(self._probabilities(documents))

    def tempered(self, probabilities: FloatArray) -> FloatArray:
        """Probabilities of shape (n, K) at the student's temperature."""
        return temper(probabilities, self.temperature_, is_exclusive=self.task.is_exclusive)

    def predict(self, documents: Sequence[Document]) -> list[Value]:
        """Values, decided with the student's thresholds."""
        return self.label(documents).values

    def label(self, documents: Sequence[Document]) -> Labelled:
        """Values and probabilities at the price of one; for every kind of task."""
        probabilities = self.predict_proba(documents)
        return Labelled(self.decode(probabilities), probabilities)

    def token_scores(self, documents: Sequence[Document]) -> list[FloatArray]:
        """Per document, the distribution of each decision made in it: shape (decisions, classes).

        A student of whole texts makes one decision a text, and this is its row of `predict_proba`; students of spans
        decide about every word, with rows that sum to 1. A text without words has shape (0, classes).
        """
        return [row[None, :] for row in self.predict_proba(documents)]

    def decode(self, probabilities: FloatArray) -> list[Value]:
        """Values from probabilities of shape (n, K), decided with the student's thresholds.

        Raises ValueError for spans, whose places such probabilities do not hold: use `label` or `predict`.
        """
        return self.task.decode(probabilities, self.thresholds_)

    def score(self, documents: Sequence[Document], targets: FloatArray) -> float:
        """Share of documents whose predicted value is that of the targets; nan without documents."""
        expected = self.task.decode(np.asarray(targets, dtype=np.float64), None)
        agreed = [ours == theirs for ours, theirs in zip(self.predict(documents), expected, strict=True)]
        return float(np.mean(agreed)) if agreed else float("nan")

    def distrusted(self, n: int) -> list[Distrust]:  # noqa: ARG002
        """The at most `n` training documents that gold texts gave the least weight; none where they weighed nothing."""
        return []

    def set_thresholds(self, thresholds: FloatArray) -> Self:
        """Decide by these from now on: shape (K,), in [0, 1], nan where a label has none of its own.

        Raises
        ------
        ValueError
            If shape or range is not as above.
        """
        self._refuse_unfitted()
        checked = np.array(thresholds, dtype=np.float64)
        if checked.shape != (len(self.task.labels),):
            raise ValueError(f"thresholds have shape {checked.shape}, expected ({len(self.task.labels)},)")
        if np.any((checked < 0) | (checked > 1)):
            raise ValueError("thresholds must lie in [0, 1] or be nan")
        self.thresholds_ = checked
        return self

    def set_temperature(self, temperature: float) -> Self:
        """Divide logits by this from now on: > 0, 1 as learned.

        Raises
        ------
        ValueError
            If it is not a positive number.
        """
        self._refuse_unfitted()
        if not (np.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature must be a number above 0, found {temperature}")
        self.temperature_ = float(temperature)
        return self

    def save(self, folder: Path, about: Mapping[str, Any] | None = None) -> None:
        """Write the student as safetensors and JSON; it takes `folder`'s place in one step.

        Parameters
        ----------
        about : provenance and metrics to keep with it; JSON values.

        Raises
        ------
        UserError
            If `folder` holds something else than a student, or cannot be written.
        """
        self._refuse_unfitted()
        write_folder(folder, self._files(), self._describe(about or {}))

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` has been called."""
        return hasattr(self, "thresholds_")

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:
        """An untrained student as the project file describes it."""

    @classmethod
    @abstractmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:
        """The student from its checked files, without thresholds.

        Raises
        ------
        UserError
            If they do not fit together.
        """

    @abstractmethod
    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:
        """Learn from checked examples."""

    @abstractmethod
    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        """Probabilities for at least one document."""

    @abstractmethod
    def _files(self) -> StudentFiles:
        """What is stored beside the description."""

    @abstractmethod
    def _parameters(self) -> dict[str, Any]:
        """Constructor parameters without task and encoder, as JSON values."""

    @abstractmethod
    def _embedding(self) -> tuple[EmbeddingSettings, str] | None:
        """Settings and digest of the frozen encoder that it needs beside its own files."""

    def _describe(self, about: Mapping[str, Any]) -> StudentFile:
        embedding = self._embedding()
        return StudentFile(
            kind=self.kind,
            codebook=self.task.codebook,
            labels=self.task.labels,
            thresholds=tuple(None if np.isnan(threshold) else float(threshold) for threshold in self.thresholds_),
            temperature=self.temperature_,
            parameters=self._parameters(),
            embedding=embedding[0] if embedding else None,
            embedding_digest=embedding[1] if embedding else "",
            remarks=self.remarks_,
            about=dict(about),
        )

    def _refuse_unfitted(self) -> None:
        check_is_fitted(self)


def _say_nothing(step: Step) -> None:
    del step


def _examples(
    task: Task,
    documents: Sequence[Document],
    targets: FloatArray,
    sample_weight: FloatArray | None = None,
    answers: Answers | None = None,
    uncertain: Uncertain | None = None,
) -> Examples:
    weights = np.ones(len(documents)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    targets = np.asarray(targets, dtype=np.float64)
    _refuse_shapes(task, len(documents), targets, weights)
    _refuse_ranges(task, targets, weights)
    if answers is None:
        answers = [() if document.value is None else (document.value,) for document in documents]
    if uncertain is None:
        uncertain = [()] * len(documents)
    for name, given in (("answers", answers), ("uncertain", uncertain)):
        if len(given) != len(documents):
            raise ValueError(f"{name} has {len(given)} entries for {len(documents)} documents")
    counts = np.flatnonzero(weights > 0)
    if not len(counts):
        raise UserError(
            f"a student cannot learn from {len(documents)} documents"
            + (" whose weights are all 0." if len(documents) else "."),
            "Label some documents first.",
        )
    kept = weights[counts]
    return Examples(
        [documents[int(row)] for row in counts],
        targets[counts],
        kept / kept.mean(),
        [answers[int(row)] for row in counts],
        [uncertain[int(row)] for row in counts],
    )


def _refuse_shapes(task: Task, n: int, targets: FloatArray, weights: FloatArray) -> None:
    expected = (n, len(task.labels))
    if n and targets.shape != expected:
        raise ValueError(f"targets have shape {targets.shape}, expected {expected}: a row a document, a column a label")
    if weights.shape != (n,):
        raise ValueError(f"sample_weight has shape {weights.shape}, expected ({n},)")


def _refuse_ranges(task: Task, targets: FloatArray, weights: FloatArray) -> None:
    if not np.all((targets >= 0) & (targets <= 1 + SUM_TOLERANCE)):
        raise ValueError("targets must lie in [0, 1], without nan")
    if not np.all((weights >= 0) & np.isfinite(weights)):
        raise ValueError("sample_weight must be finite and at least 0")
    if task.is_exclusive and targets.size:
        wrong = np.flatnonzero(np.abs(targets.sum(axis=1) - 1) > SUM_TOLERANCE)
        if len(wrong):
            raise ValueError(f"targets of row {wrong[0]} sum to {targets[wrong[0]].sum():g}, expected 1")


def _remarks(task: Task, examples: Examples) -> list[str]:
    n = examples.targets.sum(axis=0)
    absent = [f"`{label}`" for label, count in zip(task.labels, n, strict=True) if count == 0]
    if task.is_exclusive and len(absent) == len(task.labels) - 1:
        return [f"Every training text is `{task.labels[int(n.argmax())]}`: the student always answers that."]
    return [f"No training text has {', '.join(absent)}: never predicted."] if absent else []
