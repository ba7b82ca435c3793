"""Is the teacher good enough to go on? An interval against a bar: go, not yet, or no. Spends and stops nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from understudy.evaluation.counts import BoolArray, Counts, count
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, N_RESAMPLES, Interval, headline_interval, label_intervals
from understudy.evaluation.metrics import Headline, headline_score, score
from understudy.evaluation.planning import documents_to_decide


class Gate(StrEnum):
    """What the gate says."""

    GO = "go"
    NOT_YET = "not yet"
    NO = "no"


@dataclass(frozen=True, slots=True)
class LabelVerdict:
    """One label at the gate.

    Attributes
    ----------
    f1, precision, recall : nan where undefined.
    interval : of F1.
    support : gold documents that have the label.
    """

    label: str
    precision: float
    recall: float
    f1: float
    interval: Interval
    support: int

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "label": self.label,
            "precision": finite_or_none(self.precision),
            "recall": finite_or_none(self.recall),
            "f1": finite_or_none(self.f1),
            "interval": self.interval.to_json(),
            "support": self.support,
        }


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The gate's answer and all that it rests on.

    Attributes
    ----------
    verdict : go if the whole interval reaches the bar, no if all of it is below, else not yet.
    estimate, interval : headline F1 and its interval; nan where undefined.
    bar : what must be reached: the larger of `min_f1` and `trivial`.
    min_f1 : what the project asks for.
    trivial : headline F1 of the best constant answer on the same gold; nan without gold.
    trivial_answer : that answer.
    n : gold documents judged.
    additional_gold : how many more gold documents would probably decide; None if decided or if none would.
    reason : the verdict in a sentence.
    labels : every label with its own interval, in label order.
    """

    verdict: Gate
    estimate: float
    interval: Interval
    bar: float
    min_f1: float
    trivial: float
    trivial_answer: str
    n: int
    additional_gold: int | None
    reason: str
    labels: tuple[LabelVerdict, ...]

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "verdict": self.verdict.value,
            "estimate": finite_or_none(self.estimate),
            "interval": self.interval.to_json(),
            "bar": self.bar,
            "min_f1": self.min_f1,
            "trivial": finite_or_none(self.trivial),
            "trivial_answer": self.trivial_answer,
            "n": self.n,
            "additional_gold": self.additional_gold,
            "reason": self.reason,
            "labels": [label.to_json() for label in self.labels],
        }


@dataclass(frozen=True, slots=True)
class ConstantAnswer:
    """The best answer that reads no text: what it says and its headline F1 (nan without gold)."""

    answer: str
    f1: float


def best_constant(
    counts: Counts,
    headline: Headline,
    labels: Sequence[str],
    *,
    is_exclusive: bool = True,
    marks_spans: bool = False,
) -> ConstantAnswer:
    """The best labeller that gives every document of the gold behind `counts` the same answer.

    Parameters
    ----------
    counts : unaveraged counts; the truth is tp + fn.
    is_exclusive : whether exactly one label holds. If not, "all labels" is a constant answer too.
    marks_spans : whether answers are spans. No span fits every document: the one constant answer is none at all.
    """
    if marks_spans:
        return _no_spans(counts, headline)
    truth = counts.tp + counts.fn > 0
    answers = [(label, np.eye(len(labels), dtype=bool)[column]) for column, label in enumerate(labels)]
    if not is_exclusive:
        answers.append(("all labels", np.ones(len(labels), dtype=bool)))
    scored = [ConstantAnswer(name, _constant_f1(truth, row, headline)) for name, row in answers]
    defined = [constant for constant in scored if not math.isnan(constant.f1)]
    return max(defined, key=lambda constant: constant.f1) if defined else ConstantAnswer("", math.nan)


