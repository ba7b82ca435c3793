"""Elsewhere: each group of texts held out of training, and a student without it beside one of as many texts from all.

Both are judged on the group's gold test, where the teacher stands beside them: is it the student that fails there, or
the labels? Thresholds are not tuned, and one training run stands for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.evaluation import Interval, holm, mcnemar_exact, wilson
from understudy.evaluation.subgroups import audit_groups
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.evidence.contrasting import p_in_words
from understudy.pipeline.evidence.labellers import meta_column
from understudy.pipeline.sources import TrainingSet, labelled_set
from understudy.records import Annotation, Document, Role, Value

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.student import Student

BoolArray = NDArray[np.bool_]

CLUSTERS = "clusters"
N_CLUSTERS = 5
FEWEST_JUDGED = 30
"""Gold test texts of a group below which no verdict is given."""

MOST_GROUPS = 8
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Outside:
    """One group held out; shares of right answers on its gold test.

    Attributes
    ----------
    n, n_train : gold test texts of the group, and texts that each student learned from.
    without, everywhere : the student that never saw the group, and the one of as many texts from all groups.
    p_value : exact McNemar of the two, corrected by Holm over the groups.
    teacher : its share; None without its answers on every test text. `teacher_fails` if it errs more here than on the
        other groups, beyond chance.
    """

    group: str
    n: int
    n_train: int
    without: Interval
    share_without: float
    everywhere: Interval
    share_everywhere: float
    p_value: float
    teacher: float | None
    teacher_fails: bool

    @property
    def student_fails(self) -> bool:
        """Whether a student that never saw such texts is worse on them, beyond chance."""
        return self.p_value < SIGNIFICANT and self.share_without < self.share_everywhere

    @property
    def verdict(self) -> str:
        """Which of the two fails here."""
        return {
            (True, True): "both fail here: the teacher errs more than elsewhere, and the student needs such texts",
            (True, False): "the student fails here: it needs such texts in training",
            (False, True): "the teacher fails here: more of its labels would not help",
            (False, False): "neither is shown to fail here",
        }[self.student_fails, self.teacher_fails]

    def to_json(self) -> dict[str, Any]:
        """The group as a JSON object."""
        return {
            "group": self.group, "n": self.n, "n_train": self.n_train, "without": self.share_without,
            "without_interval": self.without.to_json(), "everywhere": self.share_everywhere,
            "everywhere_interval": self.everywhere.to_json(), "p_value": self.p_value, "teacher": self.teacher,
            "student_fails": self.student_fails, "teacher_fails": self.teacher_fails,
        }  # fmt: skip

    def line(self, what: str) -> str:
        """The group in words."""
        teacher = "" if self.teacher is None else f"; teacher {self.teacher:.3f}"
        return (
            f"{what} = {self.group}: {self.n} test texts; right are {self.share_without:.3f} [{self.without.low:.3f}, "
            f"{self.without.high:.3f}] by a student of {self.n_train:,} texts without this group, "
            f"{self.share_everywhere:.3f} [{self.everywhere.low:.3f}, {self.everywhere.high:.3f}] by one of as many "
            f"from everywhere (p {p_in_words(self.p_value)}){teacher}: {self.verdict}"
        )


@dataclass(frozen=True)
class Elsewhere:
    """All groups that could be held out, and the names of those with too few test texts."""

    what: str
    groups: tuple[Outside, ...]
    left_out: tuple[str, ...]

    @property
    def has_findings(self) -> bool:
        """Whether student or teacher fails on a group."""
        return any(each.student_fails or each.teacher_fails for each in self.groups)

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        groups = [each.to_json() for each in self.groups]
        return {"outside": self.what, "groups": groups, "left_out": list(self.left_out)}

    def lines(self) -> Iterator[str]:
        """Everything in words."""
        yield from (each.line(self.what) for each in self.groups)
        if self.left_out:
            names = ", ".join(self.left_out)
            yield f"no verdict, fewer than {FEWEST_JUDGED} test texts or nothing to learn from: {names}"


def look_outside(project: Project, what: str) -> Elsewhere:
    """Hold out each group of a declared column, or each cluster of similar texts.

    Parameters
    ----------
    what : a column of `data.meta`, or ``clusters``.

    Raises
    ------
    UserError
        If there is no such column, or the teacher has labelled no pool text.
    """
    annotations = stored_annotations(project)
    source = labelled_set(project, project.candidates, annotations)
    if len(source.documents) < FEWEST_JUDGED:
        raise UserError(f"the teacher has labelled {len(source.documents)} pool texts.", "Run `understudy annotate`.")
    test = project.gold_of(Role.TEST)
    project.ledger.judge([document.id for document in test])
    groups = _groups(project, what, [*source.documents, *test])
    learn, judged = np.array(groups[: len(source.documents)]), np.array(groups[len(source.documents) :])
    sizes = Counter(group for group in judged.tolist() if group)
    kept = [g for g, n in sizes.most_common(MOST_GROUPS) if n >= FEWEST_JUDGED and (learn != g).sum() > 0]
    failing = _teacher_fails(test, annotations, judged)
    found = [_hold_out(project, source, learn != group, [d for d, g in zip(test, judged, strict=True) if g == group])
             for group in kept]  # fmt: skip
    p_values = holm([mcnemar_exact(*right).p for _, right in found])
    outcomes = tuple(
        _outside(group, n_train, right, p, _teacher_share(test, judged == group, annotations), group in failing)
        for group, (n_train, right), p in zip(kept, found, p_values, strict=True)
    )
    return Elsewhere(what, outcomes, tuple(group for group in sizes if group not in kept))


def _groups(project: Project, what: str, documents: Sequence[Document]) -> list[str]:
    if what != CLUSTERS:
        return [group or "" for group in meta_column(project, documents, what)]
    from understudy.acquisition.clusters import k_means, nearest_centre

    vectors = project.encoder.encode([document.text for document in documents])
    rows = np.arange(len(documents))
    rng = np.random.default_rng([project.settings.project.seed, 32])
    centres = k_means(vectors, rows, min(N_CLUSTERS, len(documents)), rng)
    return [f"cluster {number + 1}" for number in nearest_centre(vectors, rows, centres)]


def _hold_out(
    project: Project, source: TrainingSet, is_outside: BoolArray, test: Sequence[Document]
) -> tuple[int, tuple[BoolArray, BoolArray]]:
    """Texts learned from, and which test texts the two students get right: without the group, and from everywhere."""
    outside = np.flatnonzero(is_outside)
    rng = np.random.default_rng([project.settings.project.seed, 33])
    everywhere = np.sort(rng.permutation(len(is_outside))[: len(outside)])
    students = (_fitted(project, source.take(rows)) for rows in (outside, everywhere))
    without, mixed = (_right(test, student.predict(test)) for student in students)
    return len(outside), (without, mixed)


def _fitted(project: Project, lesson: TrainingSet) -> Student:
    from understudy.student import make_student

    settings = project.settings
    student = make_student(settings.student, project.task, project.encoder, settings.project.seed)
    return student.fit(lesson.documents, lesson.targets, answers=lesson.answers, uncertain=lesson.uncertain)


def _outside(
    group: str, n_train: int, right: tuple[BoolArray, BoolArray], p_value: float, teacher: float | None, fails: bool
) -> Outside:
    without, everywhere = (wilson(int(each.sum()), len(each)) for each in right)
    shares = [float(each.mean()) for each in right]
    return Outside(
        group, len(right[0]), n_train, without, shares[0], everywhere, shares[1], float(p_value), teacher, fails
    )  # fmt: skip


def _teacher_fails(test: Sequence[Document], annotations: Mapping[str, Annotation], groups: NDArray[Any]) -> set[str]:
    """Groups on which the teacher errs more than on the others, beyond chance; none without all its answers."""
    if any(document.id not in annotations for document in test):
        return set()
    wrong = ~_right(test, [annotations[document.id].value for document in test])
    return {gap.group for gap in audit_groups(wrong, [group or None for group in groups.tolist()]) if gap.is_harmed}


def _teacher_share(test: Sequence[Document], rows: BoolArray, annotations: Mapping[str, Annotation]) -> float | None:
    chosen = [document for document, keep in zip(test, rows, strict=True) if keep]
    if any(document.id not in annotations for document in chosen):
        return None
    return float(_right(chosen, [annotations[document.id].value for document in chosen]).mean())


def _right(test: Sequence[Document], values: Sequence[Value | None]) -> BoolArray:
    return np.array([value == document.value for document, value in zip(test, values, strict=True)], dtype=np.bool_)
