"""Words on whether a student pays and how good it can get, each with what it assumes; computes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from understudy.evaluation.student_limit import StudentLimit
from understudy.report.data import Worth


def tell_worth(worth: Worth | None) -> tuple[str, ...]:
    """Sentences on costs and on the limit of the chosen student; none where nothing is known."""
    if worth is None:
        return ()
    limit = () if worth.limit is None else _tell_limit(worth.limit)
    return (*_tell_frontier(worth), *_tell_break_even(worth), *limit)


def _tell_frontier(worth: Worth) -> Iterator[str]:
    costs = {option.name: option.cost_usd for option in worth.options}
    if worth.frontier:
        named = ", ".join(f"`{name}` (${costs[name]:,.2f})" for name in worth.frontier)
        yield f"For {worth.volume:,} texts, no labeller is cheaper and better at once than one of these: {named}."
    unpriced = ", ".join(f"`{name}`" for name, cost in costs.items() if cost is None)
    if unpriced:
        yield (
            f"Of unknown price, and therefore in no comparison of costs: {unpriced}. Prices stand in `[costs]` and in "
            "`teacher.price_in_usd`."
        )


def _tell_break_even(worth: Worth) -> Iterator[str]:
    found = worth.break_even
    if found is None:
        return
    yield (
        "The chosen student has paid for itself, against asking the teacher about every text, from "
        f"{_volume(found.against_teacher)} on ({_volume(found.without_engineering)} counting computers only). Gold is "
        "needed either way and charged to neither; labelling by the student is taken as free, and no text as deferred."
    )
    if isfinite(found.against_humans):
        yield f"Against people labelling every text it has paid for itself from {_volume(found.against_humans)} on."


def _tell_limit(limit: StudentLimit) -> Iterator[str]:
    low, high = limit.gain_interval.low, limit.gain_interval.high
    yield (
        f"On {limit.n:,} test texts the teacher errs on {limit.teacher_error:.1%}; the vote of its labels among "
        f"similar pool texts errs on {limit.systematic:.1%}, an estimate of what no number of such labels removes; the "
        f"difference, {limit.random:+.1%} [{low:+.1%}, {high:+.1%}], averages out. The chosen student errs on "
        f"{limit.achieved:.1%}."
    )
    if limit.can_beat_teacher:
        verdict = "A student can be better than this teacher: more of its error averages out than chance explains."
    else:
        verdict = "Nothing shows that a student could be better than this teacher."
    yield (
        f"{verdict} This assumes that texts which the encoder finds similar have the same label; where they have not, "
        "the vote itself errs, and a student can be better than it."
    )


def _volume(texts: float) -> str:
    return f"{texts:,.0f} texts" if isfinite(texts) else "no number of texts"
