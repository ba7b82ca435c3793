"""The processes of one training: a single one, or several under `accelerate launch` that share every step's texts.

Each process computes the gradients of its texts, and all take the same step with their sum: whatever is in parts,
weighed or computed again stays so. Needs the extra `distributed` where there are several.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from understudy.student.extras import extra

T = TypeVar("T")
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Processes:
    """Who takes part, and which one this is.

    Attributes
    ----------
    rank : of this process, from 0; the first one keeps checkpoints.
    count : of processes.
    accelerator : accelerate's, which connects them; None for a single process that needs no connection.
    """

    rank: int = 0
    count: int = 1
    accelerator: Any = None

    def own(self, rows: IntArray) -> IntArray:
        """The share of this process in a step's rows."""
        return rows[self.rank :: self.count]

    def add_up(self, network: torch.nn.Module, loss: float) -> float:
        """Give every process the sum of all processes' gradients; returns the sum of their losses."""
        if self.accelerator is None:
            return loss
        trained = [p for p in network.parameters() if p.requires_grad]
        has_gradient = torch.tensor([loss, *(p.grad is not None for p in trained)], device=trained[0].device)
        said = self.accelerator.reduce(has_gradient.double(), reduction="sum")
        moved = [p for p, n in zip(trained, said[1:], strict=True) if n > 0]
        if moved:
            self._add_up_gradients(moved)
        return float(said[0])

    def gather(self, items: list[T]) -> list[T]:
        """The items of all processes, in the order of their ranks."""
        if self.accelerator is None:
            return items
        found: list[T] = extra("accelerate.utils", "distributed").gather_object(items)
        return found

    def first(self, value: T) -> T:
        """The value of the first process, for all: what rounding may tell apart must not be decided twice."""
        if self.accelerator is None:
            return value
        told: T = extra("accelerate.utils", "distributed").broadcast_object_list([value])[0]
        return told

    def _add_up_gradients(self, moved: list[torch.nn.Parameter]) -> None:
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten().float() for p in moved])
        total = self.accelerator.reduce(flat, reduction="sum")
        for p, part in zip(moved, torch.split(total, [p.numel() for p in moved]), strict=True):
            p.grad = part.view_as(p).to(p.dtype)


def processes() -> Processes:
    """Those that this process was started with: several if `accelerate launch` (or `torchrun`) says so.

    Raises
    ------
    UserError
        If there are several and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Processes()
    accelerator = extra("accelerate", "distributed").Accelerator()
    return Processes(accelerator.process_index, accelerator.num_processes, accelerator)
