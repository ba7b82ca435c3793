"""Tells how a learning loop goes: the line of each round, and what a careful person would notice at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from understudy.acquisition import f1_change_bound
from understudy.pipeline.learning.fallback import fell_back_at
from understudy.records import Round
from understudy.report.data import LearningRound, PayoffTest

if TYPE_CHECKING:
    from understudy.pipeline.project import Project


def announce(project: Project, rounds: Sequence[Round], results: Sequence[LearningRound]) -> None:
    """Where the loop stands, and which earlier one it does not go on with."""
    if results:
        project.listener.say(f"going on after round {results[-1].number}:")
        for line in map(round_line, results):
            project.listener.say(line)
    elif not rounds:
        with project.journal_to_read() as journal:
            n_earlier = 0 if journal is None else len(journal.loops())
        if n_earlier:
            project.listener.say(
                "codebook, prompt, pool, gold dev or a setting has changed: a new loop begins; labels that still hold "
                "are not paid for again"
            )


def tell(project: Project, results: Sequence[LearningRound]) -> None:
    """What the round that was finished last has brought."""
    last = results[-1]
    project.listener.say(round_line(last))
    if last.payoff is not None:
        project.listener.say(f"  {payoff_line(last.payoff)}")
    if fell_back_at(results) == last.number + 1:
        project.listener.say("  choosing does not pay here: from now on every text is drawn by lot")
    most = min(project.settings.learn.labels, len(project.candidates))
    project.listener.progress("learning", min(last.n_asked, most), most, f"round {last.number}")


def round_line(result: LearningRound) -> str:
    """One round in words."""
    return " · ".join(_round_parts(result))


def _round_parts(result: LearningRound) -> Iterator[str]:
    by = f"{result.n_chosen:,} by {result.strategy}, " if result.n_chosen else ""
    asked = f"{result.n_asked:,} asked ({by}{result.n_random:,} by lot)"
    yield f"round {result.number}: {asked}, {result.n_labels:,} labels"
    if result.f1 is None:
        yield "F1 on gold dev undefined"
    else:
        bounds = "" if result.low is None or result.high is None else f" [{result.low:.3f}, {result.high:.3f}]"
        yield f"F1 on gold dev {result.f1:.3f}{bounds}"
    if result.kappa is not None:
        yield f"kappa {result.kappa:.3f} (F1 changed by at most {f1_change_bound(result.kappa):.3f})"
    yield "price unknown" if result.cost_usd is None else f"${result.cost_usd:,.4f}"


def payoff_line(test: PayoffTest) -> str:
    """A test of choosing in words."""
    if test.difference is None or test.low is None or test.high is None:
        return f"choosing against drawing by lot, {test.n_labels:,} labels each: undefined on gold dev"
    return (
        f"choosing {test.verdict}, {test.n_labels:,} labels each: {test.difference:+.3f} "
        f"[{test.low:+.3f}, {test.high:+.3f}] F1 on gold dev (paired)"
    )
