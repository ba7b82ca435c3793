"""How frequent labels are in a pool whose labelled texts were chosen: from what was drawn by lot, or not at all.

Texts that a strategy chose are unlike the pool, and nobody knows how likely each was: their shares say nothing about
it. The shares here are by the teacher's labels; whether these are right is for gold to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.inference.ordered_draws import Draw, ordered_mean
from understudy.pipeline.learning.rounds import chosen_documents, stored_rounds
from understudy.pipeline.sources import labelled_set
from understudy.records import Annotation, Round
from understudy.report.data import PoolShare

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FEWEST_DRAWN = 30
REFUSAL = (
    "a student chose which pool texts the teacher labelled, so that their labels are no sample of the pool, and nobody "
    "knows how likely each was to be chosen."
)

FloatArray = NDArray[np.float64]


def pool_shares(project: Project, annotations: Mapping[str, Annotation]) -> tuple[PoolShare, ...]:
    """The share of every label in the pool by the teacher's labels; empty before anything is labelled.

    Texts without a usable answer count with the mean of the texts drawn by lot that have one. None stands where fewer
    than 30 texts were drawn by lot.
    """
    rounds = [chosen for chosen in stored_rounds(project) if _is_answered(chosen, annotations)]
    lessons = labelled_set(project, chosen_documents(project), annotations)
    if not rounds or not lessons.documents:
        return ()
    targets = {d.id: row for d, row in zip(lessons.documents, lessons.targets, strict=True)}
    naive = lessons.targets.mean(axis=0)
    return tuple(
        _share(label, column, rounds, targets, float(naive[column]), len(project.candidates))
        for column, label in enumerate(project.task.labels)
    )


def _share(
    label: str, column: int, rounds: Sequence[Round], targets: Mapping[str, FloatArray], naive: float, n_pool: int
) -> PoolShare:
    draws = list(_draws(rounds, {identifier: float(row[column]) for identifier, row in targets.items()}))
    if sum(len(draw.values) for draw in draws) < FEWEST_DRAWN:
        return PoolShare(label, None, None, None, naive)
    found = ordered_mean(draws, n_pool)
    low, high = max(0.0, found.interval.low), min(1.0, found.interval.high)
    return PoolShare(label, finite_or_none(found.value), finite_or_none(low), finite_or_none(high), naive)


def _draws(rounds: Sequence[Round], values: Mapping[str, float]) -> Iterator[Draw]:
    by_lot = [values[s.document_id] for r in rounds for s in r.selections if s.probability and s.document_id in values]
    mean = float(np.mean(by_lot)) if by_lot else np.nan
    known = 0.0
    for chosen in rounds:
        drawn = [s.document_id for s in chosen.selections if s.probability is not None]
        yield Draw(known, chosen.n_candidates, np.array([values.get(one, mean) for one in drawn]))
        known += sum(values.get(one.document_id, mean) for one in chosen.selections)


def _is_answered(chosen: Round, annotations: Mapping[str, Annotation]) -> bool:
    return all(one.document_id in annotations for one in chosen.selections)
