"""The student that fine-tunes a Hugging Face encoder with a classification head."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.embedding import Encoder, Tokens, config_text, load_tokens, model_folder, network_config, parse_tokens
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import EmbeddingSettings, EncoderSettings, StudentSettings
from understudy.student.base import Examples, Report, Student
from understudy.student.checkpoint import Checkpoints
from understudy.student.folder import StudentFile, StudentFiles
from understudy.student.network import (
    best_device,
    load_network,
    own_randomness,
    recomputing,
    restore_network,
    weights_of,
)
from understudy.student.objective import Objective
from understudy.student.reweighting import Distrust, WeightHistory
from understudy.student.training import Encoded, Epoch, Learner, Plan, has_fast_bf16, scores, train

FloatArray = NDArray[np.float64]

DEFAULTS = EncoderSettings.model_construct()
COLUMNS = "understudy.columns"
"""Name, among the weights, of the columns of labels that have examples."""


LEARNED_FROM_DEV = (
    "Gold dev texts weighed the training labels: figures on gold dev are too good, those on test are not."
)


class EncoderStudent(Student):
    """Any Hugging Face encoder, fine-tuned on soft targets.

    Parameters
    ----------
    task : what is learned.
    model : ``bundled``, a folder, or a hub id.
    learning_rate, batch_size, epochs, warmup, weight_decay, max_grad_norm, max_tokens, patience : see the settings.
    reweight, tokens_at_once, recompute : see the settings.
    precision : ``auto`` trains in bfloat16 where the processor has it, ``fp32`` never; predictions are always fp32.
    seed : of the new head, dropout and the order of texts.

    Attributes
    ----------
    learner_ : network, tokens and objective.
    epochs_ : losses by epoch; with dev texts, the weights are those of the smallest dev loss.
    history_ : with `reweight`, the weight of every training text in every step; else None.
    """

    kind: ClassVar[str] = "encoder"

    learner_: Learner
    epochs_: tuple[Epoch, ...]
    history_: WeightHistory | None

    def __init__(
        self,
        task: Task,
        model: str = DEFAULTS.model,
        learning_rate: float = DEFAULTS.learning_rate,
        batch_size: int = DEFAULTS.batch_size,
        epochs: int = DEFAULTS.epochs,
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
    ) -> None:
        self.task = task
        self.model = model
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.warmup = warmup
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.max_tokens = max_tokens
        self.patience = patience
        self.reweight = reweight
        self.tokens_at_once = tokens_at_once
        self.recompute = recompute
        self.precision = precision
        self.seed = seed

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:  # noqa: ARG003
        """An untrained student as the project file describes it."""
        return cls(task, **settings.encoder.model_dump(), seed=seed)

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:
        folder, device = model_folder(self.model), best_device()
        tokens = load_tokens(folder, network_config(folder), self.max_tokens)
        with own_randomness(self.seed, device):
            network = self._network(folder, tokens.pad_id, device)
            self.learner_ = Learner(network, tokens, self._objective(examples.targets))
            self.epochs_, self.history_ = (), None
            if not self._has_one_answer():
                self._train(examples, dev, report)

    def _network(self, folder: Path, pad_id: int, device: torch.device) -> Any:
        return load_network(folder, self.task.labels, pad_id).to(device)

    def _train(self, examples: Examples, dev: Examples | None, report: Report) -> None:
        network, tokens = self.learner_.network, self.learner_.tokens
        encoded_dev = None if dev is None else _encoded(tokens, dev)
        checkpoints = None if self._workspace is None else Checkpoints(self._workspace)
        rng = np.random.default_rng(self.seed)
        with recomputing(network) if self.recompute else nullcontext():
            trained = train(
                self.learner_, _encoded(tokens, examples), encoded_dev, self._plan(network.device), rng, report,
                checkpoints,
            )  # fmt: skip
        self.epochs_, self.history_ = trained.epochs, trained.history
        self.remarks_ += trained.remarks + ((LEARNED_FROM_DEV,) if self.reweight else ())

    @property
    def weights_(self) -> FloatArray | None:
        """Mean weight of each training text, relative to plain training; None without `reweight`.

        Shape (n,), in the order of the documents whose `sample_weight` is above 0; nan where a text was never visited.
        """
        return None if self.history_ is None else self.history_.means().astype(np.float64)

    def distrusted(self, n: int) -> list[Distrust]:
        """The at most `n` training documents that gold texts gave the least weight; none without `reweight`."""
        return [] if self.history_ is None else self.history_.distrusted(n)

    def _has_one_answer(self) -> bool:
        return len(self.learner_.objective.columns) <= self.task.is_exclusive

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        encodings = self.learner_.tokens.read([document.text for document in documents])
        found: FloatArray = self.learner_.objective.probabilities(scores(self.learner_, encodings)).numpy()
        return found

    def _objective(self, targets: FloatArray) -> Objective:
        present = np.flatnonzero(targets.max(axis=0) > 0)
        return Objective(torch.from_numpy(present), self.task.is_exclusive)

    def _plan(self, device: torch.device) -> Plan:
        return Plan(
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            epochs=self.epochs,
            warmup=self.warmup,
            weight_decay=self.weight_decay,
            max_grad_norm=self.max_grad_norm,
            patience=self.patience,
            uses_bf16=self.precision == "auto" and has_fast_bf16(device),
            reweight=self.reweight,
            tokens_at_once=self.tokens_at_once,
        )

    def _parameters(self) -> dict[str, Any]:
        return {name: value for name, value in self.get_params(deep=False).items() if name != "task"}

    def _embedding(self) -> tuple[EmbeddingSettings, str] | None:
        return None

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
        network = restore_network(files.texts.get("config.json", ""), arrays, task.labels)
        student.learner_ = Learner(network.to(best_device()).eval(), tokens, objective)
        student.epochs_, student.history_ = (), None
        return student


def _encoded(tokens: Tokens, examples: Examples) -> Encoded:
    return Encoded(
        [document.id for document in examples.documents],
        tokens.read([document.text for document in examples.documents]),
        torch.from_numpy(examples.targets).float(),
        torch.from_numpy(examples.weights).float(),
    )


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
