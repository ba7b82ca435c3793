"""The rows of the report's tables: each number with its interval, or with the reason why it is undefined.

Judges nothing; what is shown here was measured in `evaluation`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.evaluation import Interval, TrustMeasure, TrustReport
from understudy.report import words
from understudy.report.data import (
    ArmResult,
    ConsistencyLevel,
    LearningRound,
    NoiseTrial,
    PayoffTest,
    PoolShare,
    ReportData,
    SearchResult,
    SearchTrial,
)
from understudy.report.derived import (
    Calibration,
    Mistake,
    calibration_of,
    chosen_student,
    direct_teacher,
    family_of,
    frequent_mistakes,
    main_labellers,
    precision_interval,
    recall_interval,
    seed_range,
)
from understudy.report.figures import Picture

MOST_CONFUSIONS = 10
SPAN_KINDS = ("exact", "boundary", "wrong_label", "both", "missed", "spurious")
"""Columns of the table of wrong spans."""

WIDEST_TABLE = 25
"""Labels up to which a confusion matrix is also printed as a table."""


@dataclass(frozen=True)
class Measure:
    """A number with its interval and the texts behind it, or why there is none."""

    value: float
    interval: Interval | None = None
    n: float | None = None
    why: str = "undefined"

    @property
    def is_defined(self) -> bool:
        """Whether there is a number to print."""
        return math.isfinite(self.value)


@dataclass(frozen=True)
class ArmRow:
    """One labeller in the table of arms."""

    arm: ArmResult
    family: str
    is_chosen: bool
    f1: Measure
    precision: Measure
    recall: Measure
    accuracy: Measure
    seeds: str


@dataclass(frozen=True)
class LabelCell:
    """What one labeller does with one label."""

    f1: Measure
    precision: Measure
    recall: Measure


@dataclass(frozen=True)
class LabelRow:
    """One label: how many judged texts have it, and a cell for each main labeller."""

    label: str
    support: float
    cells: tuple[LabelCell, ...]


@dataclass(frozen=True)
class ConfusionView:
    """Who confuses what: the most frequent mistakes, and the rows of the whole matrix where it fits a page."""

    arm: ArmResult
    figure: Picture
    mistakes: tuple[Mistake, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class SpanErrorRow:
    """What one labeller does wrong about spans; `counts` in the order of `SPAN_KINDS`."""

    arm: ArmResult
    counts: tuple[float, ...]
    overlap_f1: Measure


@dataclass(frozen=True)
class ConsistencyRow:
    """Texts of one consistency and the share of them answered rightly."""

    title: str
    n: int
    right: Measure


@dataclass(frozen=True)
class TrustRow:
    """One measure of trust and of raw consistency, and their difference."""

    title: str
    better: str
    trust: Measure
    consistency: Measure
    difference: Measure
    verdict: str


@dataclass(frozen=True)
class NoiseRow:
    """One recipe against label noise, as far as it was tried; `n` texts of gold dev judged it."""

    arm: str
    name: str
    title: str
    n: int
    f1: Measure
    plain_f1: Measure
    gain: Measure
    verdict: str


@dataclass(frozen=True)
class RoundRow:
    """One round of the learning loop; `payoff` is "" where choosing was not tested."""

    number: int
    strategy: str
    n_chosen: int
    n_random: int
    n_asked: int
    n_labels: int
    f1: Measure
    kappa: Measure
    payoff: str


@dataclass(frozen=True)
class PoolShareRow:
    """How frequent a label is in the pool by the teacher's labels."""

    label: str
    share: Measure
    naive: float


@dataclass(frozen=True)
class SearchRow:
    """One combination of settings that a search tried; `seeds` of the chosen one only."""

    arm: str
    judged_on: str
    parameters: str
    f1: Measure
    n_runs: int
    train_s: float
    is_chosen: bool
    seeds: str