def decide(
    counts: Counts,
    headline: Headline,
    labels: Sequence[str],
    bar: float,
    rng: np.random.Generator,
    *,
    is_exclusive: bool = True,
    marks_spans: bool = False,
    groups: Sequence[str | None] | None = None,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
) -> GateVerdict:
    """Judge a teacher on gold documents.

    Parameters
    ----------
    counts : one run on n gold documents, unanswered ones included (`counts.count` counts them as missed).
    labels : K names in column order.
    bar : the least acceptable headline F1, in [0, 1]; raised to that of the best constant answer.
    is_exclusive, marks_spans : as `best_constant` takes them.
    groups : n names of groups that belong together; None is a group of its own.

    Returns
    -------
    GateVerdict
        "Not yet" whatever the numbers where no document was judged or gold holds no case of what the headline
        measures.

    Raises
    ------
    ValueError
        If `labels` does not fit or bar is outside [0, 1].
    """
    if not 0 <= bar <= 1:
        raise ValueError(f"bar: expected an F1 in [0, 1], found {bar}.")
    constant = best_constant(counts, headline, labels, is_exclusive=is_exclusive, marks_spans=marks_spans)
    raised = bar if math.isnan(constant.f1) else max(bar, constant.f1)
    estimate = headline_score(counts, headline).f1
    interval = headline_interval([counts], headline, rng, groups, n_resamples=n_resamples, level=level)
    missing = _missing_gold(counts, headline, labels)
    unseen = _unseen_labels(counts, headline, labels)
    verdict = Gate.NOT_YET if missing else _against(interval, raised)
    more = _additional_gold(counts.n, estimate, interval, raised) if verdict is Gate.NOT_YET and not missing else None
    return GateVerdict(
        verdict=verdict,
        estimate=estimate,
        interval=interval,
        bar=raised,
        min_f1=bar,
        trivial=constant.f1,
        trivial_answer=constant.answer,
        n=counts.n,
        additional_gold=more,
        reason=missing or _reason(verdict, estimate, interval, raised, counts.n, more) + unseen,
        labels=_label_verdicts(counts, headline, labels, groups, level),
    )


def _no_spans(counts: Counts, headline: Headline) -> ConstantAnswer:
    nothing = np.zeros_like(counts.tp)
    missed = Counts(nothing, nothing, counts.tp + counts.fn, np.zeros(counts.n))
    return ConstantAnswer("no spans", headline_score(missed, headline).f1)


def _constant_f1(truth: BoolArray, row: BoolArray, headline: Headline) -> float:
    return headline_score(count(truth, np.broadcast_to(row, truth.shape)), headline).f1


def _missing_gold(counts: Counts, headline: Headline, labels: Sequence[str]) -> str:
    """Why these gold documents cannot judge at all; empty if they can."""
    if counts.n == 0:
        return "No gold document was judged; label some by hand first."
    columns = headline.columns(counts.n_labels)
    totals = counts.total()
    if (totals.tp + totals.fn)[columns].sum() > 0:
        return ""
    named = ", ".join(f"`{labels[column]}`" for column in columns)
    return f"None of the {counts.n} gold documents is {named}; add gold documents that are."


def _unseen_labels(counts: Counts, headline: Headline, labels: Sequence[str]) -> str:
    """A warning that the headline is blind to labels that gold does not hold; empty if it holds all."""
    support = (counts.tp + counts.fn).sum(axis=0)
    unseen = [f"`{labels[column]}`" for column in headline.columns(counts.n_labels) if support[column] == 0]
    return f" Nothing is known about {', '.join(unseen)}: no gold document has it." if unseen else ""


def _against(interval: Interval, bar: float) -> Gate:
    if not interval.is_defined:
        return Gate.NOT_YET
    if interval.low >= bar:
        return Gate.GO
    return Gate.NO if interval.high < bar else Gate.NOT_YET


def _additional_gold(n: int, estimate: float, interval: Interval, bar: float) -> int | None:
    side = estimate - interval.low if estimate >= bar else interval.high - estimate
    in_all = documents_to_decide(n, side, estimate - bar, level=interval.level)
    return None if in_all is None else in_all - n


def _reason(verdict: Gate, estimate: float, interval: Interval, bar: float, n: int, more: int | None) -> str:
    found = f"F1 {estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}] on {n} gold documents"
    if verdict is Gate.GO:
        return f"{found} reaches the bar of {bar:.3f}."
    if verdict is Gate.NO:
        return f"{found} stays below the bar of {bar:.3f}."
    if more is None:
        return f"{found} is too close to the bar of {bar:.3f} for any realistic amount of gold to decide."
    return f"{found} leaves open whether it reaches the bar of {bar:.3f}; about {more:,} more would probably decide."


def _label_verdicts(
    counts: Counts, headline: Headline, labels: Sequence[str], groups: Sequence[str | None] | None, level: float
) -> tuple[LabelVerdict, ...]:
    scored = score(counts, labels, headline).labels
    intervals = label_intervals([counts], groups, level=level)
    return tuple(
        LabelVerdict(one.label, one.precision, one.recall, one.f1, interval, round(one.support))
        for one, interval in zip(scored, intervals, strict=True)
    )
