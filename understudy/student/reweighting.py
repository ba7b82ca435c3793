"""Weigh noisy training examples by whether they help on gold texts: automatic reweighting (Ren et al. 2018).

For one step of a training loop it says how much each example of the batch should count, and it keeps what it said,
so that distrusted labels can be shown. It draws no batches and takes no optimiser steps, and it never sees the text.

The method takes a virtual step on ``sum_i eps_i l_i``, asks how the loss of a gold batch changes with ``eps``, clips
and normalises. At ``eps = 0`` that derivative is a product of two gradients, so no second-order graph is needed::

    score_i  = sum_p rate_p <grad_p l_i, grad_p L_gold>        weight_i = max(0, score_i) / sum_j max(0, score_j)

where ``rate_p`` is the learning rate of parameter ``p``. Plain gradient descent and a fresh Adam (what LLMaAA's code
steps with) lead to the same weights: without history Adam's first step is linear in ``eps`` around 0, and its
constant factor cancels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

Batch = TypeVar("Batch")
Losses = Callable[[nn.Module, Batch], Tensor]
Direction = dict[str, Tensor]
Form = Literal["finite-difference", "forward-mode", "last-layer"]
FloatArray = npt.NDArray[np.floating[Any]]

STEP_LENGTH = 1e-2
"""Length of the finite-difference step in parameter space; see `finite_difference_scores`."""


@dataclass(frozen=True)
class WeighedLosses:
    """What a training loop needs of one batch: ``(weights * losses).sum().backward()``.

    Attributes
    ----------
    losses : Tensor of shape (n,), with the graph of an ordinary forward pass
    weights : Tensor of shape (n,), each >= 0, without graph
        Sum to 1, or all 0 if following any example would raise the gold loss; such a step teaches nothing.
    """

    losses: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Reweighting(Generic[Batch]):
    """Losses and weights of one training batch, judged by one gold batch.

    The training forward pass is shared: beyond a plain step, ``finite-difference`` costs one forward and backward
    pass over the gold batch and one forward pass without graph over the training batch; ``forward-mode`` costs twice
    that last pass and is exact; ``last-layer`` costs a forward pass over the gold batch and looks only at the last
    linear layer. All passes over the training batch use the same dropout masks; the gold pass uses none.

    Parameters
    ----------
    model : module to be trained; its parameters, `.grad` and training mode are left as found
    losses : function of the model and a batch, to a loss per example, shape (n,), any kind of example
    rates : learning rate of each trained parameter, by name; see `learning_rates`
        Only their ratios matter. Parameters that are not named count as frozen.
    form : how the gradient product is computed
    step_length : of ``finite-difference``, in parameter space, > 0

    Examples
    --------
    >>> model = nn.Linear(1, 1, bias=False)
    >>> weigh = Reweighting(model, lambda m, b: (m(b[0]) - b[1]).square().mean(1), {"weight": 0.1})
    >>> texts, gold = torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0]])
    >>> weigh((texts, torch.tensor([[9.0], [-9.0]])), (gold, torch.tensor([[9.0]]))).weights
    tensor([1., 0.])
    """

    model: nn.Module
    losses: Losses[Batch]
    rates: Mapping[str, float]
    form: Form = "finite-difference"
    step_length: float = STEP_LENGTH

    def __call__(self, batch: Batch, gold_batch: Batch) -> WeighedLosses:
        """Losses of `batch` with graph, and their weights.

        Raises
        ------
        ValueError
            If a score is not finite, `rates` names no parameter of the model, or the losses are not one per example.
        """
        if self.form == "last-layer":
            losses, scores = self._through_last_layer(batch, gold_batch)
        else:
            losses, scores = self._through_whole_model(batch, gold_batch)
        return WeighedLosses(losses, normalised(scores))

    def _through_whole_model(self, batch: Batch, gold_batch: Batch) -> tuple[Tensor, Tensor]:
        direction = gold_direction(self.model, self.losses, gold_batch, self.rates)
        replay = _RandomState.of(self.model)
        losses = _one_per_example(self.losses(self.model, batch))
        with replay.again():
            if self.form == "forward-mode":
                return losses, forward_mode_scores(self.model, self.losses, batch, direction)
            base = losses.detach()
            return losses, finite_difference_scores(
                self.model, self.losses, batch, direction, base=base, step_length=self.step_length, reuses_memory=True
            )

    def _through_last_layer(self, batch: Batch, gold_batch: Batch) -> tuple[Tensor, Tensor]:
        name, head = last_linear(self.model)
        rates = (self.rates.get(f"{name}.weight", 0.0), self.rates.get(f"{name}.bias", 0.0))
        if not any(rates):
            raise ValueError(f"The last linear layer `{name}` has no learning rate. Train it, or use another form.")
        with _without_dropout(self.model), _watched(head, from_here=True) as gold:
            gold_delta = gold.gradient_of(_one_per_example(self.losses(self.model, gold_batch)).mean())
        with _watched(head, from_here=False) as seen:
            losses = _one_per_example(self.losses(self.model, batch))
        delta = seen.gradient_of(losses.sum(), keep_graph=True)
        return losses, _head_scores(delta, seen.features, gold_delta, gold.features, rates)


def learning_rates(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Learning rate of each parameter that `optimizer` trains, by the parameter's name in `model`.

    Only ratios matter, so ask once, before the first step: a warm-up begins with rates of 0. Where a scheduler has
    noted the rate it starts from (``initial_lr``), that one is taken.
    """
    rates = {
        id(parameter): float(group.get("initial_lr", group["lr"]))
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    return {name: rates[id(p)] for name, p in model.named_parameters() if id(p) in rates and p.requires_grad}


def gold_direction(model: nn.Module, losses: Losses[Batch], gold_batch: Batch, rates: Mapping[str, float]) -> Direction:
    """Gradient of the mean gold loss times the learning rate, by parameter name; dropout off, `.grad` untouched.

    Parameters that do not influence the loss are left out.
    """
    trained = {name: p for name, p in model.named_parameters() if rates.get(name, 0.0) > 0}
    if not trained:
        raise ValueError("`rates` gives no parameter of the model a learning rate above 0. See `learning_rates`.")
    with _without_dropout(model), torch.enable_grad():
        mean = _one_per_example(losses(model, gold_batch)).mean()
        gradients = torch.autograd.grad(mean, list(trained.values()), allow_unused=True)
    pairs = zip(trained, gradients, strict=True)
    return {name: gradient.mul_(rates[name]) for name, gradient in pairs if gradient is not None}


def forward_mode_scores(model: nn.Module, losses: Losses[Batch], batch: Batch, direction: Direction) -> Tensor:
    """Derivative of each example's loss along `direction`, exact, in one forward-mode pass.

    Returns
    -------
    Tensor of shape (n,), unit: loss per unit of `direction`; positive: the example pulls where gold pulls.

    Notes
    -----
    The model must be made of operations that have a forward derivative. PyTorch's fused attention has none, so
    attention runs unfused here.
    """
    at, here = _losses_at(model, losses, batch), _parameters(model, direction)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        # PyTorch compiles its forward derivatives with a function that it has deprecated itself.
        warnings.filterwarnings("ignore", "`torch.jit.script", DeprecationWarning)
        scores = torch.func.jvp(at, (here,), (direction,))[1]
    return torch.as_tensor(scores)


def finite_difference_scores(
    model: nn.Module,
    losses: Losses[Batch],
    batch: Batch,
    direction: Direction,
    *,
    base: Tensor,
    step_length: float = STEP_LENGTH,
    reuses_memory: bool = False,
) -> Tensor:
    """Derivative of each example's loss along `direction`, from its change after a short step against it.

    Parameters
    ----------
    base : Tensor of shape (n,)
        Losses of `batch` at the present parameters, from a pass with the same dropout masks as this one will have.
    step_length : Euclidean length of the step over all parameters, > 0
        The error grows with it (curvature) and with its inverse (rounding). On MiniLM the largest difference
        of a weight from the exact one, where the largest weight was 0.19: fp32 2e-4 at 1e-3, 2e-3 at 1e-2;
        bf16 6e-2 at 1e-3, 4e-3 at 1e-2. For double precision 1e-5 is good.
    reuses_memory : overwrite `direction` instead of making a third copy of the parameters

    Returns
    -------
    Tensor of shape (n,), unit: loss per unit of `direction`; zeros if `direction` is 0 everywhere.
    """
    if not step_length > 0:
        raise ValueError(f"`step_length` must be above 0, found {step_length}.")
    length = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(d) for d in direction.values()])))
    if length == 0:
        return torch.zeros_like(base)
    scale, here = step_length / length, _parameters(model, direction)
    out = direction if reuses_memory else {name: torch.empty_like(p) for name, p in here.items()}
    with torch.no_grad():
        moved = {name: torch.sub(p, direction[name], alpha=scale, out=out[name]) for name, p in here.items()}
        return (base - _losses_at(model, losses, batch)(moved)) / scale


