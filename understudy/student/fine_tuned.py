"""What students share that fine-tune a network: hyper-parameters, the training run, the weights that gold gave.

Makes no network and reads no texts.
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.settings import EmbeddingSettings, EncoderSettings
from understudy.student.base import Report, Student
from understudy.student.checkpoint import Checkpoints
from understudy.student.network import recomputing
from understudy.student.reweighting import Distrust, WeightHistory
from understudy.student.training import Encoded, Epoch, Learner, Plan, Scoring, has_fast_bf16, train

FloatArray = NDArray[np.float64]

DEFAULTS = EncoderSettings.model_construct()

FEWEST_EPOCHS, MOST_EPOCHS, FEWEST_STEPS = 5, 40, 400
"""Of a training whose epochs are not given."""

LEARNED_FROM_DEV = (
    "Gold dev texts weighed the training labels: figures on gold dev are too good, those on test are not."
)


class FineTunedStudent(Student):
    """A pretrained network, trained on.

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

    learner_: Learner
    epochs_: tuple[Epoch, ...]
    history_: WeightHistory | None

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

    def _train(self, examples: Encoded, dev: Encoded | None, report: Report) -> None:
        network = self.learner_.network
        checkpoints = None if self._workspace is None else Checkpoints(self._workspace)
        rng, plan = np.random.default_rng(self.seed), self._plan(network.device, len(examples.ids))
        with recomputing(network) if self.recompute else nullcontext():
            trained = train(self.learner_, examples, dev, plan, rng, report, checkpoints)
        self.epochs_, self.history_ = trained.epochs, trained.history
        self.remarks_ += trained.remarks + ((LEARNED_FROM_DEV,) if self.reweight else ())

    def scored_by(self, scoring: Scoring) -> Self:
        """The fitted student, whose network is computed in another way; it shares what was learned, and saves that."""
        other = copy.copy(self)
        other.learner_ = replace(self.learner_, scoring=scoring)
        return other

    @property
    def weights_(self) -> FloatArray | None:
        """Mean weight of each training text, relative to plain training; None without `reweight`.

        Shape (n,), in the order of the documents whose `sample_weight` is above 0; nan where a text was never visited.
        """
        return None if self.history_ is None else self.history_.means().astype(np.float64)

    def distrusted(self, n: int) -> list[Distrust]:
        """The at most `n` training documents that gold texts gave the least weight; none without `reweight`."""
        return [] if self.history_ is None else self.history_.distrusted(n)

    def _plan(self, device: torch.device, n: int) -> Plan:
        epochs, patience = (
            enough(n, self.batch_size, self.patience) if self.epochs == "auto" else (self.epochs, self.patience)
        )
        return Plan(
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            epochs=epochs,
            warmup=self.warmup,
            weight_decay=self.weight_decay,
            max_grad_norm=self.max_grad_norm,
            patience=patience,
            uses_bf16=self.precision == "auto" and has_fast_bf16(device),
            reweight=self.reweight,
            tokens_at_once=self.tokens_at_once,
        )

    def _parameters(self) -> dict[str, Any]:
        return {name: value for name, value in self.get_params(deep=False).items() if name != "task"}

    def _embedding(self) -> tuple[EmbeddingSettings, str] | None:
        return None


def enough(n: int, batch_size: int, patience: int) -> tuple[int, int]:
    """Epochs that train a network well on n texts, and patience as long a part of them as `patience` is of the fewest.

    References
    ----------
    Mosbach, Andriushchenko and Klakow (2021), ICLR: what makes fine-tuning on few texts fail is too few steps.
    """
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, -(-FEWEST_STEPS // -(-n // batch_size))))
    return epochs, -(-patience * epochs // FEWEST_EPOCHS)
