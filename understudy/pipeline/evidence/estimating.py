"""Shares of labels, differences between groups and regressions, from machine labels corrected by gold.

The naive figure stands beside each, to show what would have been concluded from machine labels alone. Gold must be a
random sample of the texts that the pool holds; nothing here can check that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import UserError, did_you_mean
from understudy.evaluation.inference import Estimate, Share
from understudy.pipeline.evidence.contrasting import (
    SIGNIFICANT,
    Contrast,
    Questions,
    bounds,
    contrasts,
    group_names,
    share_of,
)
from understudy.pipeline.evidence.labellers import TEACHER, Labelled, all_labellers, labelled_by, meta_column
from understudy.report.data import Flips

if TYPE_CHECKING:
    from understudy.pipeline.project import Project


@dataclass(frozen=True)
class LabelShare:
    """How frequent a label is, in all documents or in one group."""

    label: str
    share: Share
    group: str = ""


@dataclass(frozen=True)
class Universe:
    """A contrast as each labeller would have it; `corrected` is None where gold is too small to correct."""

    what: str
    label: str
    labellers: tuple[str, ...]
    naive: tuple[Estimate, ...]
    corrected: tuple[Estimate | None, ...]

    @property
    def has_flips(self) -> bool:
        """Whether any figure, naive or corrected, says something else than most."""
        return any(flips.signs or flips.significances for flips in (self.naive_flips, self.corrected_flips))

    @property
    def naive_flips(self) -> Flips:
        """Of the naive figures."""
        return _flips(self.naive)

    @property
    def corrected_flips(self) -> Flips:
        """Of the corrected figures, where there are any."""
        return _flips([each for each in self.corrected if each is not None])

    def line(self) -> str:
        """The comparison in words."""
        naive, corrected = self.naive_flips, self.corrected_flips
        return (
            f"multiverse of {len(self.labellers)} labellers, {self.label}, {self.what}: naive signs differ for "
            f"{naive.signs} and naive significances for {naive.significances} of {naive.n}; corrected ones for "
            f"{corrected.signs} and {corrected.significances} of {corrected.n}"
        )


@dataclass(frozen=True)
class Estimates:
    """All that was estimated from one labeller.

    Attributes
    ----------
    n_silent : documents without a usable answer of the labeller.
    multiverse : the same contrasts from every labeller at hand; empty without contrasts.
    """

    labeller: str
    n_gold: int
    n_machine: int
    n_silent: int
    shares: tuple[LabelShare, ...]
    contrasts: tuple[Contrast, ...] = ()
    multiverse: tuple[Universe, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        return {
            "labeller": self.labeller, "n_gold": self.n_gold, "n_machine": self.n_machine, "n_silent": self.n_silent,
            "shares": [
                {"label": each.label, "group": each.group, "estimate": each.share.estimate.to_json(),
                 "naive": each.share.naive.to_json(), "gold_only": each.share.gold_only.to_json(),
                 "refusal": each.share.refusal}
                for each in self.shares
            ],
            "contrasts": [
                {"label": each.label, "what": each.what, "corrected": each.corrected.to_json(),
                 "naive": each.naive.to_json(), "p_value": None if np.isnan(each.p_value) else each.p_value,
                 "gold_only": None if each.gold_only is None else each.gold_only.to_json(),
                 "is_overturned": each.is_overturned, "refusal": each.refusal}
                for each in self.contrasts
            ],
            "multiverse": [
                {"label": each.label, "what": each.what, "labellers": list(each.labellers),
                 "naive": [one.to_json() for one in each.naive],
                 "corrected": [None if one is None else one.to_json() for one in each.corrected],
                 "naive_flips": asdict(each.naive_flips), "corrected_flips": asdict(each.corrected_flips)}
                for each in self.multiverse
            ],
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """Everything in words."""
        yield (
            f"{self.labeller}: {self.n_machine:,} texts with machine labels only, corrected by {self.n_gold:,} gold "
            "texts that it has not learned from. Assumes that gold is a random sample of the same texts."
        )
        if self.n_silent:
            yield f"{self.n_silent:,} texts without a usable answer count with the mean of the others."
        for each in self.shares:
            yield _share_line(each)
        for contrast in self.contrasts:
            yield contrast.line()
        yield from _multiverse_lines(self.multiverse)


def estimate(project: Project, questions: Questions, *, labeller: str = TEACHER, label: str | None = None) -> Estimates:
    """Estimate shares, group differences and regressions.

    Parameters
    ----------
    labeller : ``teacher`` or an arm.
    label : the only label to look at; None for the positive one, or all without one.

    Raises
    ------
    UserError
        If there is no such labeller, label or column.
    """
    labelled = labelled_by(project, labeller)
    columns = _columns(project, label)
    labels = project.task.labels
    shares = [LabelShare(labels[k], share_of(labelled, k, labels[k])) for k in columns]
    if questions.by is not None:
        shares += _group_shares(project, labelled, columns, questions.by)
    found = tuple(contrasts(project, labelled, columns, questions))
    return Estimates(
        labelled.name,
        len(labelled.gold),
        len(labelled.rest),
        labelled.n_silent,
        tuple(shares),
        found,
        tuple(_multiverse(project, columns, questions)) if found else (),
    )


def _columns(project: Project, label: str | None) -> list[int]:
    task = project.task
    if label is None:
        return list(range(len(task.labels))) if task.positive is None else [task.positive]
    if label not in task.labels:
        raise UserError(f"label `{label}` is not in the codebook.", did_you_mean(label, task.labels))
    return [task.labels.index(label)]


def _group_shares(project: Project, labelled: Labelled, columns: Sequence[int], by: str) -> Iterator[LabelShare]:
    gold, rest = (np.array(meta_column(project, side, by), dtype=object) for side in (labelled.gold, labelled.rest))
    for group in group_names([*gold, *rest], by):
        part = labelled.where(gold == group, rest == group)
        for k in columns:
            if len(part.gold) >= 2 and len(part.rest) >= 2:
                label = project.task.labels[k]
                yield LabelShare(label, share_of(part, k, label), group)


def _multiverse(project: Project, columns: Sequence[int], questions: Questions) -> Iterator[Universe]:
    """The same contrasts from the teacher and every student, those that all of them allow."""
    found = {
        one.name: {(c.label, c.what): c for c in contrasts(project, one, columns, questions)}
        for one in all_labellers(project)
    }
    if len(found) < 2:
        return
    for label, what in next(iter(found.values())):
        kept = {name: some[label, what] for name, some in found.items() if (label, what) in some}
        naive = tuple(each.naive for each in kept.values())
        corrected = tuple(None if each.refusal else each.corrected for each in kept.values())
        yield Universe(what, label, tuple(kept), naive, corrected)


def _flips(found: Sequence[Estimate]) -> Flips:
    """Figures on the less frequent side of zero, and of the bar of significance."""
    sides = ([each.value > 0 for each in found], [each.p_value < SIGNIFICANT for each in found])
    signs, significances = (min(sum(side), len(side) - sum(side)) for side in sides)
    return Flips(len(found), signs, significances)


def _multiverse_lines(universes: Sequence[Universe]) -> Iterator[str]:
    """Those with flips, then how many have none."""
    flipping = [each for each in universes if each.has_flips]
    yield from (each.line() for each in flipping)
    if len(flipping) < len(universes):
        n, named = len(universes) - len(flipping), ", ".join(universes[0].labellers)
        yield f"in {n} contrasts no sign and no significance hangs on the labeller ({named})"


def _share_line(each: LabelShare) -> str:
    one, naive = each.share.estimate, each.share.naive
    where = f" in {each.group}" if each.group else ""
    gain = f", worth {each.share.effective_gain:.1f} times the gold" if not each.share.refusal else ""
    refusal = f"; gold alone: {each.share.refusal}" if each.share.refusal else ""
    return (
        f"{each.label}{where}: {one.value:.3f} {bounds(one)} ({one.interval.method}{gain}){refusal}; "
        f"naive, not to be used: {naive.value:.3f} {bounds(naive)}"
    )
