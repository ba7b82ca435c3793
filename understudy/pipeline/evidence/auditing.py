"""Who is harmed: error rates by group for teacher and student on gold test, and labels that a swapped name changes."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.evaluation import Interval
from understudy.evaluation.subgroups import (
    FEWEST_IN_CELL,
    Amplification,
    GroupGap,
    amplification,
    audit_groups,
    flip_rate,
)
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.evidence.contrasting import p_in_words
from understudy.pipeline.evidence.labellers import meta_column
from understudy.pipeline.kept import TrainedArm, arm_folder, said_of, trained_arms
from understudy.records import Document, Role, Value

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Swap:
    """A word or phrase and what takes its place, as whole words, in any case."""

    before: str
    after: str

    def apply(self, text: str) -> str:
        """The text with it swapped."""
        return re.sub(rf"(?<!\w){re.escape(self.before)}(?!\w)", lambda _: self.after, text, flags=re.IGNORECASE)


@dataclass(frozen=True)
class Audit:
    """Groups of one column on gold test.

    Attributes
    ----------
    gaps : by labeller (``teacher`` or the arm).
    amplified : how much wider the student's gaps are than its teacher's; empty without a teacher's answers on test.
    flips : share of texts whose label a swap changes, with the number of texts; None without swaps.
    """

    column: str
    gaps: Mapping[str, tuple[GroupGap, ...]]
    amplified: tuple[Amplification, ...]
    flips: Interval | None = None
    n_swapped: int = 0

    @property
    def has_findings(self) -> bool:
        """Whether any group is harmed beyond chance, or a swap changes labels."""
        harmed = any(gap.is_harmed for gaps in self.gaps.values() for gap in gaps)
        return harmed or (self.flips is not None and self.flips.low > 0)

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        return {
            "column": self.column,
            "gaps": {name: [gap.to_json() for gap in gaps] for name, gaps in self.gaps.items()},
            "amplification": [
                {"group": each.group, "teacher_gap": each.teacher_gap, "student_gap": each.student_gap,
                 "difference": each.difference, "interval": each.interval.to_json()}
                for each in self.amplified
            ],
            "flips": None if self.flips is None else self.flips.to_json(),
            "n_swapped": self.n_swapped,
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """Everything in words."""
        for name, gaps in self.gaps.items():
            yield from (f"{name}, {_gap_line(self.column, gap)}" for gap in gaps if not gap.refusal)
            yield from (f"{name}, {line}" for line in _refusal_lines(gaps))
        for each in self.amplified:
            bounds = f"[{each.interval.low:+.3f}, {each.interval.high:+.3f}]"
            change = f"{each.difference:+.3f} {bounds}"
            yield f"{self.column} = {each.group}: the student's gap is {change} wider than the teacher's"
        if self.flips is not None:
            bounds = f"[{self.flips.low:.3f}, {self.flips.high:.3f}]" if self.flips.is_defined else "undefined"
            yield f"swaps: {self.n_swapped:,} texts hold a word of the list; {bounds} of them change their label"


def audit(project: Project, column: str, *, arm: str | None = None, swaps: Sequence[Swap] = ()) -> Audit:
    """Compare error rates by group on gold test.

    Parameters
    ----------
    column : declared in `data.meta`; its values are the groups.
    arm : the student; None for the recommended one.
    swaps : for the student only: asking a teacher again would cost.

    Raises
    ------
    UserError
        If there is no such column or student.
    """
    trained = _arm(project, arm)
    test = project.gold_of(Role.TEST)
    project.ledger.judge([document.id for document in test])
    groups = meta_column(project, test, column)
    student = said_of(project, trained, Role.TEST)[trained.deployed_run].values
    gaps = {trained.name: _gaps(project, test, student, groups)}
    annotations = stored_annotations(project)
    amplified: tuple[Amplification, ...] = ()
    if all(document.id in annotations for document in test):
        teacher = [annotations[document.id].value for document in test]
        gaps["teacher"] = _gaps(project, test, teacher, groups)
        rng = np.random.default_rng([project.settings.project.seed, 25])
        amplified = amplification(_wrong(test, teacher), _wrong(test, student), groups, rng)
    flips, n_swapped = _flips(project, trained, swaps) if swaps else (None, 0)
    return Audit(column, gaps, amplified, flips, n_swapped)


def read_swaps(path: Path) -> list[Swap]:
    """Swaps of a CSV file with the columns ``before`` and ``after``.

    Raises
    ------
    UserError
        If the file cannot be read or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as exc:
        raise UserError(f"{path.name}: {exc}", "Name a CSV file in UTF-8.") from exc
    if not rows or not {"before", "after"} <= set(rows[0]):
        raise UserError(f"{path.name}: the columns `before` and `after` are expected.", "Write one swap a row.")
    return [Swap(row["before"], row["after"]) for row in rows if row["before"]]


