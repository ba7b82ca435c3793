"""How much more gold a statement needs, and which texts people should label next. Asks nobody."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import UserError
from understudy.evaluation import documents_for_half_width, documents_to_certify
from understudy.evaluation.inference import allocate, mean_sequence
from understudy.evaluation.planning import POWER
from understudy.pipeline.annotation import stored_annotations, validation_documents
from understudy.pipeline.evidence.labellers import TEACHER, labelled_by
from understudy.pipeline.prediction import recommended
from understudy.pipeline.validation import judge_annotations

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

N_SIMULATIONS = 20
MOST_LOOKS = 3000


@dataclass(frozen=True)
class LabelNeed:
    """One label: what it has, and the random documents that its F1 needs for the half-width; None if undefined."""

    label: str
    f1: float
    prevalence: float
    documents: int | None


@dataclass(frozen=True)
class GoldPlan:
    """What the teacher's answers on the validation texts say about the gold that is needed.

    Attributes
    ----------
    n : validation texts that it is reckoned from.
    half_width, labels : wanted of each label's F1, and what that takes.
    additional_for_gate : further texts that would probably decide the gate; None if it is decided or none would.
    threshold, accuracy : to certify, and as it is now.
    to_certify : random texts for that, counted once at the end; None if the accuracy is not above the threshold.
    sequential : as many, with the same power, where somebody looks after each text and stops; None if over 3,000.
    """

    n: int
    half_width: float
    labels: tuple[LabelNeed, ...]
    additional_for_gate: int | None
    gate: str
    threshold: float
    accuracy: float
    to_certify: int | None
    sequential: int | None

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        return {
            "n": self.n, "half_width": self.half_width, "gate": self.gate,
            "additional_for_gate": self.additional_for_gate, "threshold": self.threshold, "accuracy": self.accuracy,
            "to_certify": self.to_certify, "sequential": self.sequential,
            "labels": [
                {"label": each.label, "f1": None if isnan(each.f1) else each.f1, "prevalence": each.prevalence,
                 "documents": each.documents}
                for each in self.labels
            ],
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """Everything in words."""
        yield f"reckoned from {self.n} validation texts as they stand; every number is a plan, not a promise"
        for each in self.labels:
            if each.documents is None:
                yield f"{each.label}: F1 undefined, 0 or 1 so far; more texts first"
            else:
                yield (
                    f"{each.label}: F1 {each.f1:.3f}, {each.prevalence:.1%} of texts: {each.documents:,} random gold "
                    f"texts for a 95% interval of ±{self.half_width:g}"
                )
        more = "no further texts asked for" if self.additional_for_gate is None else (
            f"about {self.additional_for_gate:,} further texts would decide"
        )  # fmt: skip
        yield f"gate: {self.gate}; {more}"
        yield from self._certify_lines()

    def _certify_lines(self) -> Iterator[str]:
        if self.to_certify is None:
            yield f"accuracy {self.accuracy:.3f} is not above {self.threshold:g}, or too close: no plan certifies it"
            return
        looks = f"more than {MOST_LOOKS:,}" if self.sequential is None else f"{self.sequential:,}"
        yield (
            f"accuracy of at least {self.threshold:g}, now {self.accuracy:.3f}: {self.to_certify:,} random texts with "
            f"80% power, counted once; with a confidence sequence one may look after every text and stop, four "
            f"times in five after at most {looks}"
        )


@dataclass(frozen=True)
class Drawn:
    """Texts for people to label: how many of each cell of teacher by student, [no, yes] each."""

    label: str
    sizes: tuple[tuple[int, int], ...]
    drawn: tuple[tuple[int, int], ...]
    path: Path

    def to_json(self) -> dict[str, Any]:
        """The draw as a JSON object."""
        return {"label": self.label, "sizes": self.sizes, "drawn": self.drawn, "file": str(self.path)}

    def lines(self) -> Iterator[str]:
        """The draw in words."""
        for a, teacher in enumerate(("no", "yes")):
            for b, student in enumerate(("no", "yes")):
                yield f"teacher {teacher}, student {student}: {self.drawn[a][b]:,} of {self.sizes[a][b]:,} texts"
        yield f"wrote {self.path}; weigh each by 1 / probability (`hajek_share`, `hajek_f1`)"


def plan_gold(project: Project, *, half_width: float = 0.05, threshold: float = 0.8) -> GoldPlan:
    """How much gold labels, gate and a certified accuracy need, going by what the teacher has answered.

    Raises
    ------
    UserError
        If the teacher has answered no validation text.
    """
    validation = judge_annotations(project, stored_annotations(project, validation_documents(project)))
    n = len(validation.documents)
    if not n:
        raise UserError("the teacher has answered no validation text.", "Run `understudy validate` first.")
    right = [validation.annotations[d.id].value == d.value for d in validation.documents]
    accuracy = float(np.mean(right))
    labels = [LabelNeed(each.label, each.f1, each.support / n, _needed(each.f1, each.support / n, half_width))
              for each in validation.verdict.labels]  # fmt: skip
    return GoldPlan(
        n, half_width, tuple(labels), validation.verdict.additional_gold, validation.verdict.verdict.value, threshold,
        accuracy, _to_certify(accuracy, threshold), _sequential(project, accuracy, threshold),
    )  # fmt: skip


def draw_gold(project: Project, n: int, path: Path, label: str | None = None) -> Drawn:
    """Write pool texts for people to label, drawn by cell of teacher and student, with their inclusion probabilities.

    Raises
    ------
    UserError
        If there is no label to look for, `n` fits no draw, or the file exists.
    """
    column = _column(project, label)
    if path.exists():
        raise UserError(f"`{path}` exists.", "Choose another name.")
    teacher, student = labelled_by(project, TEACHER), labelled_by(project, recommended(project))
    by_student = {d.id: row[column] >= 0.5 for d, row in zip(student.rest, student.on_rest, strict=True)}
    rows = [(d, bool(row[column] >= 0.5), bool(by_student[d.id]))
            for d, row in zip(teacher.rest, teacher.on_rest, strict=True) if d.id in by_student]  # fmt: skip
    try:
        cells = allocate([yes for _, yes, _ in rows], [yes for _, _, yes in rows], n)
    except ValueError as exc:
        raise UserError(str(exc), "Ask for fewer texts, or for at least one in each filled cell.") from exc
    rng = np.random.default_rng([project.settings.project.seed, 30])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "teacher", "student", "probability"])
        for a in (False, True):
            for b in (False, True):
                cell = [document for document, one, other in rows if (one, other) == (a, b)]
                chosen = rng.permutation(len(cell))[: cells.drawn[int(a), int(b)]]
                probability = cells.probability[int(a), int(b)]
                writer.writerows([cell[i].id, cell[i].text, int(a), int(b), f"{probability:.9f}"] for i in chosen)
    return Drawn(project.task.labels[column], _pairs(cells.sizes), _pairs(cells.drawn), path)


def _pairs(table: Any) -> tuple[tuple[int, int], ...]:
    return tuple((int(row[0]), int(row[1])) for row in table)


def _column(project: Project, label: str | None) -> int:
    labels = project.task.labels
    if label is not None and label in labels:
        return labels.index(label)
    if label is None and project.task.positive is not None:
        return project.task.positive
    raise UserError("there is no single label to look for.", f"Give `--label`, one of {', '.join(labels)}.")


def _needed(f1: float, prevalence: float, half_width: float) -> int | None:
    return documents_for_half_width(f1, prevalence, half_width) if 0 < f1 < 1 and prevalence > 0 else None


def _to_certify(accuracy: float, threshold: float) -> int | None:
    try:
        return documents_to_certify(accuracy, threshold)
    except ValueError:  # not above the threshold, or too close to it
        return None


def _sequential(project: Project, accuracy: float, threshold: float) -> int | None:
    """Looks that exclude the threshold with 80 % power, by simulated texts of this accuracy."""
    if accuracy <= threshold:
        return None
    rng = np.random.default_rng([project.settings.project.seed, 31])
    looks = [mean_sequence((rng.random(MOST_LOOKS) < accuracy).astype(float)).first_excluding(threshold)
             for _ in range(N_SIMULATIONS)]  # fmt: skip
    enough = float(np.quantile([MOST_LOOKS + 1 if n is None else n for n in looks], POWER, method="higher"))
    return round(enough) if enough <= MOST_LOOKS else None
