"""The training loop of fine-tuned students: batches of similar length, warm-up and decay, clipping, early stopping.

Resumable: what a step draws depends on the seed and the step's number alone, so that weights, moments and a number are
all a checkpoint needs. It loads no models and knows no labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding

from understudy.embedding import Tokens, batches_by_length
from understudy.errors import UserError
from understudy.student.base import Report, Step
from understudy.student.batching import buckets, parts
from understudy.student.checkpoint import Checkpoint, Checkpoints, UnusableCheckpointError
from understudy.student.network import logits
from understudy.student.objective import Objective
from understudy.student.optimising import (
    learning_rate,
    make_optimiser,
    moments_of,
    put_moments,
    set_rate,
)
from understudy.student.processes import processes
from understudy.student.reweighting import Reweighting, WeightHistory, learning_rates, normalised

IntArray = NDArray[np.int64]
Scoring = Callable[[Sequence[Encoding]], Iterator[tuple[IntArray, torch.Tensor]]]
"""Texts to batches of them: their positions, and what a network says about them, on the CPU and in float32."""

SCORING_BATCH = 32
GOLD_BATCH = 8
"""Gold texts that judge one step; a larger batch costs more (`benchmarks/reweighting.py`)."""

ORDER, DROPOUT, GOLD = range(3)
"""What is drawn, so that no two streams are the same."""


@dataclass(frozen=True)
class Plan:
    """The hyper-parameters of one training run; see the settings of the same names.

    Attributes
    ----------
    uses_bf16 : compute forward passes in bfloat16 where that is safe (autocast).
    reweight : weigh every step's examples by what they do to `GOLD_BATCH` gold dev texts.
    tokens_at_once : padded tokens; a step of more is computed in parts and is the same step.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    warmup: float
    weight_decay: float
    max_grad_norm: float
    patience: int
    uses_bf16: bool
    reweight: bool
    tokens_at_once: int


class Targets(Protocol):
    """What examples should be: a tensor with a row each, or what gives one for some rows."""

    def __getitem__(self, rows: IntArray, /) -> torch.Tensor:
        """The targets of these examples."""

    def numpy(self) -> NDArray[Any]:
        """All that they hold."""


@dataclass(frozen=True)
class Encoded:
    """Tokenised examples.

    Attributes
    ----------
    ids : of the n documents.
    encodings : n tokenised texts.
    targets : as the objective takes them; shape (n, K) where there is one decision a text.
    weights : shape (n,), mean 1.
    """

    ids: Sequence[str]
    encodings: Sequence[Encoding]
    targets: Targets
    weights: torch.Tensor

    @property
    def lengths(self) -> IntArray:
        """Tokens of each text."""
        return np.array([len(encoding.ids) for encoding in self.encodings], dtype=np.int64)

    def digest(self) -> str:
        """SHA-256 of everything that is learned from."""
        state = hashlib.sha256()
        for encoding in self.encodings:
            state.update(np.array([len(encoding.ids), *encoding.ids], dtype=np.int64).tobytes())
        for array in (self.targets.numpy(), self.weights.numpy()):
            state.update(array.tobytes())
        return state.hexdigest()


@dataclass(frozen=True)
class Epoch:
    """One pass over the training texts: mean losses; `dev_loss` is None without dev texts."""

    number: int
    train_loss: float
    dev_loss: float | None


@dataclass(frozen=True)
class Learner:
    """A network with what it reads and minimises.

    Attributes
    ----------
    scoring : what computes the fitted network where it only answers; None leaves that to torch.
    """

    network: Any
    tokens: Tokens
    objective: Objective
    scoring: Scoring | None = None

    def losses(self, examples: Encoded, rows: IntArray, *, uses_bf16: bool) -> torch.Tensor:
        """Loss of each of the examples' rows, shape (n,), unweighted."""
        batch = self.tokens.pad([examples.encodings[row] for row in rows])
        with torch.autocast(self.network.device.type, dtype=torch.bfloat16, enabled=uses_bf16):
            found = logits(self.network, batch)
        return self.objective.losses(found, examples.targets[rows])

    def scores(self, encodings: Sequence[Encoding]) -> Iterator[tuple[IntArray, torch.Tensor]]:
        """What the network says, in batches of texts of similar length, longest first; see `Scoring`."""
        return (self.scoring or self._by_torch)(encodings)

    def _by_torch(self, encodings: Sequence[Encoding]) -> Iterator[tuple[IntArray, torch.Tensor]]:
        self.network.eval()
        lengths = np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)
        for rows in batches_by_length(lengths, SCORING_BATCH):
            with torch.inference_mode():
                found = logits(self.network, self.tokens.pad([encodings[row] for row in rows])).cpu()
            yield rows, found


