"""The student that fine-tunes a Hugging Face encoder with a classification head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding

from understudy.codebook import Task
from understudy.embedding import Encoder, Tokens, config_text, load_tokens, model_folder, network_config, parse_tokens
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import StudentSettings
from understudy.student.base import Examples, Report
from understudy.student.fine_tuned import FineTunedStudent
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.network import best_device, own_randomness, weights_of
from understudy.student.objective import Objective
from understudy.student.pooled import load_text_network, restore_text_network
from understudy.student.relations.marked import texts_of
from understudy.student.training import Encoded, Learner

FloatArray = NDArray[np.float64]

COLUMNS = "understudy.columns"
"""Name, among the weights, of the columns of labels that have examples."""


class EncoderStudent(FineTunedStudent):
    """Any Hugging Face encoder, fine-tuned on soft targets; a sentence encoder by the mean of its tokens' states."""

    kind: ClassVar[str] = "encoder"

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:  # noqa: ARG003
        """An untrained student as the project file describes it."""
        return cls(task, **settings.encoder.model_dump(), seed=seed)

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:
        folder, device = model_folder(self.model), best_device()
        tokens = self._tokens(folder)
        with own_randomness(self.seed, device):
            network = self._network(folder, tokens, device)
            self.learner_ = Learner(network, tokens, self._objective(examples.targets))
            self.epochs_, self.history_ = (), None
            if not self._has_one_answer():
                self._train(self._encoded(examples), None if dev is None else self._encoded(dev), report)

    def encodings(self, documents: Sequence[Document]) -> list[Encoding]:
        """The tokens that the network reads of each document."""
        return self.learner_.tokens.read(texts_of(self.task, documents))

    def _encoded(self, examples: Examples) -> Encoded:
        return Encoded(
            [document.id for document in examples.documents],
            self.encodings(examples.documents),
            torch.from_numpy(examples.targets).float(),
            torch.from_numpy(examples.weights).float(),
        )

    def _tokens(self, folder: Path) -> Tokens:
        return load_tokens(folder, network_config(folder), self.max_tokens)

    def _network(self, folder: Path, tokens: Tokens, device: torch.device) -> Any:
        return load_text_network(folder, self.task.labels, tokens.pad_id).to(device)

    def _restored_network(self, config_json: str, arrays: dict[str, NDArray[Any]], tokens: Tokens) -> Any:  # noqa: ARG002
        return restore_text_network(config_json, arrays, self.task.labels)

    def _has_one_answer(self) -> bool:
        return len(self.learner_.objective.columns) <= self.task.is_exclusive

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        found = torch.empty((len(documents), len(self.task.labels)))
        for rows, scores in self.learner_.scores(self.encodings(documents)):
            found[rows] = scores
        return np.asarray(self.learner_.objective.probabilities(found).numpy())

    def _objective(self, targets: FloatArray) -> Objective:
        present = np.flatnonzero(targets.max(axis=0) > 0)
        return Objective(torch.from_numpy(present), self.task.is_exclusive)

    def _files(self) -> StudentFiles:
        network = self.learner_.network
        return StudentFiles(
            weights_of(network) | self._columns_array(),
            {"config.json": config_text(network.config), "tokenizer.json": self.learner_.tokens.to_json()},
        )

    def _columns_array(self) -> dict[str, NDArray[Any]]:
        return {COLUMNS: self.learner_.objective.columns.numpy()}

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:  # noqa: ARG003
        """The student from its checked files, without thresholds."""
        student = cls(task, **stored.parameters)
        arrays = dict(files.arrays)
        objective = Objective(torch.from_numpy(columns_of(arrays, len(task.labels))), task.is_exclusive)
        tokens = tokens_of(files.texts.get("tokenizer.json", ""))
        network = student._restored_network(files.texts.get("config.json", ""), arrays, tokens)
        student.learner_ = Learner(network.to(best_device()).eval(), tokens, objective)
        student.epochs_, student.history_ = (), None
        return student


def columns_of(arrays: dict[str, NDArray[Any]], n_labels: int) -> NDArray[np.int64]:
    """Take the columns that were learned from among stored arrays; raises UserError if they are not there."""
    columns = arrays.pop(COLUMNS, None)
    if columns is None or columns.ndim != 1 or columns.dtype != np.int64 or not set(columns) <= set(range(n_labels)):
        raise UserError("model.safetensors does not say which labels were learned.", "Train the student again.")
    return columns


def tokens_of(text: str) -> Tokens:
    """The tokens in a stored ``tokenizer.json``; raises UserError if it is none."""
    try:
        return parse_tokens(text)
    except ValueError as exc:
        raise UserError(f"the student cannot be used: tokenizer.json is {exc}.", "Restore its folder.") from exc
