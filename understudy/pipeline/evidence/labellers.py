"""Who has labelled the pool and the gold texts that nothing learned from: a teacher, or the student of an arm.

Hands over plain arrays; draws no conclusion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.errors import UserError, did_you_mean
from understudy.pipeline.annotation import is_about, pool_to_label, stored_annotations
from understudy.pipeline.kept import TrainedArm, arm_folder, said_of, trained_arms
from understudy.pipeline.teachers import open_teacher
from understudy.records import Annotation, Document, Role

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]
TEACHER = "teacher"
PROMPT_DIGITS = 6
"""So many of a prompt's digest name it."""

THRESHOLDS = (0.3, 0.5, 0.7)
"""From which probability on a label is given, in conclusions from a student's labels."""


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
    """All who might have been asked: teachers, prompts, students, and students whose answer is cut at a threshold.

    The teacher stands first, where it has labelled enough; then other models and prompts that have labelled the same
    texts under the same codebook; then every student.
    """
    arms = trained_arms(project)[0]
    try:
        teacher = _by_teacher(project)
    except UserError:
        if not arms:
            raise
    else:
        yield teacher
        yield from _by_other_teachers(project, teacher)
    for arm in arms:
        student = _by_student(project, arm)
        yield student
        yield from _cut(project.task, student)


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
    return _of_annotations(project, TEACHER, annotations)


def _by_other_teachers(project: Project, teacher: Labelled) -> Iterator[Labelled]:
    """Other models and prompts that have labelled all the texts that the teacher has."""
    documents = (*teacher.gold, *teacher.rest)
    opened = open_teacher(project)
    with project.journal_to_read() as journal:
        asked = () if journal is None else journal.annotators(project.codebook_digest)
        for name, prompt in asked:
            if journal is None or (name, prompt) == (opened.name, opened.prompt_digest):
                continue
            known = journal.annotations(name, project.codebook_digest, prompt, project.task.from_json)
            if all(d.id in known and is_about(known[d.id], d) for d in documents):
                yield _of_annotations(project, f"{name}, prompt {prompt[:PROMPT_DIGITS]}", known)


def _of_annotations(project: Project, name: str, annotations: Mapping[str, Annotation]) -> Labelled:
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
        name,
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
            "Ask for a student, which labels the whole pool (`--labels`); the report has the teacher's shares from "
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


def _cut(task: Task, student: Labelled) -> Iterator[Labelled]:
    """The student's labels at each threshold, not its probabilities; none where it gives the likeliest label."""
    if task.is_exclusive and task.positive is None:
        return
    for threshold in THRESHOLDS:
        on_gold, on_rest = (_given(task, said, threshold) for said in (student.on_gold, student.on_rest))
        yield replace(student, name=f"{student.name} at {threshold:g}", on_gold=on_gold, on_rest=on_rest)


def _given(task: Task, said: FloatArray, threshold: float) -> FloatArray:
    given = (said >= threshold).astype(np.float64)
    if task.is_exclusive and task.positive is not None:
        given[:, 1 - task.positive] = 1 - given[:, task.positive]
    return given


def _shares(project: Project, annotations: Mapping[str, Annotation], documents: Sequence[Document]) -> FloatArray:
    answers = [
        annotations[d.id].answers or (() if (value := annotations[d.id].value) is None else (value,)) for d in documents
    ]
    return project.task.shares(answers)


def _truth(project: Project, documents: Sequence[Document]) -> FloatArray:
    return project.task.encode([document.value for document in documents]).astype(np.float64)
