"""Asks a teacher about texts beside the main job: canaries, other wordings, another model. Everything is stored."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import UserError
from understudy.pipeline.annotation import documents_to_ask, is_about
from understudy.pipeline.teachers import OpenedTeacher
from understudy.records import Annotation, Document, Role

if TYPE_CHECKING:
    from understudy.pipeline.project import Project


def probe(project: Project, opened: OpenedTeacher, documents: Sequence[Document], what: str) -> dict[str, Annotation]:
    """What a teacher says about each document, by id; what the journal has is not asked again.

    Parameters
    ----------
    what : how the progress line calls it.
    """
    with project.journal() as journal:
        known = journal.annotations(opened.name, project.codebook_digest, opened.prompt_digest, project.task.from_json)
        have = {d.id: known[d.id] for d in documents if d.id in known and is_about(known[d.id], d)}
        missing = documents_to_ask(documents, have)
        answers = opened.connect(journal).annotate(missing) if missing else iter(())
        try:
            for done, annotation in enumerate(answers, 1):
                journal.add_annotations([annotation], project.task.to_json).result()
                have[annotation.document_id] = annotation
                project.listener.progress(what, done, len(missing))
        finally:
            if isinstance(answers, Generator):
                answers.close()
    return have


def gold_slice(project: Project, n: int) -> list[Document]:
    """`n` texts of gold dev, or all if there are fewer, drawn with the project's seed; never of gold test."""
    dev = project.gold_of(Role.DEV)
    order = np.random.default_rng([project.settings.project.seed, 10]).permutation(len(dev))[:n]
    return [dev[index] for index in sorted(order)]


def refuse_recorded(project: Project, what: str) -> None:
    """Raise `UserError` if the teacher is a file: it cannot be asked."""
    if project.settings.teacher.kind == "recorded":
        raise UserError(f"{what} need a teacher that can be asked; this one is a file of recorded labels.")


def values_of(documents: Sequence[Document], said: Mapping[str, Annotation]) -> list[object]:
    """For each document its value, or how the question ended where there is none."""
    return [said[d.id].outcome if said[d.id].value is None else said[d.id].value for d in documents]