def linear_weights(
    residuals: FloatArray,
    features: FloatArray,
    gold_residuals: FloatArray,
    gold_features: FloatArray,
    *,
    has_intercept: bool = True,
) -> FloatArray:
    """Weights of all training examples of a linear classifier with cross-entropy, in closed form.

    Parameters
    ----------
    others : as of `linear_scores`.

    Returns
    -------
    array of shape (n,), each >= 0
        Sums to 1, or all 0 if every example pulls against gold.
    """
    scores = linear_scores(residuals, features, gold_residuals, gold_features, has_intercept=has_intercept)
    return np.asarray(normalised(torch.from_numpy(scores)), dtype=np.float64)


def linear_scores(
    residuals: FloatArray,
    features: FloatArray,
    gold_residuals: FloatArray,
    gold_features: FloatArray,
    *,
    has_intercept: bool = True,
) -> FloatArray:
    """Product of each training decision's gradient and the gold loss's, of a linear classifier with cross-entropy.

    Parameters
    ----------
    residuals : array of shape (n, k)
        Predicted probability minus target (hard or soft) per label.
    features : array of shape (n, d)
    gold_residuals, gold_features : arrays of shape (m, k) and (m, d), m >= 1
    has_intercept : whether the classifier also learns an intercept per label

    Returns
    -------
    array of shape (n,); positive: the decision pulls where gold pulls
    """
    arrays = (residuals, features, gold_residuals, gold_features)
    _check_rows(residuals, features, "training")
    _check_rows(gold_residuals, gold_features, "gold")
    delta, h, gold_delta, gold_h = (torch.from_numpy(np.ascontiguousarray(a, dtype=np.float64)) for a in arrays)
    scores = _head_scores(delta, h, gold_delta / len(gold_delta), gold_h, (1.0, float(has_intercept)))
    return np.asarray(scores, dtype=np.float64)


