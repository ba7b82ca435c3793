"""Learning curves of a study's loops: F1 after every round, and what another way to choose changes along the curve.

Intervals resample the test documents, the same ones for all arms and rounds, and are widened by the spread of training
runs. Gaps pair the runs by their seeds: both began with the same texts. Makes no figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import Counts, Headline, Interval, Spread, headline_score, with_seed_spread
from understudy.evaluation.intervals import headline_f1, percentile_interval
from understudy.evaluation.resampling import resampled_totals
from understudy.study.cells import Cell
from understudy.study.file import StudyComparison
from understudy.study.running import Place

N_DRAWS = 2000

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CurvePoint:
    """One arm after one round.

    Attributes
    ----------
    n_asked, n_labels : texts that the teacher was asked about, and mean over runs of the labels it gave.
    f1 : headline F1 of the counts averaged over runs; nan where undefined.
    deviation : standard deviation of `of_runs`; nan with one run.
    """

    n_asked: int
    n_labels: float
    f1: float
    deviation: float
    interval: Interval
    of_runs: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Curve:
    """One arm on one task, round by round.

    Attributes
    ----------
    places : one per training run.
    points : of the rounds, the seed set first.
    along, along_interval : mean F1 of the rounds after the seed set.
    along_of_runs : the same of each training run.
    draws : shape (rounds, N_DRAWS), F1 on other test documents.
    """

    places: tuple[Place, ...]
    points: tuple[CurvePoint, ...]
    along: float
    along_interval: Interval
    along_of_runs: tuple[float, ...]
    draws: FloatArray

    @property
    def place(self) -> Place:
        """Of the first run."""
        return self.places[0]


@dataclass(frozen=True, eq=False)
class CurveGap:
    """Arm `a` minus arm `b` on one task, at equal numbers of texts asked about.

    Attributes
    ----------
    along : mean over the rounds after the seed set; `last` : after the last round.
    reaches : texts after which `a` is as good as `b` is in the end; None if it never is.
    along_draws, last_draws : shape (N_DRAWS,), on other test documents and with other runs.
    """

    task: str
    teacher: str
    a: str
    b: str
    along: float
    along_interval: Interval
    last: float
    last_interval: Interval
    reaches: int | None
    along_draws: FloatArray
    last_draws: FloatArray


def curves_of(
    cells: Mapping[Place, Sequence[Cell]], headline: Headline, groups: Sequence[str | None] | None, number: int
) -> tuple[Curve, ...]:
    """The curves of one task, a curve for each arm and teacher.

    Parameters
    ----------
    cells : of every round of every loop, by its place.
    number : of the task, which seeds the resampling.
    """
    runs: dict[tuple[str, str], list[Place]] = {}
    for place in cells:
        runs.setdefault((place.teacher, place.arm), []).append(place)
    if not runs:
        return ()
    rounds = [list(zip(*(cells[place] for place in places), strict=True)) for places in runs.values()]
    systems = [headline.reduce(Counts.mean([cell.counts for cell in each])) for arm in rounds for each in arm]
    chunks = resampled_totals(systems, np.random.default_rng([number, 9]), N_DRAWS, groups)
    draws = np.concatenate([np.stack([headline_f1(totals) for totals in chunk]) for chunk in chunks], axis=1)
    ends = np.cumsum([len(arm) for arm in rounds])[:-1]
    return tuple(
        _curve(tuple(places), each, headline, drawn)
        for places, each, drawn in zip(runs.values(), rounds, np.split(draws, ends), strict=True)
    )


def gaps_of(curves: Sequence[Curve], comparisons: Sequence[StudyComparison]) -> Iterator[CurveGap]:
    """The wanted differences between curves of one task, teacher and schedule."""
    found = {(curve.place.teacher, curve.place.arm): curve for curve in curves}
    for teacher in dict.fromkeys(curve.place.teacher for curve in curves):
        for pair in comparisons:
            a, b = found.get((teacher, pair.a)), found.get((teacher, pair.b))
            if a is not None and b is not None and _asked(a) == _asked(b) and len(a.places) == len(b.places):
                yield _gap(a, b)


def _curve(places: tuple[Place, ...], rounds: Sequence[Sequence[Cell]], headline: Headline, draws: FloatArray) -> Curve:
    of_runs = np.array([[headline_score(cell.counts, headline).f1 for cell in each] for each in rounds])
    points = tuple(
        _point(place.n_asked, each, headline, f1, drawn)
        for place, each, f1, drawn in zip(places[0].rounds, rounds, of_runs, draws, strict=True)
    )
    means = tuple(_mean(of_runs[1:, run]) for run in range(len(places)))
    along = _mean([point.f1 for point in points[1:]])
    interval = _widened(draws[1:].mean(axis=0), means) if len(draws) > 1 else _widened(np.zeros(0), ())
    return Curve(places, points, along, interval, means, draws)


def _point(
    n_asked: int, cells: Sequence[Cell], headline: Headline, of_runs: FloatArray, draws: FloatArray
) -> CurvePoint:
    deviation = float(np.std(of_runs, ddof=1)) if len(of_runs) > 1 else np.nan
    f1 = headline_score(Counts.mean([cell.counts for cell in cells]), headline).f1
    n_labels = sum(cell.n_labels for cell in cells) / len(cells)
    return CurvePoint(n_asked, n_labels, f1, deviation, _widened(draws, of_runs.tolist()), tuple(of_runs.tolist()))


def _gap(a: Curve, b: Curve) -> CurveGap:
    along_runs = np.subtract(a.along_of_runs, b.along_of_runs).tolist()
    last_runs = np.subtract(a.points[-1].of_runs, b.points[-1].of_runs).tolist()
    along, last = (a.draws - b.draws)[1:].mean(axis=0), a.draws[-1] - b.draws[-1]
    reached = (point.n_asked for point in a.points if point.f1 >= b.points[-1].f1)
    return CurveGap(
        a.place.task,
        a.place.teacher,
        a.place.arm,
        b.place.arm,
        a.along - b.along,
        _widened(along, along_runs, low=-1.0),
        a.points[-1].f1 - b.points[-1].f1,
        _widened(last, last_runs, low=-1.0),
        next(reached, None),
        _with_runs(along, along_runs, 1),
        _with_runs(last, last_runs, 2),
    )


def _widened(draws: FloatArray, of_runs: Sequence[float], low: float = 0.0) -> Interval:
    return with_seed_spread(percentile_interval(draws, "bootstrap of documents"), of_runs, bounds=(low, 1.0))


def _with_runs(draws: FloatArray, of_runs: Sequence[float], number: int) -> FloatArray:
    """Draws with the spread of runs added, by Student's t with as many degrees of freedom as runs to spare."""
    spread = Spread.of([one for one in of_runs if np.isfinite(one)])
    if spread.variance == 0:
        return draws
    noise = np.random.default_rng([11, number]).standard_t(spread.df, len(draws))
    widened: FloatArray = draws + noise * np.sqrt(spread.variance)
    return widened


def _asked(curve: Curve) -> tuple[int, ...]:
    return tuple(point.n_asked for point in curve.points)


def _mean(values: Sequence[float] | FloatArray) -> float:
    return float(np.mean(values)) if len(values) else np.nan
