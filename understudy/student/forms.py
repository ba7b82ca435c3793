"""The forms in which an encoder student can compute its labels on this machine, and which of them may stand in for it.

``torch`` is what it was trained as, in single precision; the others are faster and answer a little differently, so that
each must be judged on gold dev before it is used.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.records import Document, Value
from understudy.student.cascade import CascadeStudent
from understudy.student.encoder import EncoderStudent
from understudy.student.exported import ExportedStudent
from understudy.student.network import logits
from understudy.student.other_form import OtherForm
from understudy.student.training import has_fast_bf16

Form = Literal["torch", "bf16", "onnx", "cascade", "int8"]
FORMS: tuple[Form, ...] = ("torch", "bf16", "onnx", "cascade", "int8")

FAITHFUL = 0.995
"""Share of gold dev texts on which a form must give the label that single precision gives."""

FloatArray = NDArray[np.float64]


class Labeller(Protocol):
    """What labels texts: a student, or one of its forms."""

    @property
    def task(self) -> Task:
        """What it labels."""

    def predict_proba(self, documents: Sequence[Document]) -> FloatArray:
        """Probabilities of shape (n, K), columns in codebook order."""

    def decode(self, probabilities: FloatArray) -> list[Value]:
        """Values, decided with the student's thresholds."""


def forms_here(student: EncoderStudent, *, may_quantise: bool = False) -> tuple[Form, ...]:
    """The forms that this machine and what is installed on it can compute, besides ``torch``, fastest last.

    Parameters
    ----------
    may_quantise : whether ``int8`` is among them; it may cost accuracy.
    """
    device = student.learner_.network.device
    if device.type != "cpu":
        return ("bf16",) if has_fast_bf16(device) else ()
    has_onnx = find_spec("onnx") is not None and find_spec("onnxruntime") is not None
    found: list[Form] = ["onnx"] if has_onnx else []
    found += ["bf16"] if has_fast_bf16(device) else []
    found += ["cascade"] if has_onnx else []
    return (*found, "int8") if has_onnx and may_quantise else tuple(found)


def in_form(student: EncoderStudent, form: Form, *, bound: float = np.inf, n_threads: int = 0) -> Labeller:
    """The student in one form.

    Parameters
    ----------
    bound : of ``cascade``: the margin up to which int8 does not decide; by default it never does.
    n_threads : of ONNX Runtime; 0 for as many as torch uses.

    Raises
    ------
    UserError
        If the extra `onnx` is missing for a form that needs it, or the architecture cannot be exported.
    """
    if form == "torch":
        return student
    if form == "bf16":
        return HalfStudent(student)
    if form == "cascade":
        return CascadeStudent(student, bound, n_threads=n_threads)
    return ExportedStudent(student, is_quantised=form == "int8", n_threads=n_threads)


class HalfStudent(OtherForm):
    """A fitted encoder student whose network computes in bfloat16; probabilities are made in double precision."""

    def __init__(self, student: EncoderStudent) -> None:
        super().__init__(student)
        self._network = copy.deepcopy(student.learner_.network).to(torch.bfloat16).eval()

    def _logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.inference_mode():
            return logits(self._network, batch).cpu()