def normalised(scores: Tensor) -> Tensor:
    """Negative scores clipped to 0, the rest scaled to sum 1; all 0 if no score is positive.

    Raises
    ------
    ValueError
        If a score is not finite.
    """
    if not bool(torch.isfinite(scores).all()):
        where = torch.nonzero(~torch.isfinite(scores)).flatten().tolist()
        raise ValueError(f"Scores of examples {where} in the batch are not finite. Lower the learning rate.")
    clipped = scores.detach().clamp(min=0)
    total = clipped.sum()
    return clipped / total if total > 0 else clipped


def last_linear(model: nn.Module) -> tuple[str, nn.Linear]:
    """Name and module of the linear layer that `model` declares last; in classifiers the one that yields logits."""
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not found:
        raise ValueError("The model has no linear layer. Use form `finite-difference`.")
    return found[-1]


@dataclass(frozen=True)
class Distrust:
    """How one training document fared.

    Attributes
    ----------
    id : of the document
    weight : mean relative weight over its visits; 1 is that of plain training
    visits : steps that contained it
    zeros : visits at which it got no weight at all
    """

    id: str
    weight: float
    visits: int
    zeros: int


@dataclass
class WeightHistory:
    """Every weight that was given, by document and step; on the way, weights are smoothed for training.

    Weights are kept relative to plain training: times the batch's size, so that 1 means "as if nothing was weighed".

    Parameters
    ----------
    ids : of the training examples' documents; positions below are into this sequence
        A document that is read in several parts has its id several times and one mean weight.
    decay : in [0, 1)
        Share of a document's earlier smoothed weight (1 before its first visit) in the one it trains with.
        0, the default, is the method as published.
    floor : in [0, 1]
        Relative weight below which no document trains; 0, the default, is the method as published.
    """

    ids: Sequence[str]
    decay: float = 0.0
    floor: float = 0.0
    _smoothed: FloatArray = field(init=False, repr=False)
    _documents: dict[str, int] = field(init=False, repr=False)
    _document_of: npt.NDArray[np.intp] = field(init=False, repr=False)
    _positions: list[npt.NDArray[np.intp]] = field(init=False, repr=False, default_factory=list)
    _weights: list[FloatArray] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"`decay` must be in [0, 1), found {self.decay}.")
        if not 0 <= self.floor <= 1:
            raise ValueError(f"`floor` must be in [0, 1], found {self.floor}.")
        self._smoothed = np.ones(len(self.ids))
        self._documents = {name: number for number, name in enumerate(dict.fromkeys(self.ids))}
        self._document_of = np.array([self._documents[name] for name in self.ids], dtype=np.intp)

    def record(self, positions: Sequence[int], weights: Tensor) -> Tensor:
        """Keep one step's weights and return those to train with.

        Parameters
        ----------
        positions : of the batch's documents in `ids`, each at most once
        weights : Tensor of shape (n,), each >= 0, as from `Reweighting`

        Returns
        -------
        Tensor of shape (n,), like `weights`; sums to 1, or all 0. Equal to `weights` without decay and floor.
        """
        where = np.asarray(positions, dtype=np.intp)
        if where.shape != tuple(weights.shape) or len(np.unique(where)) != len(where):
            raise ValueError(f"Expected {len(weights)} different positions for {len(weights)} weights, found {where}.")
        relative = weights.detach().cpu().double().numpy() * len(where)
        self._positions.append(where)
        self._weights.append(relative)
        self._smoothed[where] = self.decay * self._smoothed[where] + (1 - self.decay) * relative
        if not self.decay and not self.floor:
            return weights
        smoothed = torch.from_numpy(np.maximum(self._smoothed[where], self.floor)).to(weights)
        return normalised(smoothed)

    def of(self, position: int) -> FloatArray:
        """Relative weights of one example, in the order of its visits; empty if it was never visited."""
        pairs = zip(self._positions, self._weights, strict=True)
        return np.array([weight for where, given in pairs for weight in given[where == position]])

    def means(self) -> FloatArray:
        """Mean relative weight of each document, in the order of `ids`; nan where it was never visited."""
        visits, sums, _ = self._by_document()
        means: FloatArray = np.divide(sums, visits, out=np.full(len(visits), np.nan), where=visits > 0)
        return means

    def distrusted(self, n: int) -> list[Distrust]:
        """The at most `n` visited documents of lowest mean weight, lowest first; ties in the order of `ids`."""
        visits, _, zeros = self._by_document()
        means, names = self.means(), list(self._documents)
        order = [int(i) for i in np.argsort(means, kind="stable") if visits[i]]
        return [Distrust(names[i], float(means[i]), int(visits[i]), int(zeros[i])) for i in order[:n]]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that was recorded, to be kept; `take` takes it back."""
        where, given = self._flat()
        visits = np.array([len(positions) for positions in self._positions], dtype=np.int64)
        return {"positions": where.astype(np.int64), "weights": given.astype(np.float64), "visits": visits,
                "smoothed": self._smoothed}  # fmt: skip

    def take(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what `arrays` gave.

        Raises
        ------
        ValueError
            If they are those of another history.
        """
        where, given, visits = arrays["positions"].astype(np.intp), arrays["weights"], arrays["visits"]
        sums = (len(where), len(given), int(visits.sum()))
        if (
            len(set(sums)) > 1
            or len(arrays["smoothed"]) != len(self.ids)
            or not set(where) <= set(range(len(self.ids)))
        ):
            raise ValueError("The weights are those of other documents.")
        ends = np.cumsum(visits)[:-1]
        self._positions, self._weights = np.split(where, ends), np.split(given, ends)
        self._smoothed = arrays["smoothed"].astype(np.float64)

    def _by_document(self) -> tuple[npt.NDArray[np.intp], FloatArray, npt.NDArray[np.intp]]:
        """Visits, sums of weights, and visits without any, of each document."""
        where, given = self._flat()
        document, n = self._document_of[where], len(self._documents)
        return (
            np.bincount(document, minlength=n),
            np.bincount(document, given, minlength=n).astype(np.float64),
            np.bincount(document[given == 0], minlength=n),
        )

    def _flat(self) -> tuple[npt.NDArray[np.intp], FloatArray]:
        if not self._positions:
            return np.zeros(0, dtype=np.intp), np.zeros(0)
        return np.concatenate(self._positions), np.concatenate(self._weights)


