"""The CPU's student: logistic regression on frozen embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.embedding import Encoder, load_encoder
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import EmbeddingSettings, LinearSettings, StudentSettings
from understudy.student.base import Examples, Report, Step, Student
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.logistic import Logistic, Problem, choose_c, fit_logistic, stratified_folds

FloatArray = NDArray[np.float64]

DEFAULTS = LinearSettings.model_construct()


class LinearStudent(Student):
    """Logistic regression on frozen embeddings; multinomial, or one a label where labels are independent.

    Parameters
    ----------
    task : what is learned.
    encoder : texts to vectors.
    folds : of the cross-validation that chooses C; fewer where there are few documents.
    c : values of C to try (larger: less regularised).
    seed : of the folds.

    Attributes
    ----------
    logistic_ : the fitted regression.
    c_ : shape (K,), the chosen C.
    cv_losses_ : shape (number of values, K), held-out log-losses by ascending C; nan if nothing could be held out.
    """

    kind: ClassVar[str] = "linear"

    logistic_: Logistic
    c_: FloatArray
    cv_losses_: FloatArray

    def __init__(
        self,
        task: Task,
        encoder: Encoder,
        folds: int = DEFAULTS.folds,
        c: Sequence[float] = DEFAULTS.c,
        seed: int = 0,
    ) -> None:
        self.task = task
        self.encoder = encoder
        self.folds = folds
        self.c = c
        self.seed = seed

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:
        """An untrained student as the project file describes it."""
        return cls(task, encoder, settings.linear.folds, settings.linear.c, seed)

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:  # noqa: ARG002
        features = self._features(examples.documents, report)
        problem = Problem(features, examples.targets, examples.weights, self.task.is_exclusive)
        folds = stratified_folds(examples.targets, self.folds, np.random.default_rng(self.seed))
        self.c_, self.cv_losses_ = choose_c(problem, self.c, folds)
        self.logistic_ = fit_logistic(problem, self.c_)

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        return self.logistic_.probabilities(self._features(documents))

    def _features(self, documents: Sequence[Document], report: Report | None = None) -> FloatArray:
        on_progress = None if report is None else lambda done, total: report(Step(done, total))
        return self.encoder.encode([document.text for document in documents], on_progress).astype(np.float64)

    def _parameters(self) -> dict[str, Any]:
        return {"folds": self.folds, "c": list(self.c), "seed": self.seed}

    def _embedding(self) -> tuple[EmbeddingSettings, str]:
        return self.encoder.settings, self.encoder.digest

    def _files(self) -> StudentFiles:
        arrays = {
            "coefficients": self.logistic_.coefficients,
            "intercepts": self.logistic_.intercepts,
            "c": self.c_,
            "cv_losses": self.cv_losses_,
        }
        return StudentFiles(arrays)

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:
        """The student from its checked files, without thresholds."""
        if stored.embedding is None:
            raise UserError("a `linear` student's file names no encoder.", "Train the student again.")
        encoder = load_encoder(stored.embedding, encoder_cache)
        if encoder.digest != stored.embedding_digest:
            raise UserError(
                f"the student learned with another version of the encoder `{encoder.name}`.",
                "Bring back the encoder's files as they were, or train the student again.",
            )
        student = cls(task, encoder, **stored.parameters)
        student._take(files.arrays)
        return student

    def _take(self, arrays: dict[str, Any]) -> None:
        n_labels = len(self.task.labels)
        shapes = {"coefficients": (n_labels, self.encoder.dimension), "intercepts": (n_labels,), "c": (n_labels,)}
        for name, shape in shapes.items():
            if name not in arrays or arrays[name].shape != shape or np.isnan(arrays[name]).any():
                raise UserError(
                    f"model.safetensors: `{name}` is missing, not a number, or not of shape {shape}.",
                    "The student's folder is damaged; train it again.",
                )
        self.logistic_ = Logistic(arrays["coefficients"], arrays["intercepts"], self.task.is_exclusive)
        self.c_, self.cv_losses_ = arrays["c"], arrays.get("cv_losses", np.zeros((0, n_labels)))
