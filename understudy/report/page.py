"""The page: puts results, figures, tables, texts and words into the template. Makes none of them itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from markupsafe import Markup

from understudy.records import Outcome, Role
from understudy.report.data import ArmResult, ReportData
from understudy.report.derived import Calibration, main_labellers, shown_levels
from understudy.report.estimates import EstimateView, assumptions, estimate_views
from understudy.report.figures import Picture
from understudy.report.rows import (
    ArmRow,
    ConfusionView,
    ConsistencyRow,
    LabelRow,
    NoiseRow,
    PoolShareRow,
    RoundRow,
    SearchRow,
    SpanErrorRow,
    TrustRow,
    arm_row,
    best_first,
    calibrations,
    confusions,
    consistency_row,
    label_rows,
    noise_row,
    pool_share_row,
    round_row,
    search_row,
    span_error_row,
    trust_rows,
)
from understudy.report.story import Tile, describe_teacher, tell_done, tell_limits, tell_next, tell_tiles
from understudy.report.templating import STYLESHEET, environment, policy_of, read_template
from understudy.report.texts import DisagreementView, DistrustedRow, disagreement, distrusted
from understudy.report.worth import tell_worth

TEMPLATE = "report.html.jinja"


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
        arms=tuple(arm_row(data, arm) for arm in data.arms),
        is_exclusive=any(arm.confusion is not None for arm in data.arms),
        noise=tuple(noise_row(trial) for trial in data.noise),
        search=tuple(search_row(found, trial) for found in data.search for trial in best_first(found)),
        distrusted=tuple(distrusted(item) for item in data.distrusted),
        rounds=tuple(round_row(one) for one in data.learning.rounds) if data.learning else (),
        pool_shares=tuple(pool_share_row(one) for one in data.learning.shares) if data.learning else (),
        confusions=confusions(data, by_name),
        main=tuple(main_labellers(data)),
        labels=label_rows(data),
        consistency=tuple(consistency_row(level) for level in shown_levels(data.teacher.consistency)),
        span_errors=tuple(span_error_row(arm) for arm in main_labellers(data) if arm.span_kinds),
        span_consistency=tuple(consistency_row(level) for level in shown_levels(data.teacher.span_consistency)),
        trust=trust_rows(data.teacher.trust),
        span_trust=trust_rows(data.teacher.span_trust),
        calibrations=calibrations(data, by_name),
        disagreements=tuple(disagreement(item) for item in data.disagreements),
        outcomes=tuple((outcome.value, data.teacher.outcomes.get(outcome, 0)) for outcome in Outcome),
        n_asked=sum(data.teacher.outcomes.values()),
        gold=tuple((role.value, data.gold.get(role, 0)) for role in Role),
        worth=tell_worth(data.worth),
        estimates=estimate_views(data.estimates),
        estimate_assumptions=tuple(assumptions(data.estimates)),
        json_name=json_name,
        figures_folder=figures_folder,
    )
