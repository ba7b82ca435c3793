"""The page: puts results, figures and words into the template. Whatever comes from outside stays text.

Every string passes `unhidden` and HTML escaping; the template cannot print a number that was not put into words, so an
undefined one cannot slip through as `nan`.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from understudy.evaluation import Interval, TrustMeasure, TrustReport
from understudy.records import Outcome, Role, Span, Value
from understudy.report import words
from understudy.report.data import (
    ArmResult,
    ConsistencyLevel,
    Disagreement,
    Distrusted,
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
    shown_levels,
)
from understudy.report.estimates import EstimateView, assumptions, estimate_views
from understudy.report.figures import Picture
from understudy.report.highlight import Stretch, safe_cut, stretches
from understudy.report.story import Tile, describe_teacher, tell_done, tell_limits, tell_next, tell_tiles
from understudy.report.unhide import Piece, pieces, unhidden
from understudy.report.worth import tell_worth

TEMPLATE = "report.html.jinja"
STYLESHEET = "report.css"
LONG_TEXT = 420
"""Characters of a text that are shown before the rest is folded."""

MOST_CONFUSIONS = 10
SPAN_KINDS = ("exact", "boundary", "wrong_label", "both", "missed", "spurious")
"""Columns of the table of wrong spans."""

RELATION_WORDS = {
    "right": "right",
    "direction": "turned round",
    "other": "another relation",
    "missed": "a relation missed",
    "spurious": "a relation invented",
    "unanswered": "without an answer",
}
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


@dataclass(frozen=True)
class DistrustedRow:
    """One training label that gold texts gave little weight, with the start of its text."""

    document_id: str
    value: str
    weight: float
    visits: int
    zeros: int
    shown: tuple[Piece, ...]
    is_cut: bool


@dataclass(frozen=True)
class DisagreementView:
    """One text on which teacher, student and human differ, cut in what is shown and what is folded."""

    document_id: str
    human: str
    teacher: str
    student: str
    confidence: Measure
    shown: tuple[Stretch, ...]
    folded: tuple[Stretch, ...]
    n_characters: int


@dataclass(frozen=True)
class Page:
    """Everything the template prints; a test holds the two together.

    Attributes
    ----------
    policy, css : our own, not data.
    is_exclusive : whether a text has exactly one label, so that one can be taken for another.
    span_errors : one row for each main labeller where answers are spans.
    main : the chosen student and the teacher itself, as far as there are any; columns of `labels`.
    outcomes, gold : every outcome and every role, also those that are 0.
    n_asked : sum of the outcomes.
    json_name, figures_folder : what stands beside the page.
    """

    data: ReportData
    policy: Markup
    css: Markup
    teacher_kind: str
    done: str
    tiles: tuple[Tile, ...]
    next_steps: tuple[str, ...]
    limits: tuple[str, ...]
    figures: dict[str, Picture]
    arms: tuple[ArmRow, ...]
    is_exclusive: bool
    noise: tuple[NoiseRow, ...]
    search: tuple[SearchRow, ...]
    distrusted: tuple[DistrustedRow, ...]
    rounds: tuple[RoundRow, ...]
    pool_shares: tuple[PoolShareRow, ...]
    confusions: tuple[ConfusionView, ...]
    main: tuple[ArmResult, ...]
    labels: tuple[LabelRow, ...]
    consistency: tuple[ConsistencyRow, ...]
    span_errors: tuple[SpanErrorRow, ...]
    span_consistency: tuple[ConsistencyRow, ...]
    trust: tuple[TrustRow, ...]
    span_trust: tuple[TrustRow, ...]
    calibrations: tuple[tuple[Calibration, Picture | None], ...]
    disagreements: tuple[DisagreementView, ...]
    outcomes: tuple[tuple[str, int], ...]
    n_asked: int
    gold: tuple[tuple[str, int], ...]
    worth: tuple[str, ...]
    estimates: tuple[EstimateView, ...]
    estimate_assumptions: tuple[str, ...]
    json_name: str
    figures_folder: str


def render(data: ReportData, figures: Sequence[Picture], json_name: str, figures_folder: str) -> str:
    """The whole page as HTML: no scripts, nothing loaded from anywhere, readable without a network.

    Parameters
    ----------
    figures : as `draw_figures` returns them; they are embedded.
    json_name, figures_folder : what stands beside the page, as the page calls it.
    """
    page = view(data, figures, json_name, figures_folder)
    context = {field.name: getattr(page, field.name) for field in fields(page)}
    return environment().get_template(TEMPLATE).render(context)


def view(data: ReportData, figures: Sequence[Picture], json_name: str, figures_folder: str) -> Page:
    """What the template prints."""
    css = read_template(STYLESHEET)
    by_name = {figure.name: figure for figure in figures}
    return Page(
        data=data,
        policy=policy_of(css),
        css=Markup(css),  # noqa: S704  our own file, not data
        teacher_kind=describe_teacher(data.teacher),
        done=tell_done(data),
        tiles=tell_tiles(data),
        next_steps=tell_next(data),
        limits=tell_limits(data),
        figures=by_name,
        arms=tuple(_arm_row(data, arm) for arm in data.arms),
        is_exclusive=any(arm.confusion is not None for arm in data.arms),
        noise=tuple(_noise_row(trial) for trial in data.noise),
        search=tuple(_search_row(found, trial) for found in data.search for trial in best_first(found)),
        distrusted=tuple(_distrusted(item) for item in data.distrusted),
        rounds=tuple(_round_row(one) for one in data.learning.rounds) if data.learning else (),
        pool_shares=tuple(_pool_share_row(one) for one in data.learning.shares) if data.learning else (),
        confusions=_confusions(data, by_name),
        main=tuple(main_labellers(data)),
        labels=_label_rows(data),
        consistency=tuple(_consistency_row(level) for level in shown_levels(data.teacher.consistency)),
        span_errors=tuple(_span_error_row(arm) for arm in main_labellers(data) if arm.span_kinds),
        span_consistency=tuple(_consistency_row(level) for level in shown_levels(data.teacher.span_consistency)),
        trust=_trust_rows(data.teacher.trust),
        span_trust=_trust_rows(data.teacher.span_trust),
        calibrations=_calibrations(data, by_name),
        disagreements=tuple(_disagreement(item) for item in data.disagreements),
        outcomes=tuple((outcome.value, data.teacher.outcomes.get(outcome, 0)) for outcome in Outcome),
        n_asked=sum(data.teacher.outcomes.values()),
        gold=tuple((role.value, data.gold.get(role, 0)) for role in Role),
        worth=tell_worth(data.worth),
        estimates=estimate_views(data.estimates),
        estimate_assumptions=tuple(assumptions(data.estimates)),
        json_name=json_name,
        figures_folder=figures_folder,
    )


def policy_of(css: str) -> Markup:
    """A content security policy that allows this style sheet and embedded images, nothing else."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    style = f"style-src 'sha256-{digest}'"
    return Markup(f"default-src 'none'; {style}; img-src data:; base-uri 'none'; form-action 'none'")  # noqa: S704


