"""Differences between groups and regression coefficients of one labeller, corrected by gold beside the naive ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.evaluation import holm
from understudy.evaluation.inference import (
    Estimate,
    Share,
    cross_fitted,
    design_based_regression,
    difference,
    powered_regression,
    powered_share,
)
from understudy.evaluation.inference.prediction_powered import Kind
from understudy.pipeline.evidence.labellers import Labelled, meta_column

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]

SIGNIFICANT = 0.05
FEWEST_GOLD_FOR_REGRESSION = 100
"""Gold documents below which robust standard errors of a corrected regression are too small."""

MOST_GROUPS = 20


@dataclass(frozen=True)
class Questions:
    """What is compared.

    Attributes
    ----------
    by : a column of groups whose shares are compared; None for none.
    regress : columns that a label's share is regressed on, numbers or categories.
    kind : of the regression.
    method : how it is corrected: prediction-powered inference or design-based supervised learning.
    """

    by: str | None = None
    regress: tuple[str, ...] = ()
    kind: Kind = "linear"
    method: Literal["ppi", "dsl"] = "ppi"


@dataclass(frozen=True)
class Contrast:
    """A difference or a coefficient, corrected and naive.

    Attributes
    ----------
    label : whose share it is about.
    what : such as ``party = A against the others``.
    corrected : of no meaning if refused.
    p_value : of the corrected one, by Holm over all contrasts of the same label; nan if refused.
    gold_only : from gold alone; None if refused.
    """

    label: str
    what: str
    corrected: Estimate
    naive: Estimate
    p_value: float
    refusal: str = ""
    gold_only: Estimate | None = None

    @property
    def is_overturned(self) -> bool:
        """Whether the naive figure says something that the corrected one does not: another sign, or a significance."""
        if self.refusal:
            return False
        return _conclusion(self.naive, self.naive.p_value) != _conclusion(self.corrected, self.p_value)

    def line(self) -> str:
        """The contrast in words."""
        if self.refusal:
            naive = f"{self.naive.value:+.3f}"
            return f"{self.label}, {self.what}: refused ({self.refusal}); naive, not to be used: {naive}"
        overturned = "; the naive figure would have led to another conclusion" if self.is_overturned else ""
        return (
            f"{self.label}, {self.what}: {self.corrected.value:+.3f} {bounds(self.corrected)} "
            f"({self.corrected.interval.method}), p {p_in_words(self.p_value)}; naive, not to be used: "
            f"{self.naive.value:+.3f} {bounds(self.naive)}{overturned}"
        )


def contrasts(project: Project, labelled: Labelled, columns: Sequence[int], questions: Questions) -> Iterator[Contrast]:
    """Every contrast of some labels (columns of the codebook), p-values corrected within each label."""
    for k in columns:
        found = list(_differences(project, labelled, k, questions.by)) if questions.by is not None else []
        if questions.regress:
            found += _coefficients(project, labelled, k, questions)
        corrected = holm([each.p_value for each in found])
        for each, p_value in zip(found, corrected, strict=True):
            yield replace(each, p_value=float(p_value))


def share_of(labelled: Labelled, k: int, label: str) -> Share:
    """The share of the label in column k."""
    return powered_share(labelled.truth[:, k], labelled.on_gold[:, k], labelled.on_rest[:, k], name=label)


def group_names(values: Sequence[str | None], column: str) -> list[str]:
    """The groups in a column, sorted; raises UserError if there is one only, or more than 20."""
    groups = sorted({value for value in values if value is not None})
    if len(groups) < 2:
        raise UserError(f"column `{column}` has fewer than two values.", "Name another column.")
    if len(groups) > MOST_GROUPS:
        raise UserError(f"column `{column}` has {len(groups):,} values; at most {MOST_GROUPS} groups are compared.")
    return groups


def p_in_words(p_value: float) -> str:
    """``= 0.021`` or ``< 0.001``."""
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def bounds(estimate: Estimate) -> str:
    """Its interval, as printed."""
    return f"[{estimate.interval.low:.3f}, {estimate.interval.high:.3f}]"


def _differences(project: Project, labelled: Labelled, k: int, by: str) -> Iterator[Contrast]:
    """Each group against all others; with two groups, one against the other."""
    gold, rest = (np.array(meta_column(project, side, by), dtype=object) for side in (labelled.gold, labelled.rest))
    groups = group_names([*gold, *rest], by)
    for group in groups[:1] if len(groups) == 2 else groups:
        inside = labelled.where(gold == group, rest == group)
        outside = labelled.where(*((side != group) & np.array([g is not None for g in side]) for side in (gold, rest)))
        if min(len(inside.gold), len(inside.rest), len(outside.gold), len(outside.rest)) < 2:
            continue
        one, other = (share_of(side, k, project.task.labels[k]) for side in (inside, outside))
        corrected, refusal = difference(one.estimate, other.estimate), one.refusal or other.refusal
        p_value = float("nan") if refusal else corrected.p_value
        what = f"{by} = {group} against the others"
        alone = None if refusal else difference(one.gold_only, other.gold_only, method="gold alone")
        naive = difference(one.naive, other.naive)
        yield Contrast(project.task.labels[k], what, corrected, naive, p_value, refusal, alone)


def _coefficients(project: Project, labelled: Labelled, k: int, questions: Questions) -> Iterator[Contrast]:
    """All but the intercept; the naive regression takes machine labels for the truth."""
    design, names, n_gold = _design(project, labelled, questions.regress)
    machine = np.concatenate([labelled.on_gold[:, k], labelled.on_rest[:, k]])
    ones = np.ones(len(machine))
    naive = design_based_regression(design, machine, machine, ones, kind=questions.kind, names=names)
    label = project.task.labels[k]
    if n_gold < FEWEST_GOLD_FOR_REGRESSION:
        refusal = f"{n_gold} gold texts; a corrected regression needs {FEWEST_GOLD_FOR_REGRESSION}"
        yield from (Contrast(label, each.name, each, each, float("nan"), refusal) for each in naive[1:])
        return
    correct = _design_based if questions.method == "dsl" else _powered
    corrected = correct(project, design, labelled.truth[:, k], machine, questions.kind, names)
    alone = _gold_only(design[:n_gold], labelled.truth[:, k], questions.kind, names)
    for each, plain, gold_only in zip(corrected[1:], naive[1:], alone[1:], strict=True):
        yield Contrast(label, each.name, each, plain, each.p_value, gold_only=gold_only)


def _gold_only(design: FloatArray, truth: FloatArray, kind: Kind, names: Sequence[str]) -> tuple[Estimate, ...]:
    return design_based_regression(design, truth, truth, np.ones(len(truth)), kind=kind, names=names)


def _powered(
    _project: Project, design: FloatArray, truth: FloatArray, machine: FloatArray, kind: Kind, names: Sequence[str]
) -> tuple[Estimate, ...]:
    gold, rest = slice(0, len(truth)), slice(len(truth), None)
    return powered_regression(design[gold], truth, machine[gold], design[rest], machine[rest], kind=kind, names=names)


def _design_based(
    project: Project, design: FloatArray, truth: FloatArray, machine: FloatArray, kind: Kind, names: Sequence[str]
) -> tuple[Estimate, ...]:
    """Gold counts as drawn at random from all documents."""
    outcome = np.concatenate([truth, np.full(len(machine) - len(truth), np.nan)])
    chance = np.full(len(machine), len(truth) / len(machine))
    rng = np.random.default_rng([project.settings.project.seed, 21])
    predicted = cross_fitted(np.column_stack([machine, design[:, 1:]]), outcome, chance, rng)
    return design_based_regression(design, outcome, predicted, chance, kind=kind, names=names)


def _design(project: Project, labelled: Labelled, regress: Sequence[str]) -> tuple[FloatArray, list[str], int]:
    """An intercept and the columns of gold, then of the rest: numbers as they are, categories against the commonest."""
    documents = [*labelled.gold, *labelled.rest]
    columns, names = [np.ones(len(documents))], ["intercept"]
    for column in regress:
        values = meta_column(project, documents, column)
        if None in values:
            raise UserError(f"column `{column}` is empty for {values.count(None):,} texts.", "Fill it in for all.")
        numbers = _numbers(values)
        if numbers is not None:
            columns.append(numbers)
            names.append(column)
            continue
        reference, *others = sorted(group_names(values, column), key=lambda group: -values.count(group))
        columns += [np.array([value == group for value in values], dtype=np.float64) for group in others]
        names += [f"{column} = {group} against {reference}" for group in others]
    return np.column_stack(columns), names, len(labelled.gold)


def _numbers(values: Sequence[str | None]) -> FloatArray | None:
    try:
        return np.array([float(value or "") for value in values])
    except ValueError:
        return None


def _conclusion(estimate: Estimate, p_value: float) -> int:
    """-1, 0 or 1: significantly below, not different from, or above 0."""
    return int(np.sign(estimate.value)) if p_value < SIGNIFICANT else 0
