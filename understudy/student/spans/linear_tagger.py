"""The CPU's student of spans: logistic regression on frozen states of words, and the same legal decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from understudy.codebook import Task
from understudy.embedding import Encoder, Tokens
from understudy.errors import UserError
from understudy.settings import EmbeddingSettings, SpanSettings, StudentSettings
from understudy.student.base import Examples, Report, Step
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.linear import DEFAULTS, encoder_of
from understudy.student.logistic import Logistic, Problem, choose_c, fit_logistic, stratified_folds
from understudy.student.spans.shared import SpanStudent, certain, has_whole_words, read_state, state_array
from understudy.student.spans.states import WordStates
from understudy.student.spans.tags import Scheme, TagScheme
from understudy.student.spans.words import Words

FloatArray = NDArray[np.float64]

SPANS = SpanSettings.model_construct()

TOLERANCE = 1e-4
"""Largest gradient entry at the end; finer changes no tag."""

MOST_TO_SEARCH = 4000
"""Words among which C is chosen."""


class LinearTagger(SpanStudent):
    """Multinomial logistic regression of each layer's tags on the encoder's states of a word and its neighbours.

    Parameters
    ----------
    task : what is learned.
    encoder : its network gives the states.
    folds, c : of the cross-validation that chooses C, over texts of at most `MOST_TO_SEARCH` words together.
    seed : of the folds and of those texts.
    scheme, min_share : see the settings.

    Attributes
    ----------
    layers_ : the regression of each layer of tags.
    """

    kind: ClassVar[str] = "linear"

    layers_: tuple[Logistic, ...]

    def __init__(
        self,
        task: Task,
        encoder: Encoder,
        folds: int = DEFAULTS.folds,
        c: Sequence[float] = DEFAULTS.c,
        seed: int = 0,
        scheme: Scheme = SPANS.scheme,
        min_share: float = SPANS.min_share,
    ) -> None:
        self.task = task
        self.encoder = encoder
        self.folds = folds
        self.c = c
        self.seed = seed
        self.scheme: Scheme = scheme
        self.min_share = min_share

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:
        """An untrained student as the project file describes it."""
        own = settings.linear
        return cls(task, encoder, own.folds, own.c, seed, **settings.spans.model_dump())

    @property
    def tags(self) -> TagScheme:
        """The tags that its words can have."""
        return TagScheme(self.task.labels, self.task.codebook.nested, self.scheme)

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:  # noqa: ARG002
        self.is_whole_ = has_whole_words(examples)
        read = self._read(examples, self._tokens())
        shares, lost = self._shares(examples, read)
        if lost:
            self.remarks_ += (f"{lost} training spans were not learned from: no word of their own.",)
        states = np.concatenate(WordStates(self.encoder).of(read, lambda done, total: report(Step(done, total))))
        targets = np.concatenate(certain(shares, self.min_share))
        text = np.repeat(np.arange(len(read)), [len(words) for words in read])
        weights = np.asarray(examples.weights, dtype=np.float64)[text]
        with threadpool_limits(limits=1, user_api="blas"):
            self.layers_ = tuple(
                self._layer(states, targets[:, layer], weights, text) for layer in range(len(self.tags.layers))
            )

    def _layer(self, states: FloatArray, targets: FloatArray, weights: FloatArray, text: NDArray[np.intp]) -> Logistic:
        counts = targets.sum(axis=1) > 0
        if not counts.any():
            return _always_outside(self.tags.n_tags, states.shape[1])
        problem = Problem(states[counts], targets[counts], weights[counts], True)
        rows, folds = self._search(text[counts])
        return fit_logistic(problem, choose_c(problem.rows(rows), self.c, folds).c, tolerance=TOLERANCE)

    def _search(self, text: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows to choose C with, whole texts, and the fold of each."""
        rng = np.random.default_rng(self.seed)
        texts, sizes = np.unique(text, return_counts=True)
        order = rng.permutation(len(texts))
        chosen = order[: max(2, int(np.searchsorted(np.cumsum(sizes[order]), MOST_TO_SEARCH)))]
        fold = np.full(int(text.max()) + 1, -1, dtype=np.int64)
        fold[texts[chosen]] = stratified_folds(np.ones((len(chosen), 1)), self.folds, rng)
        rows = np.flatnonzero(fold[text] >= 0)
        return rows, fold[text][rows]

    def _tokens(self) -> Tokens:
        return WordStates(self.encoder).tokens

    def _word_probabilities(self, read: Sequence[Words]) -> list[FloatArray]:
        return [
            np.stack([layer.probabilities(states) for layer in self.layers_], axis=1)
            for states in WordStates(self.encoder).of(read)
        ]

    def _parameters(self) -> dict[str, Any]:
        parameters = {name: v for name, v in self.get_params(deep=False).items() if name not in ("task", "encoder")}
        return parameters | {"c": list(self.c)}

    def _embedding(self) -> tuple[EmbeddingSettings, str]:
        return self.encoder.settings, self.encoder.digest

    def _files(self) -> StudentFiles:
        arrays = {"coefficients": np.stack([layer.coefficients for layer in self.layers_])}
        arrays["intercepts"] = np.stack([layer.intercepts for layer in self.layers_])
        return StudentFiles(arrays | state_array(is_whole=self.is_whole_))

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:
        """The student from its checked files, without thresholds."""
        student = cls(task, encoder_of(stored, encoder_cache), **stored.parameters)
        arrays = dict(files.arrays)
        student.is_whole_ = read_state(arrays)
        shape = (len(student.tags.layers), student.tags.n_tags, WordStates(student.encoder).width)
        student.layers_ = tuple(
            Logistic(coefficients, intercepts, True)
            for coefficients, intercepts in zip(*_checked(arrays, shape), strict=True)
        )
        return student


def _checked(arrays: dict[str, NDArray[Any]], shape: tuple[int, int, int]) -> tuple[FloatArray, FloatArray]:
    for name, expected in {"coefficients": shape, "intercepts": shape[:2]}.items():
        if name not in arrays or arrays[name].shape != expected or np.isnan(arrays[name]).any():
            raise UserError(
                f"model.safetensors: `{name}` is missing, not a number, or not of shape {expected}.",
                "The student's folder is damaged; train it again.",
            )
    return arrays["coefficients"], arrays["intercepts"]


def _always_outside(n_tags: int, width: int) -> Logistic:
    return Logistic(np.zeros((n_tags, width)), np.where(np.arange(n_tags) == 0, 0.0, -np.inf), True)