@dataclass(frozen=True)
class Trained:
    """What a training run leaves beside the network's weights.

    Attributes
    ----------
    epochs : their losses.
    history : the weights that gold texts gave; None without reweighting.
    remarks : what a person should know: where it went on, what did not fit into memory.
    """

    epochs: tuple[Epoch, ...]
    history: WeightHistory | None
    remarks: tuple[str, ...]


def train(
    learner: Learner,
    examples: Encoded,
    dev: Encoded | None,
    plan: Plan,
    rng: np.random.Generator,
    report: Report,
    checkpoints: Checkpoints | None = None,
) -> Trained:
    """Train in place; ends with the weights of the epoch with the smallest dev loss, or the last without dev.

    Dropout draws from torch's global generator, which every step seeds; the caller restores it.

    Parameters
    ----------
    checkpoints : where an interrupted run of the same training is gone on with, and where this one leaves its own.

    Raises
    ------
    UserError
        If the loss stops being finite, one text does not fit into memory, `plan.reweight` has no dev texts, or a
        checkpoint cannot be written.
    """
    if plan.reweight and dev is None:
        raise UserError(
            "reweighting needs gold texts of role `dev`, and this training has none.",
            "Give some gold texts that role, or set `student.encoder.reweight` to false.",
        )
    return _Training(learner, examples, dev, plan, int(rng.integers(2**62)), report, checkpoints).run()


def dev_loss(learner: Learner, dev: Encoded) -> float:
    """Weighted mean loss."""
    learner.network.eval()
    losses = torch.empty(len(dev.encodings))
    with torch.inference_mode():
        for rows in batches_by_length(dev.lengths, SCORING_BATCH):
            losses[rows] = learner.losses(dev, rows, uses_bf16=False).cpu()
    return float((losses * dev.weights).mean())


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the processor computes in bfloat16 itself, rather than emulating it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


