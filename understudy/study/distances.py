"""How much of the way from one arm to another each of the others goes: from a plain student to its teacher, say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import Interval
from understudy.evaluation.intervals import percentile_interval
from understudy.study.file import StudyDistance

if TYPE_CHECKING:
    from understudy.study.results import ArmOnTask

FloatArray = NDArray[np.float64]

METHOD = "paired bootstrap"


@dataclass(frozen=True)
class Way:
    """What an arm gains over another on one task, and as a share of the distance from that one to a third.

    Attributes
    ----------
    gain, gain_interval : headline F1 of `arm` minus that of `start`, on the same test documents.
    share, share_interval : the gain over F1 of `end` minus F1 of `start`: 0 is where `start` is, 1 where `end` is; nan
        where the interval of that distance, at 95 %, is not above 0, for then a share of it means nothing.
    """

    task: str
    teacher: str
    model: str
    arm: str
    start: str
    end: str
    gain: float
    gain_interval: Interval
    share: float
    share_interval: Interval


def ways_of(arms: Sequence[ArmOnTask], asked: StudyDistance, teacher: str) -> Iterator[Way]:
    """How far every other arm goes on each task, in the order given.

    Parameters
    ----------
    arms : of one choice of teacher; their draws are about the same resampled documents on a task.
    """
    for task in dict.fromkeys(arm.place.task for arm in arms):
        named = {arm.place.arm: arm for arm in arms if arm.place.task == task}
        if asked.start in named and asked.end in named:
            start, end = named.pop(asked.start), named.pop(asked.end)
            yield from (_way(arm, start, end, teacher) for arm in named.values())


def _way(arm: ArmOnTask, start: ArmOnTask, end: ArmOnTask, teacher: str) -> Way:
    gain, gains = _difference(arm, start)
    distance, distances = _difference(end, start)
    is_a_way = percentile_interval(distances, METHOD).low > 0
    share, shares = (gain / distance, gains / distances) if is_a_way else (np.nan, np.full(len(gains), np.nan))
    return Way(
        arm.place.task,
        teacher,
        end.place.model,
        arm.place.arm,
        start.place.arm,
        end.place.arm,
        gain,
        percentile_interval(gains, METHOD),
        share,
        percentile_interval(shares, METHOD),
    )


def _difference(a: ArmOnTask, b: ArmOnTask) -> tuple[float, FloatArray]:
    """F1 of `a` minus F1 of `b`, and the same of each draw."""
    return float(a.scores[0] - b.scores[0]), a.draws[:, 0] - b.draws[:, 0]
