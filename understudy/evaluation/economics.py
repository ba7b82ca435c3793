"""What a labeller costs, from when on a student pays, and which labellers no other beats. Measures nothing itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from understudy.evaluation.finite import finite_or_none


@dataclass(frozen=True, slots=True)
class Costs:
    """Prices of one project, in US dollars.

    Attributes
    ----------
    n_labels : teacher labels that the student learned from.
    teacher_usd : one text labelled by the teacher.
    student_usd : one text labelled by the student.
    human_usd : one text labelled by a person.
    training_usd : compute of training, all runs.
    engineering_usd : people's time to make the student, beyond what the teacher alone would have taken.
    deferred : share of texts that the student hands to the teacher, in [0, 1).
    """

    n_labels: int
    teacher_usd: float
    student_usd: float = 0.0
    human_usd: float = 0.0
    training_usd: float = 0.0
    engineering_usd: float = 0.0
    deferred: float = 0.0


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From how many texts on the student is cheaper.

    Attributes
    ----------
    against_teacher : than asking the teacher for every text; inf if it never is.
    against_humans : than people labelling every text; inf if it never is.
    without_engineering : as `against_teacher`, counting computers only.
    """

    against_teacher: float
    against_humans: float
    without_engineering: float

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None for never."""
        return {
            "against_teacher": finite_or_none(self.against_teacher),
            "against_humans": finite_or_none(self.against_humans),
            "without_engineering": finite_or_none(self.without_engineering),
        }


def break_even(costs: Costs) -> BreakEven:
    """The volumes at which a student has paid for itself.

    ``V = (n_labels c_teacher + training + engineering) / (c_other - deferred c_teacher - c_student)``: fixed costs over
    what each text saves. Gold for validation is needed in any case and not charged to the student.

    Raises
    ------
    ValueError
        If a cost is negative or not finite, or `deferred` is not in [0, 1).

    Examples
    --------
    >>> found = break_even(Costs(5000, teacher_usd=0.002, training_usd=2.0, engineering_usd=500.0, deferred=0.2))
    >>> round(found.without_engineering), round(found.against_teacher)
    (7500, 320000)
    """
    amounts = (
        costs.n_labels, costs.teacher_usd, costs.student_usd, costs.human_usd, costs.training_usd, costs.engineering_usd
    )  # fmt: skip
    if not all(math.isfinite(amount) and amount >= 0 for amount in amounts) or not 0 <= costs.deferred < 1:
        raise ValueError(f"costs: expected finite amounts >= 0 and a share deferred in [0, 1), found {costs}.")
    machines = costs.n_labels * costs.teacher_usd + costs.training_usd
    each = costs.deferred * costs.teacher_usd + costs.student_usd
    return BreakEven(
        against_teacher=_volume(machines + costs.engineering_usd, costs.teacher_usd - each),
        against_humans=_volume(machines + costs.engineering_usd, costs.human_usd - each),
        without_engineering=_volume(machines, costs.teacher_usd - each),
    )


@dataclass(frozen=True, slots=True)
class Option:
    """One labeller: its cost for the volume in question, in dollars (None if unknown), and its F1."""

    name: str
    cost_usd: float | None
    f1: float


def frontier(options: Sequence[Option]) -> tuple[Option, ...]:
    """The options that no other one beats on cost and F1 at once, the cheapest first.

    Options of unknown cost or undefined F1 are left out. Of equals the first stays.

    Examples
    --------
    >>> options = [Option("teacher", 10.0, 0.8), Option("student", 1.0, 0.7), Option("other", 2.0, 0.6)]
    >>> [option.name for option in frontier(options)]
    ['student', 'teacher']
    """
    known = [option for option in options if option.cost_usd is not None and not math.isnan(option.f1)]
    kept: list[Option] = []
    for option in sorted(known, key=lambda option: (option.cost_usd or 0.0, -option.f1)):
        if not kept or option.f1 > kept[-1].f1:
            kept.append(option)
    return tuple(kept)


def _volume(fixed: float, saved: float) -> float:
    return fixed / saved if saved > 0 else math.inf
