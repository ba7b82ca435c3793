"""The queue for people: texts about which the student is unsure and on which the teacher is not trusted.

It writes `for_people.csv` in the project folder; once a person has filled in the label column, the file can stand among
`data.gold`, and its texts leave the pool. Nothing learns from a row that nobody has filled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from understudy.acquisition import PoolView, select_batch
from understudy.pipeline.annotation import gold_to_label, teach
from understudy.pipeline.learning.demonstrations import cell_of
from understudy.pipeline.learning.sheet import write_sheet
from understudy.pipeline.trusting import estimate_trust
from understudy.records import Document

if TYPE_CHECKING:
    from pathlib import Path

    from understudy.pipeline.project import Project
    from understudy.student import Student

FILE = "for_people.csv"


def queue_for_people(project: Project, student: Student | None, documents: Sequence[Document]) -> Path | None:
    """Write the texts of `documents` that a person should label first, most doubtful first.

    Doubt is the student's margin score times one minus the trust in the teacher's label, which is learned on gold dev;
    the teacher is asked about gold dev where it was not yet. See `acquisition.trust`.

    Returns
    -------
    Path or None
        None where no queue is asked for, there is a file already, or there is no student or no label to distrust.
    """
    n, path = project.settings.learn.for_people, project.folder / FILE
    if not n or student is None or path.exists():
        return None
    trusted = estimate_trust(project, teach(project, [*documents, *gold_to_label(project)]))
    if trusted is None:
        return None
    trust_of = {d.id: float(trust) for d, trust in zip(trusted.documents, trusted.trust, strict=True)}
    labelled = [document for document in documents if document.id in trust_of]
    if not labelled:
        return None
    trust = np.array([trust_of[document.id] for document in labelled])
    view = PoolView(probabilities=student.predict_proba(labelled), trust=trust, is_exclusive=project.task.is_exclusive)
    rng = np.random.default_rng([project.settings.project.seed, 36])
    batch = select_batch("trust_aware", min(n, len(labelled)), view, [], rng, random_share=0.0)
    said = {d.id: annotation for d, annotation in zip(trusted.documents, trusted.annotations, strict=True)}
    values = [said[labelled[row].id].value for row in batch.indices]
    cells = [
        ("" if value is None else cell_of(project, value), f"{trust[row]:.3f}")
        for row, value in zip(batch.indices, values, strict=True)
    ]
    write_sheet(project, path, ("teacher", "trust"), zip([labelled[row] for row in batch.indices], cells, strict=True))
    return path
