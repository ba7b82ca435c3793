"""Which labels an arm of a study learns from in one training run. Trains nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from understudy.pipeline.annotation import total_cost
from understudy.pipeline.arms import Arm
from understudy.pipeline.sources import TrainingSet, human_set, teacher_and_human, teacher_set
from understudy.records import Annotation, Role
from understudy.study.file import StudyArm

if TYPE_CHECKING:
    from understudy.pipeline import Project

ALL = "all"


def build_arm(project: Project, annotations: Mapping[str, Annotation], entry: StudyArm, run: int) -> Arm | None:
    """The arm with the very labels of one run; None where there are no labels of that kind.

    Equal sources of equal length give equal draws for the same run, so that human-N and teacher-N learn from the same
    texts where both labelled all of them. N labels are as many as there are, where there are fewer.
    """
    rng = np.random.default_rng([project.settings.project.seed, 4, run])
    kind, _, size = entry.source.partition("-")
    human = human_set(project, project.gold_of(Role.DEMO))
    if kind == "human":
        chosen, n_human = _draw(human, size, rng), -1
    else:
        teacher = teacher_set(project, annotations)
        chosen, n_human = (_draw(teacher, size, rng), 0) if kind == "teacher" else teacher_and_human(
            project, teacher, _draw(human, size or ALL, rng)
        )  # fmt: skip
        chosen = _consistent(chosen, annotations, entry.min_consistency)
    n = len(chosen.documents)
    paid = () if kind == "human" else [annotations[d.id] for d in chosen.documents if d.id in annotations]
    return Arm(entry.name, entry.source, chosen, n, n if n_human < 0 else n_human, total_cost(paid)) if n else None


def _draw(source: TrainingSet, size: str, rng: np.random.Generator) -> TrainingSet:
    n = len(source.documents)
    if size == ALL or int(size) >= n:
        return source
    return source.take(np.sort(rng.permutation(n)[: int(size)]))


def _consistent(chosen: TrainingSet, annotations: Mapping[str, Annotation], least: float | None) -> TrainingSet:
    """The documents whose teacher answers agree at least so much; those without such answers stay."""
    if least is None:
        return chosen
    shares = [annotations[d.id].consistency if d.id in annotations else None for d in chosen.documents]
    return chosen.take([row for row, share in enumerate(shares) if share is None or share >= least - 1e-9])
