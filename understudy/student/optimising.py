"""The optimiser of fine-tuned students, its learning rate by step, and its state as tensors by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def learning_rate(step: int, n_steps: int, warmup: float, peak: float) -> float:
    """Rate of a 0-based step: linear up over the share `warmup` of the steps, then linear down to 0 after the last."""
    n_warmup = int(np.ceil(warmup * n_steps))
    if step < n_warmup:
        return peak * step / n_warmup
    return peak * (n_steps - step) / max(1, n_steps - n_warmup)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step go that far."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def make_optimiser(network: Any, peak: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW over what is trainable; matrices decay, biases and norms do not."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=peak, fused=True)


def moments_of(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """What the optimiser remembers of earlier steps: ``<number of the parameter>.<moment>``; empty before the first."""
    state = optimiser.state_dict()["state"]
    return {f"{number}.{moment}": tensor for number, kept in state.items() for moment, tensor in kept.items()}


def put_moments(optimiser: torch.optim.Optimizer, moments: Mapping[str, torch.Tensor]) -> None:
    """Remember what `moments_of` gave.

    Raises
    ------
    ValueError
        If they are none, or not those of an optimiser over the same parameters; then nothing is changed.
    """
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in moments.items():
        number, moment = name.split(".")
        state.setdefault(int(number), {})[moment] = tensor
    expected = {
        number: {"step": (), "exp_avg": tuple(p.shape), "exp_avg_sq": tuple(p.shape)}
        for number, p in enumerate(p for group in optimiser.param_groups for p in group["params"])
    }
    found = {number: {name: tuple(t.shape) for name, t in kept.items()} for number, kept in state.items()}
    if not found or any(expected.get(number) != kept for number, kept in found.items()):
        raise ValueError("the optimiser's moments are missing or of other shapes")
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
