"""The student for any language and the smallest machine: logistic regression on word and character n-grams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.embedding import Encoder
from understudy.records import Document
from understudy.settings import EmbeddingSettings, LinearSettings, NGramSettings, StudentSettings
from understudy.student.base import Examples, Report, Step, Student
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.logistic import Problem
from understudy.student.ngrams import FILE, NGrams, learn_ngrams, restored_ngrams
from understudy.student.regression import Regression, Search, learn_regression, packed, restored_regression
from understudy.student.relations.marked import texts_of

FloatArray = NDArray[np.float64]

DEFAULTS = NGramSettings.model_construct()
SEARCH = LinearSettings.model_construct()


class TfidfStudent(Student):
    """Logistic regression on tf-idf of n-grams; needs no encoder.

    Parameters
    ----------
    task : what is learned.
    words, characters : longest n-grams of either sort; 0 for none of it. Not both 0.
    max_terms : n-grams of either sort that are kept, the most frequent ones.
    folds, c, seed : as in `LinearStudent`.

    Attributes
    ----------
    ngrams_ : the vocabulary.
    regression_ : the fitted regression; its columns are the vocabulary's.
    """

    kind: ClassVar[str] = "tfidf-linear"

    ngrams_: NGrams
    regression_: Regression

    def __init__(
        self,
        task: Task,
        words: int = DEFAULTS.words,
        characters: int = DEFAULTS.characters,
        max_terms: int = DEFAULTS.max_terms,
        folds: int = SEARCH.folds,
        c: Sequence[float] = SEARCH.c,
        seed: int = 0,
    ) -> None:
        self.task = task
        self.words = words
        self.characters = characters
        self.max_terms = max_terms
        self.folds = folds
        self.c = c
        self.seed = seed

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:  # noqa: ARG003
        """An untrained student as the project file describes it."""
        return cls(task, **settings.ngrams.model_dump(), folds=settings.linear.folds, c=settings.linear.c, seed=seed)

    @property
    def held_out_(self) -> FloatArray:
        """What was said of each training document while it was held out, shape (n, K); nan where it never was."""
        return self.regression_.strength.held_out

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:  # noqa: ARG002
        texts = texts_of(self.task, examples.documents)
        settings = NGramSettings(words=self.words, characters=self.characters, max_terms=self.max_terms)
        self.ngrams_ = learn_ngrams(texts, settings)
        features = self.ngrams_.features(texts)
        report(Step(len(texts), len(texts)))
        problem = Problem(features, examples.targets, examples.weights, self.task.is_exclusive)
        self.regression_ = learn_regression(problem, Search(self.c, self.folds, self.seed))

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        return self.regression_.logistic.probabilities(self.ngrams_.features(texts_of(self.task, documents)))

    def _parameters(self) -> dict[str, Any]:
        parameters = {name: value for name, value in self.get_params(deep=False).items() if name != "task"}
        return parameters | {"c": list(self.c)}

    def _embedding(self) -> tuple[EmbeddingSettings, str] | None:
        return None

    def _files(self) -> StudentFiles:
        arrays = packed(self.regression_.arrays()) | {"idf": self.ngrams_.idf()}
        return StudentFiles(arrays, {FILE: self.ngrams_.to_json()})

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:  # noqa: ARG003
        """The student from its checked files, without thresholds."""
        student = cls(task, **stored.parameters)
        student.ngrams_ = restored_ngrams(files.texts.get(FILE, ""), files.arrays.get("idf"))
        shape = (len(task.labels), student.ngrams_.width)
        student.regression_ = restored_regression(files.arrays, shape, is_exclusive=task.is_exclusive)
        return student