@dataclass
class _Training:
    """One run: everything that changes from step to step is here, and in `_state` and `_take`."""

    learner: Learner
    examples: Encoded
    dev: Encoded | None
    plan: Plan
    entropy: int
    report: Report
    checkpoints: Checkpoints | None

    step: int = 0
    tokens_at_once: int = field(init=False)
    epochs: list[Epoch] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """Of the steps of the present epoch."""
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    given: list[tuple[IntArray, torch.Tensor]] = field(default_factory=list)
    """Rows and the weights that gold texts gave them, in the present step."""

    def __post_init__(self) -> None:
        self.processes = processes()
        self.lengths = self.examples.lengths
        self.tokens_at_once = self.plan.tokens_at_once
        self.optimiser = make_optimiser(self.learner.network, self.plan.learning_rate, self.plan.weight_decay)
        self.history = WeightHistory(self.examples.ids) if self.plan.reweight else None
        self.rates = learning_rates(self.learner.network, self.optimiser)
        self.identity = "" if self.checkpoints is None else self._identity()

    @property
    def n_steps(self) -> int:
        """Of one epoch."""
        return -(-len(self.lengths) // self.plan.batch_size)

    @property
    def total(self) -> int:
        return self.n_steps * self.plan.epochs

    def run(self) -> Trained:
        self._resume()
        while len(self.epochs) < self.plan.epochs and not self._is_over():
            self._epoch(len(self.epochs) + 1)
        if self.best:
            self.learner.network.load_state_dict(self.best, strict=False)
        self.learner.network.eval()
        return Trained(tuple(self.epochs), self.history, tuple(self.remarks))

    def _is_over(self) -> bool:
        return self.dev is not None and bool(self.epochs) and len(self.epochs) - self._best() >= self.plan.patience

    def _epoch(self, number: int) -> None:
        self.learner.network.train()
        order = buckets(self.lengths, self.plan.batch_size, self._rng(ORDER, number))
        for rows in list(order)[len(self.losses) :]:
            set_rate(self.optimiser, learning_rate(self.step, self.total, self.plan.warmup, self.plan.learning_rate))
            self._tell(number, self._step(rows))
            if len(self.losses) < self.n_steps:
                self._keep_if_due()
        self._close(number)
        self._keep_if_due()

    def _close(self, number: int) -> None:
        dev = None if self.dev is None else self.processes.first(dev_loss(self.learner, self.dev))
        self.epochs.append(Epoch(number, float(np.mean(self.losses)), dev))
        self.losses = []
        if dev is not None and self._best() == number:
            self.best = {name: p.detach().clone() for name, p in self._trained()}

    def _best(self) -> int:
        return min(self.epochs, key=lambda epoch: np.inf if epoch.dev_loss is None else epoch.dev_loss).number

    def _step(self, rows: IntArray) -> float:
        torch.manual_seed(int(self._rng(DROPOUT, self.step, self.processes.rank).integers(2**62)))
        loss = self.processes.add_up(self.learner.network, self._gradients(self.processes.own(rows), len(rows)))
        torch.nn.utils.clip_grad_norm_(self.learner.network.parameters(), self.plan.max_grad_norm)
        self.optimiser.step()
        self.optimiser.zero_grad()
        if self.history is not None:
            for part, weights in self.processes.gather(self.given):
                self.history.record(part.tolist(), weights)
        return loss

    def _gradients(self, rows: IntArray, n: int) -> float:
        """Put the rows' share of the gradients of a step of `n` in place; in parts where memory does not suffice."""
        while True:
            self.given = []
            try:
                return sum(self._part(part, n) for part in parts(rows, self.lengths, self.tokens_at_once))
            except RuntimeError as exc:
                if not is_out_of_memory(exc):
                    raise
                reason = str(exc)
            self.optimiser.zero_grad()
            self._halve(rows, reason)

    def _part(self, rows: IntArray, n: int) -> float:
        losses, weights = self._weighed(rows)
        loss = (losses * weights.to(losses.device)).sum() / n
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _weighed(self, rows: IntArray) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses with graph, and weights relative to plain training."""
        given = self.examples.weights[rows]
        if self.history is None or self.dev is None:
            return self.learner.losses(self.examples, rows, uses_bf16=self.plan.uses_bf16), given
        n_gold = len(self.dev.encodings)
        gold = self._rng(GOLD, self.step).choice(n_gold, min(n_gold, GOLD_BATCH), replace=False)
        weigh: Reweighting[_Rows] = Reweighting(self.learner.network, self._losses_of, self.rates)
        weighed = weigh((self.examples, rows), (self.dev, gold))
        weights = normalised(weighed.weights.cpu() / self.learner.objective.sizes(self.examples.targets[rows]))
        self.given.append((rows, weights))
        return weighed.losses, weights * len(rows) * given

    def _losses_of(self, network: Any, batch: _Rows) -> torch.Tensor:
        learner = Learner(network, self.learner.tokens, self.learner.objective)
        return learner.losses(*batch, uses_bf16=self.plan.uses_bf16)

    def _halve(self, rows: IntArray, reason: str) -> None:
        """Compute half as much at once from now on."""
        largest = max(
            len(part) * int(self.lengths[part].max()) for part in parts(rows, self.lengths, self.tokens_at_once)
        )
        longest = int(self.lengths[rows].max())
        if largest <= longest:
            raise UserError(
                f"not even one text of {longest} tokens fits into memory: {reason}",
                "Set a smaller `max_tokens`, set `recompute` to true, or choose a smaller model.",
            )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.tokens_at_once = max(1, largest // 2)
        self.remarks.append(
            f"Memory did not suffice for {largest:,} tokens at once: from step {self.step + 1} on, steps are computed "
            f"in parts of at most {self.tokens_at_once:,} tokens. Their batch size stays {self.plan.batch_size}."
        )

    def _tell(self, epoch: int, loss: float) -> None:
        if not np.isfinite(loss):
            raise UserError(
                f"training diverged: the loss is {loss} in epoch {epoch}, step {len(self.losses) + 1}.",
                "Set a smaller `student.encoder.learning_rate`.",
            )
        self.losses.append(loss)
        self.step += 1
        self.report(Step(self.step, self.total, epoch, loss))

    def _rng(self, stream: int, number: int, rank: int = 0) -> np.random.Generator:
        return np.random.default_rng([self.entropy, stream, number, rank])

    def _trained(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        return ((name, p) for name, p in self.learner.network.named_parameters() if p.requires_grad)

    def _resume(self) -> None:
        if self.checkpoints is None:
            return
        found, passed_over = self.checkpoints.newest(self.identity, self._take)
        self.remarks += passed_over
        if found is not None:
            self.remarks.append(f"Training went on after step {found.step:,} of {self.total:,}, from its checkpoint.")

    def _keep_if_due(self) -> None:
        if self.checkpoints is not None and self.processes.rank == 0 and self.checkpoints.is_due():
            self.checkpoints.write(self._state(), self.identity)

    def _state(self) -> Checkpoint:
        tensors = {f"weights.{name}": p.detach() for name, p in self._trained()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        tensors |= {f"moments.{name}": tensor for name, tensor in moments_of(self.optimiser).items()}
        if self.history is not None:
            tensors |= {f"history.{name}": torch.from_numpy(a) for name, a in self.history.arrays().items()}
        state = {
            "epochs": [astuple(epoch) for epoch in self.epochs], "losses": self.losses,
            "tokens_at_once": self.tokens_at_once, "remarks": self.remarks,
        }  # fmt: skip
        return Checkpoint(self.step, tensors, state)

    def _take(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint; nothing is changed if it does not fit."""
        weights, best = _group(checkpoint, "weights"), _group(checkpoint, "best")
        shapes = {name: tuple(p.shape) for name, p in self._trained()}
        for found in (weights, best) if best else (weights,):
            if {name: tuple(tensor.shape) for name, tensor in found.items()} != shapes:
                raise UnusableCheckpointError("its weights are not those of this network")
        state = checkpoint.state
        try:
            epochs = [Epoch(*row) for row in state["epochs"]]
            losses, at_once, remarks = list(state["losses"]), int(state["tokens_at_once"]), list(state["remarks"])
            if self.history is not None:
                self.history.take({name: t.numpy() for name, t in _group(checkpoint, "history").items()})
            put_moments(self.optimiser, _group(checkpoint, "moments"))
        except (KeyError, TypeError, ValueError) as exc:
            raise UnusableCheckpointError(f"it is not whole ({exc})") from exc
        with torch.no_grad():
            for name, p in self._trained():
                p.copy_(weights[name])
        device = self.learner.network.device
        self.best = {name: tensor.to(device) for name, tensor in best.items()}
        self.step, self.epochs, self.losses = checkpoint.step, epochs, losses
        self.tokens_at_once, self.remarks = at_once, remarks + self.remarks

    def _identity(self) -> str:
        """Hash of all that decides how training goes."""
        state = hashlib.sha256(repr((self.plan, self.entropy, repr(self.learner.objective))).encode())
        for examples in (self.examples, self.dev):
            state.update(b"-" if examples is None else examples.digest().encode())
        for name, p in self._trained():
            state.update(name.encode())
            state.update(p.detach().float().cpu().numpy().tobytes())
        return state.hexdigest()


_Rows = tuple[Encoded, IntArray]


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch could not get memory, of a GPU or of the machine."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _group(checkpoint: Checkpoint, name: str) -> dict[str, torch.Tensor]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): t for key, t in checkpoint.tensors.items() if key.startswith(prefix)}
