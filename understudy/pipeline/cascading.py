"""How sure int8 must be of a label for single precision not to be asked, from texts that both have labelled.

Needs no human labels, and no text that may judge a student is among those that are compared, but for gold dev.
"""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.evaluation import clopper_pearson
from understudy.pipeline.annotation import pool_to_label
from understudy.records import Document, Role

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.student import EncoderStudent
    from understudy.student.cascade import CascadeStudent

BOTH_SIDES = 0.9
"""Level of an interval each of whose ends is right with 95 % confidence."""

MOST_TEXTS_COMPARED = 1500

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def cascade_of(project: Project, student: EncoderStudent) -> tuple[CascadeStudent, str]:
    """The student in int8 with a bound that gold dev and pool texts show to be right, and what it does, in words.

    Raises
    ------
    UserError
        If there are too few texts, or the student cannot be exported.
    """
    from understudy.student.cascade import CascadeStudent, margins

    documents = _compared(project)
    _refuse_few(len(documents))
    cascade = CascadeStudent(student, np.inf)
    quick, exact = cascade.quick.predict_proba(documents), cascade.exact.predict_proba(documents)
    is_same = np.array([a == b for a, b in zip(student.decode(quick), student.decode(exact), strict=True)], dtype=bool)
    found = margins(student.task, quick, student.thresholds_)
    cascade.bound = cascade_bound(found, is_same)
    share = float(np.mean(found <= cascade.bound))
    return cascade, f"then in single precision for {share:.1%} of {len(documents):,} texts, on which it was not sure"


def cascade_bound(margins: FloatArray, is_same: BoolArray) -> float:
    """The margin up to which int8 must not decide, so that nearly all labels are those of single precision.

    With 95 % confidence (Clopper and Pearson, one-sided) at most 0.5 % of the labels differ. That allows some of the
    texts to differ; the bound is the largest margin among the others that do. A lower bound leaves more of them, so
    that the search downwards ends at the first one that leaves too many, and needs no correction for having searched.

    Parameters
    ----------
    margins : of n texts in int8, shape (n,), >= 0.
    is_same : whether int8 gave the label that single precision gives, shape (n,).

    Returns
    -------
    >= 0; 0 if no more texts differ than may.

    Raises
    ------
    UserError
        If n is below 598: too few even if all labels are the same.

    References
    ----------
    Maurer, Hothorn and Lehmacher (1995), on hypotheses that are tested in a fixed order.
    """
    n = len(margins)
    _refuse_few(n)
    n_allowed = sum(1 for _ in takewhile(lambda k: _is_shown(k, n), count(1)))
    differing = np.sort(margins[~is_same])[::-1]
    return float(differing[n_allowed]) if len(differing) > n_allowed else 0.0


def _refuse_few(n: int) -> None:
    if n == 0 or not _is_shown(0, n):
        raise UserError(f"{n:,} texts are too few to compare int8 on", "Add texts to the pool.")


def _is_shown(n_differing: int, n: int) -> bool:
    """Whether so many differing labels show that hardly any differ."""
    from understudy.student.forms import FAITHFUL

    return clopper_pearson(n_differing, n, BOTH_SIDES).high <= 1 - FAITHFUL


def _compared(project: Project) -> list[Document]:
    """Gold dev and pool texts; those that a teacher was to label come last, as the student may know them."""
    known = {document.id for document in pool_to_label(project)}
    pool = sorted(project.candidates, key=lambda document: document.id in known)
    return [*project.gold_of(Role.DEV), *pool][:MOST_TEXTS_COMPARED]
