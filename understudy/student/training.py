"""The training loop of fine-tuned students: batches of similar length, warm-up and decay, clipping, early stopping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding

from understudy.embedding import Tokens, batches_by_length
from understudy.errors import UserError
from understudy.student.base import Report, Step
from understudy.student.network import logits
from understudy.student.objective import Objective

IntArray = NDArray[np.int64]

BATCHES_SORTED_TOGETHER = 50
SMALLEST_NUMBER_OF_POOLS = 4
"""Few texts are still sorted in at least so many pools, so that batches differ from epoch to epoch."""

SCORING_BATCH = 32


@dataclass(frozen=True)
class Plan:
    """The hyper-parameters of one training run; see the settings of the same names.

    Attributes
    ----------
    uses_bf16 : compute forward passes in bfloat16 where that is safe (autocast).
    """

    learning_rate: float
    batch_size: int
    epochs: int
    warmup: float
    weight_decay: float
    max_grad_norm: float
    patience: int
    uses_bf16: bool


@dataclass(frozen=True)
class Encoded:
    """Tokenised examples.

    Attributes
    ----------
    encodings : n tokenised texts.
    targets : shape (n, K).
    weights : shape (n,), mean 1.
    """

    encodings: Sequence[Encoding]
    targets: torch.Tensor
    weights: torch.Tensor

    @property
    def lengths(self) -> IntArray:
        """Tokens of each text."""
        return np.array([len(encoding.ids) for encoding in self.encodings], dtype=np.int64)


@dataclass(frozen=True)
class Epoch:
    """One pass over the training texts: mean losses; `dev_loss` is None without dev texts."""

    number: int
    train_loss: float
    dev_loss: float | None


@dataclass(frozen=True)
class Learner:
    """A network with what it reads and minimises."""

    network: Any
    tokens: Tokens
    objective: Objective


def train(
    learner: Learner, examples: Encoded, dev: Encoded | None, plan: Plan, rng: np.random.Generator, report: Report
) -> list[Epoch]:
    """Train in place; ends with the weights of the epoch with the smallest dev loss, or the last without dev.

    Dropout draws from torch's global generator; the caller seeds and restores it.

    Raises
    ------
    UserError
        If the loss stops being finite.
    """
    optimiser = make_optimiser(learner.network, plan.learning_rate, plan.weight_decay)
    n_steps = -(-len(examples.encodings) // plan.batch_size)
    epochs: list[Epoch] = []
    best: dict[str, torch.Tensor] = {}
    for number in range(1, plan.epochs + 1):
        losses = list(_steps(learner, examples, plan, optimiser, rng, _Clock(number, n_steps, plan.epochs, report)))
        epochs.append(Epoch(number, float(np.mean(losses)), None if dev is None else dev_loss(learner, dev)))
        if dev is None:
            continue
        if _best(epochs) == number:
            best = {name: p.detach().clone() for name, p in learner.network.named_parameters() if p.requires_grad}
        elif number - _best(epochs) >= plan.patience:
            break
    if best:
        learner.network.load_state_dict(best, strict=False)
    learner.network.eval()
    return epochs


def scores(learner: Learner, encodings: Sequence[Encoding]) -> torch.Tensor:
    """Logits of shape (n, K) on the CPU, in float32 and input order."""
    learner.network.eval()
    lengths = np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)
    found = torch.empty((len(encodings), learner.network.config.num_labels))
    with torch.inference_mode():
        for rows in batches_by_length(lengths, SCORING_BATCH):
            found[rows] = logits(learner.network, learner.tokens.pad([encodings[row] for row in rows])).cpu()
    return found


def dev_loss(learner: Learner, dev: Encoded) -> float:
    """Weighted mean loss."""
    losses = learner.objective.losses(scores(learner, dev.encodings), dev.targets)
    return float((losses * dev.weights).mean())


def buckets(lengths: IntArray, batch_size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Every position once, in random batches of texts of similar length."""
    n = len(lengths)
    pool = batch_size * max(1, min(BATCHES_SORTED_TOGETHER, n // (batch_size * SMALLEST_NUMBER_OF_POOLS)))
    order = rng.permutation(n)
    pools = [order[start : start + pool] for start in range(0, n, pool)]
    by_length = np.concatenate([rows[np.argsort(-lengths[rows], kind="stable")] for rows in pools])
    batches = [by_length[start : start + batch_size] for start in range(0, n, batch_size)]
    for batch in rng.permutation(len(batches)):
        yield batches[batch]


def learning_rate(step: int, n_steps: int, warmup: float, peak: float) -> float:
    """Rate of a 0-based step: linear up over the share `warmup` of the steps, then linear down to 0 after the last."""
    n_warmup = int(np.ceil(warmup * n_steps))
    if step < n_warmup:
        return peak * step / n_warmup
    return peak * (n_steps - step) / max(1, n_steps - n_warmup)


def make_optimiser(network: Any, peak: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW over what is trainable; matrices decay, biases and norms do not."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=peak, fused=True)


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the processor computes in bfloat16 itself, rather than emulating it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


@dataclass(frozen=True)
class _Clock:
    """Which step of which epoch it is."""

    epoch: int
    n_steps: int
    n_epochs: int
    report: Report

    @property
    def total(self) -> int:
        return self.n_steps * self.n_epochs

    def step(self, in_epoch: int) -> int:
        return (self.epoch - 1) * self.n_steps + in_epoch

    def tell(self, in_epoch: int, loss: float) -> None:
        if not np.isfinite(loss):
            raise UserError(
                f"training diverged: the loss is {loss} in epoch {self.epoch}, step {in_epoch + 1}.",
                "Set a smaller `student.encoder.learning_rate`.",
            )
        self.report(Step(self.step(in_epoch) + 1, self.total, self.epoch, loss))


def _steps(
    learner: Learner,
    examples: Encoded,
    plan: Plan,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
    clock: _Clock,
) -> Iterator[float]:
    learner.network.train()
    for number, rows in enumerate(buckets(examples.lengths, plan.batch_size, rng)):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(clock.step(number), clock.total, plan.warmup, plan.learning_rate)
        loss = _step(learner, examples, rows, plan, optimiser)
        clock.tell(number, loss)
        yield loss


def _step(learner: Learner, examples: Encoded, rows: IntArray, plan: Plan, optimiser: torch.optim.Optimizer) -> float:
    network = learner.network
    batch = learner.tokens.pad([examples.encodings[row] for row in rows])
    with torch.autocast(network.device.type, dtype=torch.bfloat16, enabled=plan.uses_bf16):
        found = logits(network, batch)
    losses = learner.objective.losses(found, examples.targets[rows])
    loss = (losses * examples.weights[rows].to(losses.device)).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), plan.max_grad_norm)
    optimiser.step()
    optimiser.zero_grad()
    return float(loss.detach())


def _best(epochs: Sequence[Epoch]) -> int:
    return min(epochs, key=lambda epoch: np.inf if epoch.dev_loss is None else epoch.dev_loss).number
