"""The forms in which a fine-tuned encoder can compute its answers on this machine; does not judge them.

``torch`` is what it was trained as, in single precision; the others are faster and answer a little differently, so that
each must be judged on gold dev before it is used.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal, Protocol, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.records import Document, Value
from understudy.student.auto import AutoStudent
from understudy.student.base import Labelled, Student
from understudy.student.cascade import CascadeStudent
from understudy.student.encoder import EncoderStudent
from understudy.student.exported import Exported
from understudy.student.network import logits
from understudy.student.other_form import OtherForm
from understudy.student.spans.tagger import EncoderTagger
from understudy.student.training import Learner, has_fast_bf16

Form = Literal["torch", "bf16", "onnx", "cascade", "int8"]
FORMS: tuple[Form, ...] = ("torch", "bf16", "onnx", "cascade", "int8")

FAITHFUL = 0.995
"""Share of gold dev texts on which a form must give the answer that single precision gives."""

FloatArray = NDArray[np.float64]
Formed = EncoderStudent | EncoderTagger | AutoStudent
"""Students that may have forms: of texts and relations, of spans, and those that such students answer for."""


class Labeller(Protocol):
    """What labels texts: a student, or one of its forms."""

    @property
    def task(self) -> Task:
        """What it labels."""

    def label(self, documents: Sequence[Document]) -> Labelled:
        """Values and probabilities, for every kind of task."""

    def predict_proba(self, documents: Sequence[Document]) -> FloatArray:
        """Probabilities of shape (n, K), columns in codebook order."""

    def decode(self, probabilities: FloatArray) -> list[Value]:
        """Values, decided with the student's thresholds; not of spans, whose places probabilities do not hold."""


def has_forms(student: object) -> TypeGuard[Formed]:
    """Whether a student has a network that can be computed in other ways, or one that answers for it has."""
    return bool(_networks(student))


def _networks(student: object) -> list[EncoderStudent | EncoderTagger]:
    """The fine-tuned students behind a student's answers."""
    if isinstance(student, AutoStudent):
        return [network for member in student.members_ for network in _networks(member.student)]
    return [student] if isinstance(student, EncoderStudent | EncoderTagger) else []


def forms_here(student: Formed, *, may_quantise: bool = False) -> tuple[Form, ...]:
    """The forms that this machine and what is installed on it can compute, besides ``torch``, fastest last.

    Parameters
    ----------
    may_quantise : whether ``int8`` is among them; it may cost accuracy.
    """
    device = _networks(student)[0].learner_.network.device
    if device.type != "cpu":
        return ("bf16",) if has_fast_bf16(device) else ()
    has_onnx = find_spec("onnx") is not None and find_spec("onnxruntime") is not None
    found: list[Form] = ["onnx"] if has_onnx else []
    found += ["bf16"] if has_fast_bf16(device) else []
    found += ["cascade"] if has_onnx and isinstance(student, EncoderStudent) else []
    return (*found, "int8") if has_onnx and may_quantise else tuple(found)


def in_form(student: Formed, form: Form, *, bound: float = np.inf, n_threads: int = 0) -> Labeller:
    """The student in one form.

    Parameters
    ----------
    bound : of ``cascade``: the margin up to which int8 does not decide; by default it never does.
    n_threads : of ONNX Runtime; 0 for as many as torch uses.

    Raises
    ------
    UserError
        If the extra `onnx` is missing for a form that needs it, or the architecture cannot be exported.
    ValueError
        If another student than one of texts or relations is asked for its ``cascade``: of spans nearly every text has a
        word that int8 is not sure of, and several students are sure of different texts.
    """
    if form == "torch":
        return student
    if form == "cascade":
        if not isinstance(student, EncoderStudent):
            raise ValueError(f"a student of kind {student.kind} has no cascade")
        return CascadeStudent(student, bound, n_threads=n_threads)
    return _computed(student, form, n_threads)


def _computed(student: Student, form: Form, n_threads: int) -> Student:
    """The student with every network behind it computed in one form that stands in for the network alone."""
    if isinstance(student, AutoStudent):
        return student.answered_by([_computed(member.student, form, n_threads) for member in student.members_])
    if not isinstance(student, EncoderStudent | EncoderTagger):
        return student
    learner = student.learner_
    if form == "bf16":
        return student.scored_by(Half(learner))
    return student.scored_by(Exported(learner, is_quantised=form == "int8", n_threads=n_threads))


class Half(OtherForm):
    """A fitted network in bfloat16; probabilities are made in double precision."""

    def __init__(self, learner: Learner) -> None:
        super().__init__(learner.tokens)
        self._network = copy.deepcopy(learner.network).to(torch.bfloat16).eval()

    def _logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.inference_mode():
            return logits(self._network, batch).cpu()