def arm_row(data: ReportData, arm: ArmResult) -> ArmRow:
    """One arm with its headline figures."""
    scores, n = arm.scores.headline, arm.n_test
    return ArmRow(
        arm=arm,
        family=family_of(arm).value,
        is_chosen=arm.name == data.recommended,
        f1=Measure(scores.f1, arm.intervals.get("f1"), n, "nothing to find, nothing given"),
        precision=Measure(scores.precision, arm.intervals.get("precision"), n, "never given"),
        recall=Measure(scores.recall, arm.intervals.get("recall"), n, "no judged text has it"),
        accuracy=Measure(arm.scores.accuracy, arm.intervals.get("accuracy"), n, "no text was judged"),
        seeds=_seeds(arm),
    )


def noise_row(trial: NoiseTrial) -> NoiseRow:
    """One recipe against wrong labels, and whether it won."""
    why = trial.reason or words.UNDEFINED
    return NoiseRow(
        arm=trial.arm,
        name=trial.name,
        title=trial.title,
        n=trial.n,
        f1=Measure(_number(trial.f1), why=why),
        plain_f1=Measure(_number(trial.plain_f1), why=why),
        gain=Measure(_number(trial.gain), _gain_interval(trial), why=why),
        verdict="used" if trial.is_used else "won" if trial.is_better else "did not win" if trial.n else "not tried",
    )


def best_first(found: SearchResult) -> list[SearchTrial]:
    """The trials of a search, those without F1 last."""
    return sorted(found.trials, key=lambda trial: -math.inf if trial.f1 is None else trial.f1, reverse=True)


def search_row(found: SearchResult, trial: SearchTrial) -> SearchRow:
    """One combination of a search."""
    is_chosen = trial.parameters == found.chosen
    return SearchRow(
        arm=found.arm,
        judged_on=f"{found.n:,} {found.judged_on}",
        parameters=", ".join(f"{name} = {value}" for name, value in trial.parameters.items()),
        f1=Measure(_number(trial.f1), why=trial.reason or words.UNDEFINED),
        n_runs=trial.n_runs,
        train_s=trial.train_s,
        is_chosen=is_chosen,
        seeds=_spread([f1 for f1 in found.seed_f1 if f1 is not None]) if is_chosen else "",
    )


def _spread(f1: Sequence[float]) -> str:
    """Lowest and highest of the training runs, and how many runs."""
    return f"{min(f1):.3f} to {max(f1):.3f} ({len(f1)})" if f1 else words.UNDEFINED


def _gain_interval(trial: NoiseTrial) -> Interval | None:
    return None if trial.gain_interval is None else Interval(*trial.gain_interval, "paired bootstrap", 0.9)


def round_row(done: LearningRound) -> RoundRow:
    """One round of the learning loop."""
    return RoundRow(
        number=done.number,
        strategy=done.strategy,
        n_chosen=done.n_chosen,
        n_random=done.n_random,
        n_asked=done.n_asked,
        n_labels=done.n_labels,
        f1=Measure(_number(done.f1), _bounds(done.low, done.high)),
        kappa=Measure(_number(done.kappa), why="no student before" if done.number == 0 else words.UNDEFINED),
        payoff="" if done.payoff is None else _payoff(done.payoff),
    )


def _payoff(test: PayoffTest) -> str:
    difference = words.estimate(_number(test.difference), _bounds(test.low, test.high))
    return f"{test.verdict}: {difference}, {test.n_labels:,} labels each"


def pool_share_row(one: PoolShare) -> PoolShareRow:
    """One label's share of the pool."""
    share = Measure(_number(one.share), _bounds(one.low, one.high), why="too few texts were drawn by lot")
    return PoolShareRow(one.label, share, one.naive)


def _bounds(low: float | None, high: float | None) -> Interval | None:
    return None if low is None or high is None else Interval(low, high, "95 %", 0.95)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _seeds(arm: ArmResult) -> str:
    """Lowest and highest F1 of the training runs, and how many runs."""
    if len(arm.seed_f1) < 2:
        return "one run"
    spread = seed_range(arm)
    return (
        f"{words.UNDEFINED} ({len(arm.seed_f1)})"
        if spread is None
        else (f"{spread[0]:.3f} to {spread[1]:.3f} ({len(arm.seed_f1)})")
    )


