"""The estimates that `understudy.toml` declares, as the report prints them; one that cannot be made says why."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from understudy.errors import UserError
from understudy.pipeline.evidence.contrasting import Contrast, Questions
from understudy.pipeline.evidence.estimating import Estimates, LabelShare, estimate
from understudy.report.data import Estimated, EstimatedRow, Multiverse
from understudy.settings import EstimateSettings

if TYPE_CHECKING:
    from understudy.pipeline.project import Project


def declared_estimates(project: Project) -> Iterator[Estimated]:
    """Each of `[[estimates]]`, in their order; asks nobody."""
    for declared in project.settings.estimates:
        questions = Questions(declared.by, declared.regress, declared.kind, declared.method)
        try:
            found = estimate(project, questions, labeller=declared.labels, label=declared.label)
        except UserError as exc:
            yield Estimated(_command(declared), declared.labels, refusal=f"{exc.message} {exc.hint}".strip())
        else:
            yield _estimated(found, _command(declared))


def _command(declared: EstimateSettings) -> str:
    """The same on the command line."""
    parts = ["understudy", "estimate", "--labels", declared.labels]
    parts += ["--label", declared.label] if declared.label is not None else []
    parts += ["--by", declared.by] if declared.by is not None else []
    for column in declared.regress:
        parts += ["--regress", column]
    if declared.regress:
        parts += ["--method", declared.method, *(["--logistic"] if declared.kind == "logistic" else [])]
    return shlex.join(parts)


def _estimated(found: Estimates, command: str) -> Estimated:
    return Estimated(
        command,
        found.labeller,
        found.n_gold,
        found.n_machine,
        found.n_silent,
        tuple(_of_share(each) for each in found.shares),
        tuple(_of_contrast(each) for each in found.contrasts),
        tuple(
            Multiverse(f"{each.label}, {each.what}", each.labellers, each.naive_flips, each.corrected_flips)
            for each in found.multiverse
        ),
    )


def _of_share(each: LabelShare) -> EstimatedRow:
    share = each.share
    corrected = None if share.refusal else share.estimate
    what = f"{each.label} in {each.group}" if each.group else each.label
    return EstimatedRow(what, share.naive, corrected, share.gold_only, refusal=share.refusal)


def _of_contrast(each: Contrast) -> EstimatedRow:
    corrected = None if each.refusal else each.corrected
    return EstimatedRow(
        f"{each.label}, {each.what}", each.naive, corrected, each.gold_only, each.p_value, each.is_overturned,
        each.refusal,
    )  # fmt: skip
