"""Whether a teacher tells who is who: some relations are asked about once more with head and tail exchanged.

It counts the same relation given both ways, label by label, and judges nothing: a symmetric relation (siblings) holds
both ways, a directed one (parent of) does not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from understudy.records import Annotation, Document
from understudy.report.data import DirectionCheck

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.pipeline.teachers import OpenedTeacher


def check_direction(project: Project, annotations: Mapping[str, Annotation]) -> DirectionCheck | None:
    """Ask a share of the relations the other way round and count; what the journal has is not asked again.

    Parameters
    ----------
    annotations : by document id; those with a relation other than the null label are drawn from.

    Returns
    -------
    None where no relation was found, or the settings, the kind of task or the teacher leave nothing to ask.
    """
    from understudy.pipeline.probing import probe

    documents = _drawn(project, annotations)
    if not documents:
        return None
    said = probe(project, _the_other_way(project), documents, "asking the other way round")
    return _counted(documents, annotations, said)


def stored_direction(project: Project, annotations: Mapping[str, Annotation]) -> DirectionCheck | None:
    """As `check_direction`, of what was asked so far; asks nothing."""
    documents = _drawn(project, annotations)
    if not documents:
        return None
    opened = _the_other_way(project)
    with project.journal_to_read() as journal:
        if journal is None:
            return None
        said = journal.annotations(opened.name, project.codebook_digest, opened.prompt_digest, project.task.from_json)
    asked = [document for document in documents if document.id in said]
    return _counted(asked, annotations, said) if asked else None


def _the_other_way(project: Project) -> OpenedTeacher:
    from understudy.pipeline.prompting import wording_of
    from understudy.pipeline.teachers import open_teacher

    return open_teacher(project, replace(wording_of(project), is_swapped=True))


def _drawn(project: Project, annotations: Mapping[str, Annotation]) -> list[Document]:
    """The share that the settings ask for, at least one, drawn with the project's seed."""
    settings = project.settings
    share = settings.prompt.direction_check
    if settings.codebook.kind != "relations" or not project.teacher_costs_money or share == 0:
        return []
    from understudy.pipeline.annotation import documents_to_label

    found = [d for d in documents_to_label(project) if _has_relation(annotations.get(d.id), settings.codebook.null)]
    order = np.random.default_rng([settings.project.seed, 13]).permutation(len(found))
    return [found[index] for index in sorted(order[: math.ceil(share * len(found))])]


def _has_relation(annotation: Annotation | None, null: str | None) -> bool:
    return annotation is not None and annotation.value is not None and annotation.value != null


def _counted(
    documents: Sequence[Document], annotations: Mapping[str, Annotation], said: Mapping[str, Annotation]
) -> DirectionCheck:
    there = [annotations[document.id].value for document in documents]
    back = [said[document.id].value for document in documents]
    same = Counter(str(one) for one, other in zip(there, back, strict=True) if one == other)
    asked = Counter(str(one) for one, other in zip(there, back, strict=True) if other is not None)
    by_label = tuple((label, same[label], n) for label, n in sorted(asked.items()))
    return DirectionCheck(len(documents), sum(other is None for other in back), by_label)