class _Bound(nn.Module, Generic[Batch]):
    """The losses of a model as a module, so that parameters can be exchanged under any loss function."""

    def __init__(self, model: nn.Module, losses: Losses[Batch]) -> None:
        super().__init__()
        self.model = model
        self.losses = losses

    def forward(self, batch: Batch) -> Tensor:
        return _one_per_example(self.losses(self.model, batch))


def _losses_at(model: nn.Module, losses: Losses[Batch], batch: Batch) -> Callable[[Direction], Tensor]:
    bound = _Bound(model, losses)

    def at(parameters: Direction) -> Tensor:
        renamed = {f"model.{name}": value for name, value in parameters.items()}
        return torch.as_tensor(torch.func.functional_call(bound, renamed, (batch,)))

    return at


def _parameters(model: nn.Module, names: Mapping[str, Tensor]) -> Direction:
    return {name: p.detach() for name, p in model.named_parameters() if name in names}


def _one_per_example(losses: Tensor) -> Tensor:
    if losses.dim() != 1 or not len(losses):
        raise ValueError(f"Expected one loss per example, shape (n,), n >= 1; found shape {tuple(losses.shape)}.")
    return losses


def _head_scores(
    delta: Tensor, features: Tensor, gold_delta: Tensor, gold_features: Tensor, rates: tuple[float, float]
) -> Tensor:
    """Gradient products of one linear layer; deltas (n, ..., k) of the loss at its output, features (n, ..., d)."""
    k, d = delta.shape[-1], features.shape[-1]
    gold_delta, gold_features = gold_delta.reshape(-1, k), gold_features.reshape(-1, d)
    through_weight = (delta * (features @ (gold_features.T @ gold_delta))).flatten(1).sum(1)
    through_bias = (delta @ gold_delta.sum(0)).reshape(len(delta), -1).sum(1)
    return rates[0] * through_weight + rates[1] * through_bias