def confusions(data: ReportData, figures: dict[str, Picture]) -> tuple[ConfusionView, ...]:
    """What the chosen student and the teacher mix up, as far as there is a figure of it."""
    parts = (("student", chosen_student(data)), ("teacher", direct_teacher(data)))
    return tuple(
        _confusion(arm, figures[f"confusion-{part}"], data.codebook.names)
        for part, arm in parts
        if arm is not None and f"confusion-{part}" in figures
    )


def _confusion(arm: ArmResult, figure: Picture, labels: Sequence[str]) -> ConfusionView:
    assert arm.confusion is not None  # it has a figure
    mistakes = frequent_mistakes(arm.confusion, labels, MOST_CONFUSIONS)
    rows = tuple((label, tuple(map(float, row))) for label, row in zip(labels, arm.confusion, strict=True))
    return ConfusionView(arm, figure, tuple(mistakes), rows if len(labels) <= WIDEST_TABLE else ())


def label_rows(data: ReportData) -> tuple[LabelRow, ...]:
    """Every label with the figures of the main labellers."""
    arms = main_labellers(data)
    if not arms:
        return ()
    return tuple(
        LabelRow(label, arms[0].scores.labels[index].support, tuple(_label_cell(arm, index) for arm in arms))
        for index, label in enumerate(data.codebook.names)
    )


def _label_cell(arm: ArmResult, index: int) -> LabelCell:
    score = arm.scores.labels[index]
    interval = arm.label_intervals[index] if index < len(arm.label_intervals) else None
    return LabelCell(
        Measure(score.f1, interval, why="neither occurs nor is given"),
        Measure(score.precision, precision_interval(score), score.predicted, "never given"),
        Measure(score.recall, recall_interval(score), score.support, "no judged text has it"),
    )


def span_error_row(arm: ArmResult) -> SpanErrorRow:
    """How one arm's spans are wrong."""
    counts = tuple(arm.span_kinds.get(kind, 0.0) for kind in SPAN_KINDS)
    return SpanErrorRow(arm, counts, Measure(arm.overlap_f1, why="no span anywhere"))


def consistency_row(level: ConsistencyLevel) -> ConsistencyRow:
    """How often answers of one consistency are right."""
    share = level.n_right / level.n if level.n else math.nan
    return ConsistencyRow(level.title, level.n, Measure(share, level.interval, level.n, "no such text"))


def trust_rows(report: TrustReport | None) -> tuple[TrustRow, ...]:
    """Trust beside consistency, one measure a row; nothing where none was judged."""
    if report is None:
        return ()
    return (
        _trust_row("Area under the ROC curve", report.auroc, 1),
        _trust_row("Expected calibration error", report.ece, -1),
        _trust_row("Brier score", report.brier, -1),
    )


def _trust_row(title: str, measure: TrustMeasure, sign: int) -> TrustRow:
    """`sign` is 1 where more is better, -1 where less is."""
    why = "needs right and wrong labels"
    return TrustRow(
        title=title,
        better="higher" if sign > 0 else "lower",
        trust=Measure(measure.trust, why=why),
        consistency=Measure(measure.consistency, why=why),
        difference=Measure(measure.difference, measure.interval, why=why),
        verdict=_trust_verdict(measure, sign),
    )


def _trust_verdict(measure: TrustMeasure, sign: int) -> str:
    if not measure.interval.is_defined:
        return words.UNDEFINED
    if not measure.interval.excludes(0.0):
        return "not decidable"
    return "trust" if measure.difference * sign > 0 else "consistency"


def calibrations(data: ReportData, figures: dict[str, Picture]) -> tuple[tuple[Calibration, Picture | None], ...]:
    """The chosen student's and the teacher's calibration, with its figure if there is one."""
    parts = (("student", chosen_student(data)), ("teacher", direct_teacher(data)))
    found = [(part, calibration_of(arm)) for part, arm in parts if arm is not None]
    return tuple((one, figures.get(f"calibration-{part}")) for part, one in found if one is not None)
