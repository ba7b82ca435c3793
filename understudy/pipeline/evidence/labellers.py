"""Who has labelled the pool and the gold texts that nothing learned from: the teacher, or the student of an arm.

Hands over plain arrays; draws no conclusion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError, did_you_mean
from understudy.pipeline.annotation import pool_to_label, stored_annotations
from understudy.pipeline.kept import TrainedArm, arm_folder, said_of, trained_arms
from understudy.records import Annotation, Document, Role

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]
TEACHER = "teacher"


@dataclass(frozen=True, eq=False)
class Labelled:
    """What one labeller says, and what people say.

    Attributes
    ----------
    name : ``teacher`` or an arm.
    gold, rest : documents with a human label that the labeller has not learned from, and pool documents.
    truth : shape (n_gold, K): whether people give each label.
    on_gold, on_rest : shapes (n_gold, K) and (n_rest, K), in [0, 1]: how far the labeller gives it.
    n_silent : documents that it was asked about without a usable answer; they count with its mean.
    """

    name: str
    gold: tuple[Document, ...]
    rest: tuple[Document, ...]
    truth: FloatArray
    on_gold: FloatArray
    on_rest: FloatArray
    n_silent: int = 0

    def where(self, keep_gold: NDArray[np.bool_], keep_rest: NDArray[np.bool_]) -> Labelled:
        """Some of the documents."""
        return Labelled(
            self.name,
            tuple(d for d, keep in zip(self.gold, keep_gold, strict=True) if keep),
            tuple(d for d, keep in zip(self.rest, keep_rest, strict=True) if keep),
            self.truth[keep_gold],
            self.on_gold[keep_gold],
            self.on_rest[keep_rest],
            self.n_silent,
        )


def labelled_by(project: Project, name: str) -> Labelled:
    """What the teacher or the student of an arm says about pool and gold.

    Raises
    ------
    UserError
        If there is no such labeller, or it has labelled no pool or no gold text.
    """
    if name == TEACHER:
        return _by_teacher(project)
    arms = {arm.name: arm for arm in trained_arms(project)[0]}
    if name not in arms:
        raise UserError(f"there is no labeller `{name}`.", did_you_mean(name, [TEACHER, *arms]))
    return _by_student(project, arms[name])


def all_labellers(project: Project) -> Iterator[Labelled]:
    """The teacher, where it has labelled enough, and every trained student."""
    arms = trained_arms(project)[0]
    try:
        yield _by_teacher(project)
    except UserError:
        if not arms:
            raise
    for arm in arms:
        yield _by_student(project, arm)


def meta_column(project: Project, documents: Sequence[Document], column: str) -> list[str | None]:
    """A declared column of the documents, None where it is empty.

    Raises
    ------
    UserError
        If the column was not kept, or is empty everywhere.
    """
    if column not in project.settings.data.meta:
        declared = ", ".join(f'"{name}"' for name in (*project.settings.data.meta, column))
        raise UserError(f"column `{column}` is not kept with the texts.", f"Set `meta = [{declared}]` under `[data]`.")
    values = [document.meta.get(column) or None for document in documents]
    if not any(values):
        raise UserError(f"column `{column}` is empty in pool and gold.", "Fill it in, or name another column.")
    return values


def _by_teacher(project: Project) -> Labelled:
    annotations = stored_annotations(project)
    _refuse_chosen_texts(project, annotations)
    roles = (Role.TEST,) if project.settings.gold.share_demo_dev else (Role.DEV, Role.TEST)
    gold = [d for role in roles for d in project.gold_of(role) if d.id in annotations]
    rest = [d for d in project.candidates if d.id in annotations]
    if len(gold) < 2 or len(rest) < 2:
        raise UserError(
            f"the teacher has labelled {len(rest):,} pool texts and {len(gold):,} gold texts that nobody learned from.",
            "Run `understudy annotate` first.",
        )
    said = _shares(project, annotations, [*gold, *rest])
    silent = np.isnan(said).any(axis=1)
    said[silent] = said[~silent].mean(axis=0) if not silent.all() else 0.0
    return Labelled(
        TEACHER,
        tuple(gold),
        tuple(rest),
        _truth(project, gold),
        said[: len(gold)],
        said[len(gold) :],
        int(silent.sum()),
    )


def _refuse_chosen_texts(project: Project, annotations: Mapping[str, Annotation]) -> None:
    """A sample that a strategy chose says nothing about the pool, corrected by gold or not."""
    from understudy.pipeline.learning.prevalence import REFUSAL
    from understudy.pipeline.learning.rounds import stored_rounds

    is_chosen = any(one.probability is None for each in stored_rounds(project) for one in each.selections)
    wanted = project.candidates if project.settings.learn.enabled else pool_to_label(project)
    if is_chosen and any(document.id not in annotations for document in wanted):
        raise UserError(
            f"the teacher's labels cannot say how the pool is: {REFUSAL}",
            "Ask for a student, which labels the whole pool (`--labeller`); the report has the teacher's shares from "
            "the texts drawn by lot.",
        )


def _by_student(project: Project, arm: TrainedArm) -> Labelled:
    """Test only: dev chose the thresholds, and demo was learned from."""
    from understudy.student import load_student

    gold = project.gold_of(Role.TEST)
    learned = {document.id for document in gold}
    rest = tuple(document for document in project.candidates if document.id not in learned)
    student = load_student(arm_folder(project, arm.name), project.folder / "cache" / "embeddings")
    on_gold = said_of(project, arm, Role.TEST)[arm.deployed_run].probabilities
    return Labelled(arm.name, gold, rest, _truth(project, gold), on_gold, student.predict_proba(rest))


def _shares(project: Project, annotations: Mapping[str, Annotation], documents: Sequence[Document]) -> FloatArray:
    answers = [
        annotations[d.id].answers or (() if (value := annotations[d.id].value) is None else (value,)) for d in documents
    ]
    return project.task.shares(answers)


def _truth(project: Project, documents: Sequence[Document]) -> FloatArray:
    return project.task.encode([document.value for document in documents]).astype(np.float64)
