"""The tables of a study as files: every run, every arm on every task, medians and gaps. No text of any data in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.evaluation import Interval
from understudy.evaluation.finite import finite_or_none
from understudy.study.curves import Curve, CurveGap
from understudy.study.distances import Way
from understudy.study.results import (
    METRICS,
    ArmOnTask,
    CurveGapOverTasks,
    Estimate,
    FloatArray,
    Gap,
    Median,
    StudyResults,
)

if TYPE_CHECKING:
    import pyarrow as pa


def table_rows(results: StudyResults) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table; None where a number is undefined.

    Tables
    ------
    runs : the tidy one, a row per task, teacher, arm and seed.
    arms : runs put together, with intervals that hold their spread.
    medians, gaps : over tasks, a row per teacher, arm (or pair of arms) and metric.
    curves : where arms learn in rounds, a row per task, teacher, arm and round.
    curve_gaps : a row per task, teacher and pair of arms, and one for the median over tasks.
    distances : where the file asks about some, a row per task, teacher, distance and arm.
    """
    tables = {
        "runs": [row for arm in results.arms for row in _run_rows(results, arm)],
        "arms": [_arm_row(results, arm) for arm in results.arms],
        "medians": [row for median in results.medians for row in _median_rows(median)],
        "gaps": [row for gap in results.gaps for row in _gap_rows(gap)],
    }
    if results.curves:
        tables["curves"] = [row for curve in results.curves for row in _curve_rows(curve)]
        tables["curve_gaps"] = [
            *map(_curve_gap_row, results.curve_gaps),
            *map(_curve_median_row, results.curve_gaps_over_tasks),
        ]
    if results.ways:
        tables["distances"] = list(map(_way_row, results.ways))
    return tables


def write_tables(results: StudyResults, folder: Path) -> tuple[Path, ...]:
    """Each table as ``NAME.csv`` and ``NAME.parquet``."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, rows in table_rows(results).items():
        table: pa.Table = pa.Table.from_pylist(rows)
        for ending, write in ((".csv", pyarrow.csv.write_csv), (".parquet", pyarrow.parquet.write_table)):
            path = folder / f"{name}{ending}"
            write(table, path)
            written.append(path)
    return tuple(written)


def _run_rows(results: StudyResults, arm: ArmOnTask) -> Iterator[dict[str, Any]]:
    for run in arm.of_runs:
        place, cell = run.place, run.cell
        yield {
            "study": results.file.study.name,
            **_names(arm),
            "seed": place.seed,
            "n_labels": cell.n_labels,
            "human_labels": cell.human_labels,
            "n_test": arm.n_test,
            **_scores(run.scores, run.intervals),
            "dev_f1": finite_or_none(cell.dev_f1),
            "cost_usd": place.cost_usd,
            "train_s": round(cell.train_s, 2),
        }


def _arm_row(results: StudyResults, arm: ArmOnTask) -> dict[str, Any]:
    cells = [run.cell for run in arm.of_runs]
    return {
        "study": results.file.study.name,
        **_names(arm),
        "n_runs": len(cells),
        "n_labels": sum(cell.n_labels for cell in cells) / len(cells),
        "human_labels": sum(cell.human_labels for cell in cells) / len(cells),
        "n_test": arm.n_test,
        **_scores(arm.scores, arm.intervals),
        "f1_sd": _deviation([run.scores[0] for run in arm.of_runs]),
        "cost_usd": arm.place.cost_usd,
        "train_s": round(sum(cell.train_s for cell in cells), 2),
    }


def _deviation(of_runs: Sequence[float]) -> float | None:
    """Standard deviation over training runs; None with one run or an undefined number."""
    return finite_or_none(float(np.std(of_runs, ddof=1))) if len(of_runs) > 1 else None


def _names(arm: ArmOnTask) -> dict[str, str]:
    place = arm.place
    return {
        "task": place.task,
        "teacher": place.teacher,
        "model": place.model,
        "arm": place.arm,
        "student": place.student,
    }


def _scores(scores: FloatArray, intervals: Mapping[str, Interval]) -> dict[str, float | None]:
    row: dict[str, float | None] = {}
    for metric, score in zip(METRICS, scores, strict=True):
        interval = intervals.get(metric)
        row[metric] = finite_or_none(float(score))
        row[f"{metric}_low"] = None if interval is None else interval.low
        row[f"{metric}_high"] = None if interval is None else interval.high
    return row


def _median_rows(median: Median) -> Iterable[dict[str, Any]]:
    for metric, estimate in median.metrics.items():
        yield {
            "teacher": median.teacher,
            "arm": median.arm,
            "metric": metric,
            "n_tasks": median.n_tasks,
            **_estimate("median", estimate),
            "published": median.published.get(metric),
        }


def _curve_rows(curve: Curve) -> Iterator[dict[str, Any]]:
    place = curve.place
    for number, point in enumerate(curve.points):
        yield {
            "task": place.task,
            "teacher": place.teacher,
            "model": place.model,
            "arm": place.arm,
            "student": place.student,
            "round": number,
            "n_asked": point.n_asked,
            "n_labels": point.n_labels,
            "n_runs": len(point.of_runs),
            **_bounded("f1", point.f1, point.interval),
            "f1_sd": finite_or_none(point.deviation),
        }


def _curve_gap_row(gap: CurveGap) -> dict[str, Any]:
    return {
        "task": gap.task,
        "teacher": gap.teacher,
        "a": gap.a,
        "b": gap.b,
        **_bounded("along", gap.along, gap.along_interval),
        **_bounded("last", gap.last, gap.last_interval),
        "reaches_last_of_b_at": gap.reaches,
    }


def _curve_median_row(found: CurveGapOverTasks) -> dict[str, Any]:
    return {
        "task": f"median of {found.n_tasks}",
        "teacher": found.teacher,
        "a": found.a,
        "b": found.b,
        **_bounded("along", found.along.value, found.along.these_tasks),
        **_bounded("last", found.last.value, found.last.these_tasks),
        "reaches_last_of_b_at": None,
    }


def _way_row(way: Way) -> dict[str, Any]:
    return {
        "task": way.task,
        "teacher": way.teacher,
        "model": way.model,
        "arm": way.arm,
        "start": way.start,
        "end": way.end,
        **_bounded("gain", way.gain, way.gain_interval),
        **_bounded("share", way.share, way.share_interval),
    }


def _gap_rows(gap: Gap) -> Iterable[dict[str, Any]]:
    for metric in METRICS:
        yield {
            "teacher": gap.teacher,
            "a": gap.a,
            "b": gap.b,
            "metric": metric,
            "n_tasks": len(gap.by_task),
            **_estimate("median_of_gaps", gap.median_of_gaps[metric]),
            **_estimate("gap_of_medians", gap.gap_of_medians[metric]),
            "published": gap.published.get(metric),
        }


def _estimate(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {
        **_bounded(name, estimate.value, estimate.these_tasks),
        f"{name}_low_other_tasks": finite_or_none(estimate.other_tasks.low),
        f"{name}_high_other_tasks": finite_or_none(estimate.other_tasks.high),
    }


def _bounded(name: str, value: float, interval: Interval) -> dict[str, float | None]:
    """A number and the ends of its interval."""
    return {
        name: finite_or_none(value),
        f"{name}_low": finite_or_none(interval.low),
        f"{name}_high": finite_or_none(interval.high),
    }