def _arm_row(data: ReportData, arm: ArmResult) -> ArmRow:
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


def _noise_row(trial: NoiseTrial) -> NoiseRow:
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


def _search_row(found: SearchResult, trial: SearchTrial) -> SearchRow:
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


def _round_row(done: LearningRound) -> RoundRow:
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


def _pool_share_row(one: PoolShare) -> PoolShareRow:
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


def _confusions(data: ReportData, figures: dict[str, Picture]) -> tuple[ConfusionView, ...]:
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


def _label_rows(data: ReportData) -> tuple[LabelRow, ...]:
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


def _span_error_row(arm: ArmResult) -> SpanErrorRow:
    counts = tuple(arm.span_kinds.get(kind, 0.0) for kind in SPAN_KINDS)
    return SpanErrorRow(arm, counts, Measure(arm.overlap_f1, why="no span anywhere"))


def _consistency_row(level: ConsistencyLevel) -> ConsistencyRow:
    share = level.n_right / level.n if level.n else math.nan
    return ConsistencyRow(level.title, level.n, Measure(share, level.interval, level.n, "no such text"))


def _trust_rows(report: TrustReport | None) -> tuple[TrustRow, ...]:
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


def _calibrations(data: ReportData, figures: dict[str, Picture]) -> tuple[tuple[Calibration, Picture | None], ...]:
    parts = (("student", chosen_student(data)), ("teacher", direct_teacher(data)))
    found = [(part, calibration_of(arm)) for part, arm in parts if arm is not None]
    return tuple((one, figures.get(f"calibration-{part}")) for part, one in found if one is not None)


