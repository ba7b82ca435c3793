"""The student of spans that fine-tunes a Hugging Face encoder with a head that scores tags at every token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.embedding import Encoder, Tokens, config_text, load_tokens, model_folder
from understudy.embedding import network_config as config_of
from understudy.settings import SpanSettings, StudentSettings
from understudy.student.base import Examples, Report
from understudy.student.encoder import COLUMNS, columns_of, tokens_of
from understudy.student.fine_tuned import DEFAULTS, FineTunedStudent
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.network import best_device, load_tagger, own_randomness, restore_tagger, weights_of
from understudy.student.spans.shared import SpanStudent, certain, has_whole_words, read_state, state_array
from understudy.student.spans.tagging import TagObjective, encoded_windows
from understudy.student.spans.tags import Scheme, TagScheme
from understudy.student.spans.words import Words, with_windows
from understudy.student.training import Encoded, Learner

FloatArray = NDArray[np.float64]

SPANS = SpanSettings.model_construct()


class EncoderTagger(SpanStudent, FineTunedStudent):
    """Any Hugging Face encoder, fine-tuned to tag words; spans are the most probable legal tags.

    A word is decided about at its first token. Texts longer than `max_tokens` are read in overlapping windows.

    Parameters
    ----------
    scheme, min_share : see the settings.
    others : as in `FineTunedStudent`.
    """

    kind: ClassVar[str] = "encoder"

    def __init__(
        self,
        task: Task,
        model: str = DEFAULTS.model,
        learning_rate: float = DEFAULTS.learning_rate,
        batch_size: int = DEFAULTS.batch_size,
        epochs: Literal["auto"] | int = DEFAULTS.epochs,
        warmup: float = DEFAULTS.warmup,
        weight_decay: float = DEFAULTS.weight_decay,
        max_grad_norm: float = DEFAULTS.max_grad_norm,
        max_tokens: int = DEFAULTS.max_tokens,
        patience: int = DEFAULTS.patience,
        reweight: bool = DEFAULTS.reweight,
        tokens_at_once: int = DEFAULTS.tokens_at_once,
        recompute: bool = DEFAULTS.recompute,
        precision: Literal["auto", "fp32"] = "auto",
        seed: int = 0,
        scheme: Scheme = SPANS.scheme,
        min_share: float = SPANS.min_share,
    ) -> None:
        super().__init__(
            task, model, learning_rate, batch_size, epochs, warmup, weight_decay, max_grad_norm, max_tokens, patience,
            reweight, tokens_at_once, recompute, precision, seed,
        )  # fmt: skip
        self.scheme: Scheme = scheme
        self.min_share = min_share

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:  # noqa: ARG003
        """An untrained student as the project file describes it."""
        return cls(task, **settings.encoder.model_dump(), **settings.spans.model_dump(), seed=seed)

    @property
    def tags(self) -> TagScheme:
        """The tags that its words can have."""
        return TagScheme(self.task.labels, self.task.codebook.nested, self.scheme)

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:
        folder, device = model_folder(self.model), best_device()
        tokens = with_windows(load_tokens(folder, config_of(folder), self.max_tokens))
        self.is_whole_ = has_whole_words(examples)
        shares = self._targets(examples, tokens)
        with own_randomness(self.seed, device):
            network = load_tagger(folder, self.tags.names, tokens.pad_id).to(device)
            self.learner_ = Learner(network, tokens, self._objective(shares))
            self.epochs_, self.history_ = (), None
            if len(self._objective(shares).columns) > len(self.tags.layers):
                self._train(
                    self._encoded(examples, tokens), None if dev is None else self._encoded(dev, tokens), report
                )

    def _targets(self, examples: Examples, tokens: Tokens) -> list[FloatArray]:
        shares, lost = self._shares(examples, self._read(examples, tokens))
        if lost:
            self.remarks_ += (f"{lost} training spans were not learned from: no word of their own.",)
        return certain(shares, self.min_share)

    def _encoded(self, examples: Examples, tokens: Tokens) -> Encoded:
        read = self._read(examples, tokens)
        shares = certain(self._shares(examples, read)[0], self.min_share)
        targets = [each.reshape(len(each), -1) for each in shares]
        return encoded_windows([document.id for document in examples.documents], read, targets, examples.weights)

    def _objective(self, shares: Sequence[FloatArray]) -> TagObjective:
        all_words = np.concatenate([each.reshape(len(each), self.tags.width) for each in shares])
        outside = np.arange(0, self.tags.width, self.tags.n_tags)
        present = np.union1d(np.flatnonzero(all_words.sum(axis=0)), outside)
        n_words = max(1.0, len(all_words) / len(shares))
        return TagObjective(torch.from_numpy(present), True, len(self.tags.layers), n_words)

    def _tokens(self) -> Tokens:
        return self.learner_.tokens

    def _word_probabilities(self, read: Sequence[Words]) -> list[FloatArray]:
        windows = [(row, number) for row, words in enumerate(read) for number in np.unique(words.window).tolist()]
        found = [np.zeros((len(words), len(self.tags.layers), self.tags.n_tags)) for words in read]
        encodings = [read[row].windows[number] for row, number in windows]
        for rows, scores in self.learner_.scores(encodings):
            probabilities = self.learner_.objective.probabilities(scores).numpy()
            for place, row in enumerate(rows):
                text, number = windows[row]
                own = np.flatnonzero(read[text].window == number)
                found[text][own] = probabilities[place, read[text].position[own]]
        return found

    def _files(self) -> StudentFiles:
        learner = self.learner_
        own = {COLUMNS: learner.objective.columns.numpy()} | state_array(is_whole=self.is_whole_)
        texts = {"config.json": config_text(learner.network.config), "tokenizer.json": learner.tokens.to_json()}
        return StudentFiles(weights_of(learner.network) | own, texts)

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:  # noqa: ARG003
        """The student from its checked files, without thresholds."""
        student = cls(task, **stored.parameters)
        arrays = dict(files.arrays)
        student.is_whole_ = read_state(arrays)
        columns = torch.from_numpy(columns_of(arrays, student.tags.width))
        tokens = with_windows(tokens_of(files.texts.get("tokenizer.json", "")))
        network = restore_tagger(files.texts.get("config.json", ""), arrays, student.tags.names)
        objective = TagObjective(columns, True, len(student.tags.layers), 1.0)
        student.learner_ = Learner(network.to(best_device()).eval(), tokens, objective)
        student.epochs_, student.history_ = (), None
        return student
