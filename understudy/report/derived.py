"""What the page and the JSON both work out from the arms: who is who, calibration, confusions, per-label intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import (
    Bin,
    Interval,
    LabelScore,
    RiskCoverage,
    brier,
    expected_calibration_error,
    reliability,
    risk_coverage,
    wilson,
)
from understudy.evaluation.finite import finite_or_none
from understudy.report.data import ArmResult, ConsistencyLevel, ReportData


class Family(StrEnum):
    """Whose labels an arm learned from."""

    HUMAN = "human labels"
    TEACHER = "teacher labels"
    BOTH = "teacher and human labels"
    WRITTEN = "texts by the teacher"
    DIRECT = "the teacher itself"


def family_of(arm: ArmResult) -> Family:
    """Told by the labels, not by the name."""
    if arm.n_labels == 0:
        return Family.DIRECT
    if arm.is_written:
        return Family.WRITTEN
    if arm.human_labels == 0:
        return Family.TEACHER
    return Family.HUMAN if arm.human_labels >= arm.n_labels else Family.BOTH


def chosen_student(data: ReportData) -> ArmResult | None:
    """The recommended arm, or None."""
    return next((arm for arm in data.arms if arm.name == data.recommended), None)


def direct_teacher(data: ReportData) -> ArmResult | None:
    """The arm in which the teacher labels by itself, or None."""
    return next((arm for arm in data.arms if family_of(arm) is Family.DIRECT), None)


def main_labellers(data: ReportData) -> list[ArmResult]:
    """The chosen student and the teacher itself, as far as there are any: the two that details are shown of."""
    return [arm for arm in (chosen_student(data), direct_teacher(data)) if arm is not None]


@dataclass(frozen=True)
class Calibration:
    """Whether an arm's probabilities come true.

    Attributes
    ----------
    n : documents, or for multi-label decisions (documents times labels).
    unit : which of the two.
    bins, ece, brier, risk : as `understudy.evaluation` defines them.
    """

    arm: str
    n: int
    unit: str
    accuracy: float
    bins: tuple[Bin, ...]
    ece: float
    brier: float
    risk: RiskCoverage

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "n": self.n,
            "unit": self.unit,
            "accuracy": finite_or_none(self.accuracy),
            "ece": finite_or_none(self.ece),
            "brier": finite_or_none(self.brier),
            "bins": [one.to_json() for one in self.bins],
            "risk_coverage": self.risk.to_json(),
        }


def calibration_of(arm: ArmResult) -> Calibration | None:
    """Calibration of the most probable label, or of each yes-or-no decision where labels do not exclude each other.

    Documents without a probability (nan) are left out. None if the arm states no probabilities.
    """
    if arm.probabilities is None or arm.truth is None:
        return None
    known = np.isfinite(arm.probabilities).all(axis=1)
    stated, truth = np.clip(arm.probabilities[known], 0, 1), arm.truth[known]
    is_exclusive = arm.confusion is not None
    confidence, correct = _top_label(stated, truth) if is_exclusive else _decisions(stated, truth)
    if not confidence.size:
        return None
    return Calibration(
        arm=arm.name,
        n=len(confidence),
        unit="texts" if is_exclusive else "decisions",
        accuracy=float(correct.mean()),
        bins=reliability(confidence, correct),
        ece=expected_calibration_error(confidence, correct),
        brier=brier(stated, truth),
        risk=risk_coverage(confidence, correct),
    )


def _top_label(
    stated: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, best = np.arange(len(stated)), stated.argmax(axis=1)
    return stated[rows, best], truth[rows, best].astype(np.float64)


def _decisions(
    stated: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    confidence = np.maximum(stated, 1 - stated)
    return confidence.ravel(), ((stated >= 0.5) == truth).astype(np.float64).ravel()


@dataclass(frozen=True)
class Mistake:
    """One label taken for another: `count` of the `support` texts that are `human` were called `given`."""

    human: str
    given: str
    count: float
    support: float


def frequent_mistakes(confusion: NDArray[np.float64], labels: Sequence[str], most: int) -> list[Mistake]:
    """Off-diagonal cells that are not 0, most frequent first; ties in codebook order.

    Parameters
    ----------
    confusion : shape (K, K + 1), rows human, columns given, the last one no answer.
    """
    columns = [*labels, "no answer"]
    found = [
        Mistake(label, columns[j], float(confusion[i, j]), float(confusion[i].sum()))
        for i, label in enumerate(labels)
        for j in range(len(columns))
        if i != j and confusion[i, j] > 0
    ]
    return sorted(found, key=lambda mistake: -mistake.count)[:most]


def shown_levels(levels: Sequence[ConsistencyLevel]) -> list[ConsistencyLevel]:
    """Levels of consistency as a reader meets them: `1.00` is left out where `unanimous` says the same."""
    has_unanimous = any(level.title == "unanimous" for level in levels)
    kept = [level for level in levels if not (has_unanimous and level.title == "1.00")]
    return [replace(level, title=_level_title(level.title)) for level in kept]


def _level_title(title: str) -> str:
    return f"{title} of the answers agree" if title[:1].isdigit() else title


def precision_interval(score: LabelScore) -> Interval | None:
    """Wilson's, of the answers that gave this label; None where it was never given."""
    return _share_interval(score.precision, score.predicted)


def recall_interval(score: LabelScore) -> Interval | None:
    """Wilson's, of the texts that have this label; None where none has."""
    return _share_interval(score.recall, score.support)


def _share_interval(share: float, n: float) -> Interval | None:
    return wilson(share * n, n) if n > 0 and math.isfinite(share) else None


def seed_range(arm: ArmResult) -> tuple[float, float] | None:
    """Lowest and highest defined headline F1 over training runs; None with fewer than two defined."""
    known = [f1 for f1 in arm.seed_f1 if math.isfinite(f1)]
    return (min(known), max(known)) if len(known) > 1 else None
