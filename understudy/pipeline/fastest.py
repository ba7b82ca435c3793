"""Which form of a student labels files: the fastest one here that gold dev shows to give the same labels.

The verdict is kept beside the arm, so that a file is labelled in one form from beginning to end and from run to run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import UserError
from understudy.evaluation import headline_score
from understudy.pipeline.cascading import cascade_of
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Document, Role, Value

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.student import Student
    from understudy.student.forms import Form, Formed, Labeller

FORM_FILE = "form.json"
MOST_F1_LOST = 0.5
"""Points of headline F1 on gold dev that int8 may lose where `student.quantise` allows it."""

FEWEST_TEXTS = 50
"""Gold dev texts below which nothing is said about a form."""

MOST_TEXTS_TIMED = 200


@dataclass(frozen=True)
class Chosen:
    """The form that labels, and why.

    Attributes
    ----------
    form : ``torch`` is single precision as trained.
    tried : the forms that were at hand; another set of them is judged anew.
    sentence : for a person.
    bound : of ``cascade``: the margin up to which int8 does not decide; else 0.
    """

    form: str
    tried: tuple[str, ...]
    sentence: str
    bound: float = 0.0


def in_fastest_form(project: Project, folder: Path, student: Student) -> tuple[Labeller, str]:
    """A trained student in the form that labels files, and a sentence about it; "" for students without a network."""
    from understudy.student.forms import forms_here, has_forms, in_form

    if not has_forms(student):
        return student, ""
    forms = forms_here(student, may_quantise=project.settings.student.quantise)
    chosen = _kept(folder, forms)
    if chosen is None:
        chosen = _choose(project, student, forms)
        (folder / FORM_FILE).write_text(json.dumps(asdict(chosen), indent=2), encoding="utf-8")
    return in_form(student, _as_form(chosen.form), bound=chosen.bound), chosen.sentence


def _kept(folder: Path, forms: Sequence[Form]) -> Chosen | None:
    try:
        stored = json.loads((folder / FORM_FILE).read_text(encoding="utf-8"))
        bound = float(stored["bound"])
        chosen = Chosen(str(stored["form"]), tuple(stored["tried"]), str(stored["sentence"]), bound)
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    return chosen if chosen.tried == tuple(forms) else None


def _choose(project: Project, student: Formed, forms: Sequence[Form]) -> Chosen:
    documents = project.gold_of(Role.DEV)
    if len(documents) < FEWEST_TEXTS or not forms:
        reason = f"only {len(documents)} gold dev texts to judge others by" if forms else "no other one at hand"
        return Chosen("torch", tuple(forms), f"computed in single precision: {reason}")
    base, base_s = _labelled(student, documents)
    best, best_s, why = Chosen("torch", tuple(forms), _NAMES["torch"]), base_s, ""
    for form in forms:
        try:
            labeller, bound, words = _made(project, student, form)
            given, seconds = _labelled(labeller, documents)
        except UserError as error:
            why += f"; {form} not: {error.message}"
            continue
        refusal = _refusal(project, documents, form, base, given)
        if refusal:
            why += f"; {form} not: {refusal}"
        elif seconds < best_s:
            best, best_s = Chosen(form, tuple(forms), words, bound), seconds
    gain = f", {base_s / best_s:.1f} times as fast as single precision" if best.form != "torch" else ""
    sentence = f"computed in {best.sentence}{gain}, as judged on {len(documents):,} gold dev texts{why}"
    return replace(best, sentence=sentence)


def _made(project: Project, student: Formed, form: Form) -> tuple[Labeller, float, str]:
    """The student in one form, the bound of a cascade, and the form in words."""
    from understudy.student import EncoderStudent
    from understudy.student.forms import in_form

    if form != "cascade" or not isinstance(student, EncoderStudent):
        return in_form(student, form), 0.0, _NAMES[form]
    cascade, words = cascade_of(project, student)
    return cascade, cascade.bound, f"{_NAMES[form]}, {words}"


def _refusal(
    project: Project, documents: Sequence[Document], form: str, base: Sequence[Value], given: Sequence[Value]
) -> str:
    """Why a form must not stand in for single precision; "" if it may."""
    from understudy.student.forms import FAITHFUL

    agreement = float(np.mean([a == b for a, b in zip(base, given, strict=True)]))
    if agreement >= FAITHFUL:
        return ""
    if form != "int8":
        return f"the same answer on {agreement:.1%} of the texts only"
    lost = 100 * (_f1(project, documents, base) - _f1(project, documents, given))
    if isnan(lost) or lost > MOST_F1_LOST:
        return f"it loses {lost:.1f} points of F1"
    return ""


def _labelled(labeller: Labeller, documents: Sequence[Document]) -> tuple[list[Value], float]:
    """Values of all documents, and seconds for at most 200 of them, after a first call that sets everything up."""
    timed = documents[:MOST_TEXTS_TIMED]
    labeller.label(timed[:8])
    started = time.perf_counter()
    values = labeller.label(timed).values
    seconds = time.perf_counter() - started
    rest = documents[MOST_TEXTS_TIMED:]
    return [*values, *(labeller.label(rest).values if rest else ())], seconds


def _f1(project: Project, documents: Sequence[Document], values: Sequence[Value]) -> float:
    return headline_score(count_values(project.task, documents, values), headline_of(project.task)).f1


def _as_form(name: str) -> Any:
    return name if name in _NAMES else "torch"


_NAMES = {
    "torch": "single precision",
    "onnx": "single precision by ONNX Runtime",
    "bf16": "bfloat16",
    "cascade": "int8 by ONNX Runtime",
    "int8": "int8 by ONNX Runtime",
}
