"""What the teacher says about texts that nobody chose yet, for strategies that compare with it. Chooses nothing.

Only a teacher that is free is asked; of one that costs money the labels that the journal has must do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.pipeline.annotation import documents_to_ask, stored_annotations, teach
from understudy.pipeline.sources import labelled_set
from understudy.records import Annotation, Document

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]


def teacher_shares(project: Project, documents: Sequence[Document], student: FloatArray) -> FloatArray:
    """The share of the teacher's answers with each label, shape (n, K); the student's row where it gave no label.

    Parameters
    ----------
    student : shape (n, K), the student's probabilities: a text without a label is none to disagree about.

    Raises
    ------
    UserError
        If a text has no answer of a teacher that costs money, or the task marks spans.
    """
    if project.task.marks_spans:
        raise UserError(
            "`disagreement` compares labels of whole texts, and entities have none.", "Choose another `learn.strategy`."
        )
    found = labelled_set(project, documents, _opinions(project, documents))
    row_of = {document.id: row for row, document in enumerate(documents)}
    shares = student.copy()
    shares[[row_of[document.id] for document in found.documents]] = found.targets
    return shares


def _opinions(project: Project, documents: Sequence[Document]) -> Mapping[str, Annotation]:
    if not project.teacher_costs_money:
        return teach(project, documents)
    known = stored_annotations(project, documents)
    missing = len(documents_to_ask(documents, known))
    if missing:
        raise UserError(
            f"`disagreement` needs the teacher's labels of the whole pool, and {missing:,} texts have none.",
            "They would have to be paid for: run `understudy annotate` first, or choose another `learn.strategy`.",
        )
    return known
