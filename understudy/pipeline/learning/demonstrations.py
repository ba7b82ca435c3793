"""Demonstrations for a domain that has none: texts of which the student is sure, for a person to confirm.

It writes `demonstrations.csv` in the project folder; a person fills in the label column, and every later step reads the
filled rows (`confirmed`). The proposals are not labels: nothing learns from a row that nobody has filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.acquisition import PoolView, margin, reduce_tokens, select_batch
from understudy.pipeline.learning.confirmed import FILE
from understudy.pipeline.learning.sheet import write_sheet
from understudy.records import Annotation, Document, Outcome, Role, Value

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.pipeline.project import Project
    from understudy.student import Student

SURE_SHARE = 0.2
"""Of the texts that the student would answer alike, surest first (FreeAL, Xiao et al. 2023)."""


def propose(
    project: Project, student: Student | None, documents: Sequence[Document], annotations: Mapping[str, Annotation]
) -> Path | None:
    """Write the texts to confirm: labelled alike by teacher and student, surest first, diverse within each label.

    Returns the file; None if there are demonstrations, or a file already, or nothing to propose.
    """
    n, path = project.settings.learn.proposals, project.folder / FILE
    if not n or student is None or project.gold_of(Role.DEMO) or path.exists():
        return None
    labelled = [d for d in documents if annotations[d.id].outcome is Outcome.LABELLED]
    said = student.predict(labelled)
    agreed = [row for row, d in enumerate(labelled) if said[row] == annotations[d.id].value]
    if not agreed:
        return None
    sure = _sure(project, student, [labelled[row] for row in agreed])
    groups: dict[str, list[int]] = {}
    for place in np.argsort(-sure, kind="stable"):
        groups.setdefault(str(project.task.to_json(said[agreed[place]])), []).append(agreed[place])
    chosen = [row for rows in groups.values() for row in _diverse(project, labelled, rows, -(-n // len(groups)))]
    write_sheet(project, path, ("proposed",), ((labelled[row], (cell_of(project, said[row]),)) for row in chosen[:n]))
    return path


def _sure(project: Project, student: Student, documents: Sequence[Document]) -> NDArray[np.float64]:
    """How sure the student is of each text: 1 minus the mean margin score of its decisions; 0 without any."""
    decisions = student.token_scores(documents)
    lengths = np.array([len(each) for each in decisions])
    task, found = project.task, np.zeros(len(documents))
    scores = margin(np.concatenate(decisions), is_exclusive=task.is_exclusive or task.marks_spans)
    found[lengths > 0] = 1 - reduce_tokens(scores, lengths[lengths > 0], "mean")
    return found


def _diverse(project: Project, documents: Sequence[Document], rows: Sequence[int], n: int) -> list[int]:
    """`n` of the surest rows, far from each other."""
    surest = rows[: max(n, int(SURE_SHARE * len(rows)))]
    if len(surest) <= n:
        return list(surest)
    vectors = project.encoder.encode([documents[row].text for row in surest])
    rng = np.random.default_rng([project.settings.project.seed, 35])
    batch = select_batch("k_means_plus_plus", n, PoolView(embeddings=vectors), [], rng, random_share=0.0)
    return [surest[place] for place in batch.indices]


def cell_of(project: Project, value: Value) -> str:
    """A value as it stands in the label column."""
    shown = project.task.to_json(value)
    return shown if isinstance(shown, str) else project.settings.data.label_separator.join(map(str, shown))
