"""The queue for people: texts about which the student is unsure and on which the teacher is not trusted.

It writes `for_people.csv` in the project folder; once a person has filled in the label column, the file can stand among
`data.gold`, and its texts leave the pool. Nothing learns from a row that nobody has filled in.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from understudy.acquisition import PoolView, select_batch
from understudy.corpus.spans.marks import write_mark
from understudy.pipeline.annotation import gold_to_label, teach
from understudy.pipeline.learning.demonstrations import cell_of
from understudy.pipeline.trusting import estimate_trust
from understudy.records import Annotation, Document

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
    rows = [(labelled[row], said[labelled[row].id], trust[row]) for row in batch.indices]
    _write(project, path, rows)
    return path


def _write(project: Project, path: Path, rows: Sequence[tuple[Document, Annotation, float]]) -> None:
    """Write the file in one step, so that a killed one leaves none."""
    columns, unfinished = project.settings.data, path.with_suffix(".unfinished")
    marks = [name for name in (columns.head, columns.tail) if name is not None]
    with unfinished.open("w", encoding=columns.encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow([columns.id, columns.text, columns.label, *marks, "teacher", "trust"])
        for document, annotation, trust in rows:
            pair = [
                json.dumps(write_mark(mark), ensure_ascii=False)
                for mark in (document.head, document.tail)
                if mark is not None
            ]
            assert annotation.value is not None  # it is labelled
            said = cell_of(project, annotation.value)
            writer.writerow([document.id, document.text, "", *pair, said, f"{trust:.3f}"])
    unfinished.replace(path)