def _arm(project: Project, name: str | None) -> TrainedArm:
    from understudy.pipeline.prediction import recommended

    arms = {arm.name: arm for arm in trained_arms(project)[0]}
    wanted = name or recommended(project)
    if wanted not in arms:
        raise UserError(f"there is no student `{wanted}` of the labels of now.", "Run `understudy train`.")
    return arms[wanted]


def _gaps(
    project: Project, test: Sequence[Document], values: Sequence[Value | None], groups: Sequence[str | None]
) -> tuple[GroupGap, ...]:
    """Errors in all; with a positive label, false alarms and misses apart."""
    wrong, positive = _wrong(test, values), project.task.positive
    if positive is None:
        return audit_groups(wrong, groups)
    has = np.array([document.value == project.task.labels[positive] for document in test])
    found: list[GroupGap] = []
    for error, rows in (("false positives", ~has), ("false negatives", has)):
        kept = [group for group, keep in zip(groups, rows, strict=True) if keep]
        found += audit_groups(wrong[rows], kept, error=error)
    return tuple(found)


def _wrong(test: Sequence[Document], values: Sequence[Value | None]) -> BoolArray:
    return np.array([value != document.value for document, value in zip(test, values, strict=True)], dtype=np.bool_)


def _flips(project: Project, arm: TrainedArm, swaps: Sequence[Swap]) -> tuple[Interval, int]:
    """Every swap on every text of pool and gold test that holds its word."""
    from understudy.student import load_student

    documents = [*project.gold_of(Role.TEST), *project.candidates]
    pairs = [
        (document, replace(document, text=changed))
        for swap in swaps
        for document in documents
        if (changed := swap.apply(document.text)) != document.text
    ]
    student = load_student(arm_folder(project, arm.name), project.folder / "cache" / "embeddings")
    before, after = (student.predict([pair[side] for pair in pairs]) for side in (0, 1))
    return flip_rate(before, after), len(pairs)


def _gap_line(column: str, gap: GroupGap) -> str:
    where = f"{column} = {gap.group}, {gap.error}: {gap.rate:.3f} of {gap.n:,} against {gap.rate_others:.3f}"
    harmed = "; higher beyond chance" if gap.is_harmed else ""
    bounds = f"[{gap.interval.low:+.3f}, {gap.interval.high:+.3f}]"
    return f"{where}, gap {gap.gap:+.3f} {bounds}, p {p_in_words(gap.p_value)}{harmed}"


def _refusal_lines(gaps: Sequence[GroupGap]) -> Iterator[str]:
    """The groups without a verdict, with their numbers of texts, one line for each kind of error."""
    for error in dict.fromkeys(gap.error for gap in gaps if gap.refusal):
        refused = ", ".join(f"{gap.group} {gap.n}" for gap in gaps if gap.refusal and gap.error == error)
        yield f"{error}: no verdict below {FEWEST_IN_CELL} texts in the group and outside it: {refused}"
