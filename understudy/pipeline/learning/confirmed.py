"""Demonstrations that a person has confirmed: the filled rows of `demonstrations.csv`, as gold of role demo."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from understudy.corpus import read_documents
from understudy.records import Document, Role

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FILE = "demonstrations.csv"


def confirmed(project: Project) -> tuple[Document, ...]:
    """The proposed texts that a person has labelled; none where nothing was proposed.

    They say role demo themselves where gold files have a column of roles; elsewhere the ledger gives it to them.
    """
    path = project.folder / FILE
    if not path.exists():
        return ()
    columns = project.settings.data
    plain = columns.model_copy(update={"role": None, "group": None, "meta": (), "head": None, "tail": None})
    documents = read_documents([path], plain, project.task.read, project.task.check_in)
    role = None if columns.role is None else Role.DEMO
    return tuple(replace(document, role=role) for document in documents if document.value is not None)
