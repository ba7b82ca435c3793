"""Several opinions of one fine-tuned student: its dropout left on while it predicts. Chooses and trains nothing.

References
----------
Gal and Ghahramani (2016), ICML: dropout as an approximation of a Bayesian network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import dropout

from understudy.errors import UserError
from understudy.records import Document
from understudy.student.base import Student
from understudy.student.fine_tuned import FineTunedStudent
from understudy.student.network import own_randomness

FloatArray = NDArray[np.float64]


def dropout_draws(student: Student, documents: Sequence[Document], n_draws: int, seed: int) -> FloatArray:
    """Probabilities of shape (n_draws, n, K) for n documents, each draw with dropout masks of its own.

    Dropout inside attention, which networks do not show as a layer, stays off.

    Raises
    ------
    UserError
        If the student has no network with dropout.
    """
    layers = _dropout_layers(student) if isinstance(student, FineTunedStudent) else []
    if not isinstance(student, FineTunedStudent) or not layers:
        raise UserError(
            f"a `{student.kind}` student has no dropout, of which several opinions could be drawn.",
            'Fine-tune one (`student.kind = "encoder"` or `learn.student = "encoder"`), or choose another strategy.',
        )
    with own_randomness(seed, student.learner_.network.device), _left_on(layers):
        return np.stack([student.predict_proba(documents) for _ in range(n_draws)])


def _dropout_layers(student: FineTunedStudent) -> list[nn.Dropout]:
    modules = student.learner_.network.modules()
    return [module for module in modules if isinstance(module, nn.Dropout) and module.p > 0]


@contextmanager
def _left_on(layers: Sequence[nn.Dropout]) -> Iterator[None]:
    """Drop inside the block although the network is in evaluation mode."""
    hooks = [layer.register_forward_hook(_drop) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _drop(layer: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
    assert isinstance(layer, nn.Dropout)
    return dropout(inputs[0], layer.p, training=True)