def _disagreement(item: Disagreement) -> DisagreementView:
    said = _said(item)
    cut = safe_cut(_cut(item.text), said)
    return DisagreementView(
        document_id=item.document_id,
        human=in_words(item.human, "no label"),
        teacher=in_words(item.teacher, "no answer"),
        student=in_words(item.student, "no answer"),
        confidence=Measure(item.confidence, why="the student states none"),
        shown=stretches(item.text, said, 0, cut),
        folded=stretches(item.text, said, cut),
        n_characters=len(item.text),
    )


def _said(item: Disagreement) -> dict[str, tuple[Span, ...]]:
    """The spans to mark in a text: everybody's, or the pair that a relation is about."""
    if item.head is not None and item.tail is not None:
        return {"head": (item.head,), "tail": (item.tail,)}
    values = {"human": item.human, "teacher": item.teacher, "student": item.student}
    return {voice: tuple(part for part in value or () if isinstance(part, Span)) for voice, value in values.items()}


def _distrusted(item: Distrusted) -> DistrustedRow:
    cut = _cut(item.text)
    return DistrustedRow(
        document_id=item.document_id,
        value=in_words(item.value, "no label"),
        weight=item.weight,
        visits=item.visits,
        zeros=item.zeros,
        shown=tuple(pieces(item.text[:cut])),
        is_cut=cut < len(item.text),
    )


def _cut(text: str) -> int:
    """Where a long text is cut: after a word if there is one, and never for the sake of a few more characters."""
    if len(text) <= LONG_TEXT * 1.3:
        return len(text)
    word_end = text.rfind(" ", LONG_TEXT // 2, LONG_TEXT)
    return LONG_TEXT if word_end < 0 else word_end


def in_words(value: Value | None, nothing: str) -> str:
    """A value as text: a label, labels, or quoted spans; `nothing` for None."""
    if value is None:
        return nothing
    if isinstance(value, str):
        return value
    parts = [part if isinstance(part, str) else f"{part.label}: “{part.text}”" for part in value]
    return ", ".join(parts) or "none of the labels"


@cache
def environment() -> Environment:
    """How pages are made of templates: everything is escaped, hidden characters are shown, numbers need words."""
    made = Environment(
        loader=FunctionLoader(read_template),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "amount": words.amount,
        "brackets": words.brackets,
        "decimal": words.decimal,
        "duration": words.duration,
        "embedded": _embedded,
        "money": words.money,
        "pieces": pieces,
        "moment": words.moment,
        "prose": _prose,
    }
    made.globals |= {"percent": words.percent, "isfinite": math.isfinite, "relation_words": RELATION_WORDS}
    return made


def _printed(value: Any) -> Any:
    """What reaches the page: text without hidden characters, or what is already HTML or a whole number."""
    if hasattr(value, "__html__") or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str):
        return unhidden(value)
    raise TypeError(f"report template: expected text or a whole number, found {value!r}; put it into words first.")


def _embedded(figure: Picture) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(figure.svg.encode()).decode()


def _prose(text: str) -> list[tuple[bool, str]]:
    """A sentence cut at its backticks: pieces of code and of prose in turn."""
    parts = re.split(r"`([^`]+)`", text)
    return [(index % 2 == 1, part) for index, part in enumerate(parts) if part]


def read_template(name: str) -> str:
    """A template or style sheet of reports, as text."""
    return (files("understudy.report") / "templates" / name).read_text(encoding="utf-8")