def _check_rows(residuals: FloatArray, features: FloatArray, which: str) -> None:
    if residuals.ndim != 2 or features.ndim != 2 or len(residuals) != len(features) or not len(features):
        raise ValueError(
            f"Expected {which} residuals (n, k) and features (n, d) of the same n >= 1; "
            f"found {residuals.shape} and {features.shape}."
        )


@dataclass
class _Watched:
    """Input and output of a linear layer in one pass."""

    features: Tensor = field(default_factory=lambda: torch.empty(0))
    output: Tensor = field(default_factory=lambda: torch.empty(0))
    calls: int = 0

    def gradient_of(self, loss: Tensor, *, keep_graph: bool = False) -> Tensor:
        if self.calls != 1:
            raise ValueError(f"The last linear layer must be used once in a pass, found {self.calls} times.")
        return _at_least_single(torch.autograd.grad(loss, self.output, retain_graph=keep_graph)[0])


@contextmanager
def _watched(layer: nn.Linear, *, from_here: bool) -> Iterator[_Watched]:
    """See what passes through `layer`; with `from_here`, no graph is recorded before its output."""
    seen = _Watched()

    def note(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        torch.set_grad_enabled(True)
        seen.calls += 1
        seen.features = _at_least_single(inputs[0].detach())
        seen.output = output.detach().requires_grad_() if from_here else output
        return seen.output

    handle = layer.register_forward_hook(note)
    try:
        with torch.set_grad_enabled(not from_here):
            yield seen
    finally:
        handle.remove()


def _at_least_single(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


@contextmanager
def _without_dropout(model: nn.Module) -> Iterator[None]:
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@dataclass(frozen=True)
class _RandomState:
    """Where the random streams that dropout draws from stood."""

    cpu: Tensor
    cuda: Mapping[int, Tensor]

    @classmethod
    def of(cls, model: nn.Module) -> _RandomState:
        devices = {p.device.index or 0 for p in model.parameters() if p.is_cuda}
        return cls(torch.get_rng_state(), {device: torch.cuda.get_rng_state(device) for device in devices})

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draw the same numbers once more, then go on as if nothing had been drawn."""
        with torch.random.fork_rng(devices=list(self.cuda)):
            torch.set_rng_state(self.cpu)
            for device, state in self.cuda.items():
                torch.cuda.set_rng_state(state, device)
            yield
