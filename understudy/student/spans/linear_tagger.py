"""The CPU's student of spans: logistic regression on frozen states or spelling of words, or both, legally decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from understudy.codebook import Task
from understudy.embedding import Encoder, Tokens
from understudy.errors import UserError
from understudy.settings import EmbeddingSettings, SpanSettings, StudentSettings
from understudy.student.base import Examples, Report, Step
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.linear import DEFAULTS, NGRAMS, encoder_of
from understudy.student.logistic import (
    Features,
    Logistic,
    Problem,
    Strength,
    choose_c,
    fit_logistic,
    log_losses,
    stratified_folds,
)
from understudy.student.ngrams import FILE
from understudy.student.regression import paired_gain
from understudy.student.side_by_side import SideBySide
from understudy.student.spans.lenience import choose_lenience
from understudy.student.spans.lexicon import entries
from understudy.student.spans.shared import SpanStudent, certain, has_whole_words, read_state, state_array
from understudy.student.spans.spelling import Spelling, learn_spelling, restored_spelling
from understudy.student.spans.states import WordStates
from understudy.student.spans.tags import Scheme, TagScheme
from understudy.student.spans.words import Words

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SPANS = SpanSettings.model_construct()

TOLERANCE = 1e-4
"""Largest gradient entry at the end; finer changes no tag."""

MOST_TO_SEARCH = 4000
"""Words among which C is chosen."""

WITHOUT_STATES = (
    "Words are known by their spelling and by the spans of other training texts alone: what the encoder makes of them "
    "says no more, as where it cannot read the language."
)


@dataclass(frozen=True)
class _Layer:
    """What is learned for one layer of tags.

    Attributes
    ----------
    problem : the words that count.
    words : which of all words those are, ascending.
    rows, folds : those of them among which C is chosen, and the fold of each.
    strength : what was found.
    """

    problem: Problem
    words: IntArray
    rows: IntArray
    folds: IntArray
    strength: Strength

    def losses(self) -> FloatArray:
        """Of each word while it was held out; nan where none was."""
        targets = self.problem.targets[self.rows]
        return np.asarray(log_losses(self.strength.held_out, targets, is_exclusive=True).sum(axis=1))

    def fitted(self) -> Logistic:
        """The regression; where no word counts, none has a tag."""
        n, n_tags = self.problem.targets.shape
        if n == 0:
            width = self.problem.features.shape[1]
            return Logistic(np.zeros((n_tags, width)), np.where(np.arange(n_tags) == 0, 0.0, -np.inf), True)
        return fit_logistic(self.problem, self.strength.c, tolerance=TOLERANCE)


class LinearTagger(SpanStudent):
    """Multinomial logistic regression of each layer's tags on the encoder's states of a word and its neighbours.

    Parameters
    ----------
    task : what is learned.
    encoder : its network gives the states.
    folds, c : of the cross-validation that chooses C, over texts of at most `MOST_TO_SEARCH` words together.
    seed : of the folds and of those texts.
    ngrams : whether the spelling of words stands beside the states; ``auto`` decides by the held-out loss of the same
        folds: it joins spelling where the loss falls by more than its standard error, and then leaves out states
        without which it does not rise by more than that, as those of an encoder that cannot read the language.
    max_terms : most features of spelling.
    scheme, min_share : see the settings.
    is_lenient : whether `lenience_` is chosen; else it is 0, and the most probable legal tags are what is said.

    Attributes
    ----------
    layers_ : the regression of each layer of tags; its columns are the states', then the spelling's.
    spelling_ : the features of spelling, or None without.
    reads_states_ : whether the encoder's states are used.
    lenience_ : chosen by the F1 of the spans of texts that were held out while C was chosen.
    """

    kind: ClassVar[str] = "linear"

    layers_: tuple[Logistic, ...]
    spelling_: Spelling | None
    reads_states_: bool

    def __init__(
        self,
        task: Task,
        encoder: Encoder,
        folds: int = DEFAULTS.folds,
        c: Sequence[float] = DEFAULTS.c,
        seed: int = 0,
        ngrams: Literal["auto"] | bool = DEFAULTS.ngrams,
        max_terms: int = NGRAMS.max_terms,
        scheme: Scheme = SPANS.scheme,
        min_share: float = SPANS.min_share,
        is_lenient: bool = True,
    ) -> None:
        self.task = task
        self.encoder = encoder
        self.folds = folds
        self.c = c
        self.seed = seed
        self.ngrams = ngrams
        self.max_terms = max_terms
        self.scheme: Scheme = scheme
        self.min_share = min_share
        self.is_lenient = is_lenient

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:
        """An untrained student as the project file describes it."""
        own = settings.linear
        chosen = (own.folds, own.c, seed, own.ngrams, settings.ngrams.max_terms)
        return cls(task, encoder, *chosen, **settings.spans.model_dump(), is_lenient=settings.tune_threshold)

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
        sure = certain(shares, self.min_share)
        targets = np.concatenate(sure)
        text = np.repeat(np.arange(len(read)), [len(words) for words in read])
        weights = np.asarray(examples.weights, dtype=np.float64)[text]

        def described(features: Features) -> list[_Layer]:
            return [self._layer(features, targets[:, layer], weights, text) for layer in range(len(self.tags.layers))]

        with threadpool_limits(limits=1, user_api="blas"):
            layers = self._chosen(states, self._spelt(read, sure, states), described)
            self.layers_ = tuple(layer.fitted() for layer in layers)
        self.remarks_ += () if self.reads_states_ else (WITHOUT_STATES,)
        self.lenience_ = self._lenience(layers, sure, examples.weights) if self.is_lenient else 0.0

    def _spelt(self, read: Sequence[Words], shares: Sequence[FloatArray], states: FloatArray) -> Any:
        """The spelling of the training words, as sparse features as long as their states; None if it is not wanted."""
        self.spelling_ = None
        if self.ngrams is False:
            return None
        tags = self.tags
        own = [entries(words, tags.decode(said)) for words, said in zip(read, shares, strict=True)]
        length = float(np.sqrt((states**2).sum(axis=1)).mean())
        self.spelling_ = learn_spelling(read, own, self.max_terms).balanced(read, own, length)
        return self.spelling_.features(read, own)

    def _chosen(
        self, states: FloatArray, spelt: Any, described: Callable[[Features], Sequence[_Layer]]
    ) -> Sequence[_Layer]:
        """The layers with states, spelling or both, whichever says best of words that were held out."""
        self.reads_states_ = True
        if spelt is None:
            return described(states)
        joined = described(SideBySide(states, spelt))
        if self.ngrams is True:
            return joined
        plain = described(states)
        if not _gains(plain, joined):
            self.spelling_ = None
            return plain
        alone = described(spelt)
        self.reads_states_ = _gains(alone, joined)
        return joined if self.reads_states_ else alone

    def _lenience(self, layers: Sequence[_Layer], shares: Sequence[FloatArray], weights: FloatArray) -> float:
        """What serves best the spans of the texts among which C was chosen, each as said while it was held out."""
        ends = np.cumsum([len(each) for each in shares])
        said, was_held_out = np.zeros((ends[-1], *shares[0].shape[1:])), np.zeros(ends[-1], dtype=np.bool_)
        said[:, :, 0] = 1
        for number, layer in enumerate(layers):
            words, is_known = layer.words[layer.rows], np.isfinite(layer.strength.held_out).all(axis=1)
            said[words[is_known], number] = layer.strength.held_out[is_known]
            was_held_out[words[is_known]] = True
        texts = [i for i, part in enumerate(np.split(was_held_out, ends[:-1])) if part.any()]
        parts = np.split(said, ends[:-1])
        tags = self.tags
        spans = [tags.decode(shares[i]) for i in texts]
        return choose_lenience(tags, [parts[i] for i in texts], spans, np.asarray(weights)[texts])

    def _layer(self, features: Features, targets: FloatArray, weights: FloatArray, text: IntArray) -> _Layer:
        counts = targets.sum(axis=1) > 0
        problem = Problem(features[counts], targets[counts], weights[counts], True)
        rows, folds = self._search(text[counts])
        return _Layer(problem, np.flatnonzero(counts), rows, folds, choose_c(problem.rows(rows), self.c, folds))

    def _search(self, text: IntArray) -> tuple[IntArray, IntArray]:
        """Rows to choose C with, whole texts, and the fold of each."""
        rng = np.random.default_rng(self.seed)
        texts, sizes = np.unique(text, return_counts=True)
        order = rng.permutation(len(texts))
        chosen = order[: max(2, int(np.searchsorted(np.cumsum(sizes[order]), MOST_TO_SEARCH)))]
        fold = np.full(int(text.max(initial=-1)) + 1, -1, dtype=np.int64)
        fold[texts[chosen]] = stratified_folds(np.ones((len(chosen), 1)), self.folds, rng)
        rows = np.flatnonzero(fold[text] >= 0)
        return rows, fold[text][rows]

    def _tokens(self) -> Tokens:
        return WordStates(self.encoder).tokens

    def _word_probabilities(self, read: Sequence[Words]) -> list[FloatArray]:
        return [
            np.stack([layer.probabilities(features) for layer in self.layers_], axis=1)
            for features in self._features(read)
        ]

    def _features(self, read: Sequence[Words]) -> Iterator[Features]:
        """Of each text's words."""
        spelt = [None if self.spelling_ is None else self.spelling_.features([words]) for words in read]
        if not self.reads_states_:
            yield from spelt
            return
        for states, own in zip(WordStates(self.encoder).of(read), spelt, strict=True):
            yield states if own is None else SideBySide(states, own)

    def _parameters(self) -> dict[str, Any]:
        parameters = {name: v for name, v in self.get_params(deep=False).items() if name not in ("task", "encoder")}
        return parameters | {"c": list(self.c)}

    def _embedding(self) -> tuple[EmbeddingSettings, str]:
        return self.encoder.settings, self.encoder.digest

    def _files(self) -> StudentFiles:
        arrays = {"coefficients": np.stack([layer.coefficients for layer in self.layers_])}
        arrays["lenience"] = np.array([self.lenience_])
        arrays["intercepts"] = np.stack([layer.intercepts for layer in self.layers_])
        texts = {} if self.spelling_ is None else {FILE: self.spelling_.to_json()}
        return StudentFiles(arrays | state_array(is_whole=self.is_whole_), texts)

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:
        """The student from its checked files, without thresholds."""
        student = cls(task, encoder_of(stored, encoder_cache), **stored.parameters)
        arrays = dict(files.arrays)
        student.is_whole_ = read_state(arrays)
        spelling = files.texts.get(FILE)
        student.spelling_ = None if spelling is None else restored_spelling(spelling)
        student.reads_states_ = _reads_states(arrays, student.spelling_)
        width = WordStates(student.encoder).width if student.reads_states_ else 0
        width += student.spelling_.width if student.spelling_ else 0
        _check(arrays, (len(student.tags.layers), student.tags.n_tags, width))
        student.lenience_ = float(arrays["lenience"][0])
        student.layers_ = tuple(
            Logistic(coefficients, intercepts, True)
            for coefficients, intercepts in zip(arrays["coefficients"], arrays["intercepts"], strict=True)
        )
        return student


def _check(arrays: dict[str, NDArray[Any]], shape: tuple[int, int, int]) -> None:
    for name, expected in {"coefficients": shape, "intercepts": shape[:2], "lenience": (1,)}.items():
        if name not in arrays or arrays[name].shape != expected or np.isnan(arrays[name]).any():
            raise UserError(
                f"model.safetensors: `{name}` is missing, not a number, or not of shape {expected}.",
                "The student's folder is damaged; train it again.",
            )


def _reads_states(arrays: dict[str, NDArray[Any]], spelling: Spelling | None) -> bool:
    """Whether stored coefficients are not those of spelling alone."""
    return spelling is None or "coefficients" not in arrays or arrays["coefficients"].shape[-1] != spelling.width


def _gains(fewer: Sequence[_Layer], more: Sequence[_Layer]) -> bool:
    """Whether more features lower the held-out loss by more than its standard error, over the words of all layers."""
    gain, error = paired_gain(*(np.concatenate([layer.losses() for layer in layers]) for layers in (fewer, more)))
    return gain > error
