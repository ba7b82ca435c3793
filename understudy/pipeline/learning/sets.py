"""What the labels of a learning loop are worth in the end: the texts it chose, and as many drawn by lot beside them.

Trains and judges nothing; gold test judges the students of these sets once, like those of every arm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from understudy.acquisition import Arm
from understudy.pipeline.learning.rounds import chosen_documents, control_documents, stored_rounds
from understudy.records import Annotation, Document, Outcome

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FEWEST = 2


def label_sets(
    project: Project, annotations: Mapping[str, Annotation]
) -> Iterator[tuple[Literal["active", "random"], Sequence[Document]]]:
    """Labelled texts by how they came to be asked about.

    All that the loop chose; then as many drawn by lot, where the teacher is free. Where it is not, the loop's random
    arm serves, beside as many of the loop's texts in the order in which they were labelled.
    """
    active = _usable(chosen_documents(project), annotations)
    if len(active) < FEWEST:
        return
    yield "active", active
    control = _usable(control_documents(project), annotations)[: len(active)]
    if len(control) >= FEWEST:
        yield "random", control
        return
    arm_of = {one.document_id: one.arm for chosen in stored_rounds(project) for one in chosen.selections}
    by_lot = [document for document in active if arm_of[document.id] == Arm.RANDOM]
    if FEWEST <= len(by_lot) < len(active):
        yield "active", active[: len(by_lot)]
        yield "random", by_lot


def _usable(documents: Sequence[Document], annotations: Mapping[str, Annotation]) -> list[Document]:
    return [d for d in documents if d.id in annotations and annotations[d.id].outcome is Outcome.LABELLED]
