"""The CPU's student: logistic regression on frozen embeddings, joined by n-grams where they help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.embedding import Encoder, load_encoder
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import EmbeddingSettings, LinearSettings, NGramSettings, StudentSettings
from understudy.student.base import Examples, Report, Step, Student
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.logistic import Features, Logistic, Problem, log_losses
from understudy.student.ngrams import FILE, NGrams, learn_ngrams, restored_ngrams
from understudy.student.regression import (
    MOST_IN_SPAN,
    Regression,
    Search,
    learn_regression,
    packed,
    paired_gain,
    restored_regression,
)
from understudy.student.relations.marked import texts_of
from understudy.student.side_by_side import SideBySide

FloatArray = NDArray[np.float64]

DEFAULTS = LinearSettings.model_construct()
NGRAMS = NGramSettings.model_construct()


class LinearStudent(Student):
    """Logistic regression on frozen embeddings; multinomial, or one a label where labels are independent.

    Parameters
    ----------
    task : what is learned.
    encoder : texts to vectors.
    folds : of the cross-validation that chooses C; fewer where there are few documents.
    c : values of C to try (larger: less regularised).
    seed : of the folds.
    ngrams : whether n-grams stand beside the vectors; ``auto`` decides by the held-out loss of the same folds, and
        joins them where it falls by more than its standard error.
    words, characters, max_terms : as in `TfidfStudent`.

    Attributes
    ----------
    regression_ : the fitted regression; its columns are the vector's, then the n-grams'.
    ngrams_ : the vocabulary, or None without n-grams.
    """

    kind: ClassVar[str] = "linear"

    regression_: Regression
    ngrams_: NGrams | None

    def __init__(
        self,
        task: Task,
        encoder: Encoder,
        folds: int = DEFAULTS.folds,
        c: Sequence[float] = DEFAULTS.c,
        seed: int = 0,
        ngrams: Literal["auto"] | bool = DEFAULTS.ngrams,
        words: int = NGRAMS.words,
        characters: int = NGRAMS.characters,
        max_terms: int = NGRAMS.max_terms,
    ) -> None:
        self.task = task
        self.encoder = encoder
        self.folds = folds
        self.c = c
        self.seed = seed
        self.ngrams = ngrams
        self.words = words
        self.characters = characters
        self.max_terms = max_terms

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:
        """An untrained student as the project file describes it."""
        return cls(task, encoder, seed=seed, **settings.linear.model_dump(), **settings.ngrams.model_dump())

    @property
    def logistic_(self) -> Logistic:
        """The fitted regression."""
        return self.regression_.logistic

    @property
    def c_(self) -> FloatArray:
        """The chosen C, shape (K,)."""
        return self.regression_.strength.c

    @property
    def cv_losses_(self) -> FloatArray:
        """Held-out log-losses by ascending C, shape (number of values, K); nan if nothing could be held out."""
        return self.regression_.strength.losses

    @property
    def held_out_(self) -> FloatArray:
        """What was said of each training document while it was held out, shape (n, K); nan where it never was."""
        return self.regression_.strength.held_out

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:  # noqa: ARG002
        texts = texts_of(self.task, examples.documents)
        vectors = self._vectors(examples.documents, report)
        plain = Problem(vectors, examples.targets, examples.weights, self.task.is_exclusive)
        self.ngrams_ = None if self.ngrams is False else learn_ngrams(texts, self._vocabulary_settings())
        joined = replace(plain, features=_joined(vectors, texts, self.ngrams_))
        if self.ngrams == "auto" and not self._gains(plain, joined):
            self.ngrams_, joined = None, plain
        self.regression_ = learn_regression(joined, self._search())

    def _gains(self, plain: Problem, joined: Problem) -> bool:
        """Whether the n-grams lower the held-out loss by more than one standard error, on a part of many documents."""
        n = len(plain.targets)
        part = np.sort(np.random.default_rng(self.seed).permutation(n)[:MOST_IN_SPAN])
        without, beside = (_held_out_losses(problem.rows(part), self._search()) for problem in (plain, joined))
        gain, error = paired_gain(without, beside)
        return gain > error

    def _search(self) -> Search:
        return Search(self.c, self.folds, self.seed)

    def _vocabulary_settings(self) -> NGramSettings:
        return NGramSettings(words=self.words, characters=self.characters, max_terms=self.max_terms)

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        return self._said_of(self._vectors(documents), documents)

    def _said_of(self, vectors: FloatArray, documents: Sequence[Document]) -> FloatArray:
        """Probabilities for documents whose vectors are at hand."""
        return self.logistic_.probabilities(_joined(vectors, texts_of(self.task, documents), self.ngrams_))

    @property
    def _n_vectors(self) -> int:
        """Vectors side by side."""
        return 1

    def _vectors(self, documents: Sequence[Document], report: Report | None = None) -> FloatArray:
        return self._encode(texts_of(self.task, documents), report)

    def _encode(self, texts: Sequence[str], report: Report | None) -> FloatArray:
        on_progress = None if report is None else lambda done, total: report(Step(done, total))
        return self.encoder.encode(texts, on_progress).astype(np.float64)

    def _parameters(self) -> dict[str, Any]:
        parameters = {name: v for name, v in self.get_params(deep=False).items() if name not in ("task", "encoder")}
        return parameters | {"c": list(self.c)}

    def _embedding(self) -> tuple[EmbeddingSettings, str]:
        return self.encoder.settings, self.encoder.digest

    def _files(self) -> StudentFiles:
        arrays = self.regression_.arrays()
        if self.ngrams_ is None:
            return StudentFiles(arrays)
        return StudentFiles(packed(arrays) | {"idf": self.ngrams_.idf()}, {FILE: self.ngrams_.to_json()})

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:
        """The student from its checked files, without thresholds."""
        student = cls(task, encoder_of(stored, encoder_cache), **stored.parameters)
        student._take(files)
        return student

    def _take(self, files: StudentFiles) -> None:
        text = files.texts.get(FILE)
        self.ngrams_ = None if text is None else restored_ngrams(text, files.arrays.get("idf"))
        width = self._n_vectors * self.encoder.dimension + (self.ngrams_.width if self.ngrams_ else 0)
        shape = (len(self.task.labels), width)
        self.regression_ = restored_regression(files.arrays, shape, is_exclusive=self.task.is_exclusive)


def encoder_of(stored: StudentFile, encoder_cache: Path | None) -> Encoder:
    """The frozen encoder that a student's file names; raises UserError if it names none or it is not that one."""
    if stored.embedding is None:
        raise UserError("a `linear` student's file names no encoder.", "Train the student again.")
    encoder = load_encoder(stored.embedding, encoder_cache)
    if encoder.digest != stored.embedding_digest:
        raise UserError(
            f"the student learned with another version of the encoder `{encoder.name}`.",
            "Bring back the encoder's files as they were, or train the student again.",
        )
    return encoder


def _held_out_losses(problem: Problem, search: Search) -> FloatArray:
    """Shape (n,), all labels together."""
    held_out = learn_regression(problem, search).strength.held_out
    return np.asarray(log_losses(held_out, problem.targets, is_exclusive=problem.is_exclusive).sum(axis=1))


def _joined(vectors: FloatArray, texts: Sequence[str], ngrams: NGrams | None) -> Features:
    if ngrams is None:
        return vectors
    return SideBySide(vectors, ngrams.features(texts))
