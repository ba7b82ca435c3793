"""The fastest student with a sense of meaning: logistic regression on a model2vec table of word vectors.

Needs the extra `static`; the vectors lie in the student's own folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from understudy.codebook import Task
from understudy.embedding import Encoder, model_folder
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import EmbeddingSettings, LinearSettings, StaticSettings, StudentSettings
from understudy.student.base import Examples, Report, Step, Student
from understudy.student.extras import extra
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.logistic import Problem
from understudy.student.network import refuse_not_finite
from understudy.student.regression import Regression, Search, learn_regression, restored_regression
from understudy.student.relations.marked import texts_of

FloatArray = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

DEFAULTS = StaticSettings.model_construct()
SEARCH = LinearSettings.model_construct()
TABLE = ("embeddings", "weights", "mapping")
"""Arrays of a model2vec model; the last two only where its vocabulary is quantised."""


class StaticStudent(Student):
    """Logistic regression on the mean of static token vectors.

    Parameters
    ----------
    task : what is learned.
    model : a folder or hub id of a model2vec model.
    folds, c, seed : as in `LinearStudent`.

    Attributes
    ----------
    table_ : arrays of the model2vec model.
    tokenizer_ : its ``tokenizer.json``.
    regression_ : on its vectors.
    """

    kind: ClassVar[str] = "static"

    table_: Arrays
    tokenizer_: str
    regression_: Regression

    def __init__(
        self,
        task: Task,
        model: str = DEFAULTS.model,
        folds: int = SEARCH.folds,
        c: Sequence[float] = SEARCH.c,
        seed: int = 0,
    ) -> None:
        self.task = task
        self.model = model
        self.folds = folds
        self.c = c
        self.seed = seed

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:  # noqa: ARG003
        """An untrained student as the project file describes it."""
        return cls(task, settings.static.model, settings.linear.folds, settings.linear.c, seed)

    @property
    def held_out_(self) -> FloatArray:
        """What was said of each training document while it was held out, shape (n, K); nan where it never was."""
        return self.regression_.strength.held_out

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:  # noqa: ARG002
        extra("model2vec", "static")
        self.table_, self.tokenizer_ = _read_model(model_folder(self.model))
        self._model = _static_model(self.table_, self.tokenizer_)
        vectors = self._vectors(examples.documents)
        report(Step(len(vectors), len(vectors)))
        problem = Problem(vectors, examples.targets, examples.weights, self.task.is_exclusive)
        self.regression_ = learn_regression(problem, Search(self.c, self.folds, self.seed))

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        return self.regression_.logistic.probabilities(self._vectors(documents))

    def _vectors(self, documents: Sequence[Document]) -> FloatArray:
        """Of length 1, or 0 for a text without a known token."""
        texts = [
            text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            for text in texts_of(self.task, documents)
        ]
        found = np.asarray(self._model.encode(texts, use_multiprocessing=False), dtype=np.float64)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        vectors: FloatArray = np.nan_to_num(found) / np.where(lengths > 0, lengths, 1.0)
        return vectors

    def _parameters(self) -> dict[str, Any]:
        return {"model": self.model, "folds": self.folds, "c": list(self.c), "seed": self.seed}

    def _embedding(self) -> tuple[EmbeddingSettings, str] | None:
        return None

    def _files(self) -> StudentFiles:
        return StudentFiles(self.regression_.arrays() | self.table_, {"tokenizer.json": self.tokenizer_})

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:  # noqa: ARG003
        """The student from its checked files, without thresholds."""
        student = cls(task, **stored.parameters)
        student.table_ = {name: files.arrays[name] for name in TABLE if name in files.arrays}
        refuse_not_finite(student.table_)
        student.tokenizer_ = files.texts.get("tokenizer.json", "")
        student._model = _static_model(student.table_, student.tokenizer_)
        shape = (len(task.labels), student.table_["embeddings"].shape[1])
        student.regression_ = restored_regression(files.arrays, shape, is_exclusive=task.is_exclusive)
        return student


def _read_model(folder: Path) -> tuple[Arrays, str]:
    try:
        arrays = load_file(folder / "model.safetensors")
        tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise UserError(f"`{folder}` holds no model2vec model: {exc}", "Choose one such as `minishlab/...`.") from exc
    if "embedding.weight" in arrays:
        arrays["embeddings"] = arrays["embedding.weight"]
    kept = {name: arrays[name] for name in TABLE if name in arrays}
    return kept, json.dumps(tokenizer, ensure_ascii=False)


def _static_model(table: Arrays, tokenizer: str) -> Any:
    model2vec = extra("model2vec", "static")
    if "embeddings" not in table or table["embeddings"].ndim != 2:
        raise UserError("model.safetensors holds no table of vectors.", "Choose a model2vec model.")
    try:
        return model2vec.StaticModel(
            table["embeddings"],
            Tokenizer.from_str(tokenizer),
            weights=table.get("weights"),
            token_mapping=table.get("mapping"),
        )
    except Exception as exc:  # the tokenizers library raises nothing narrower
        raise UserError(f"vectors and tokenizer do not fit together: {exc}", "Choose a model2vec model.") from exc
