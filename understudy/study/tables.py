"""The tables of a study as files: every run, every arm on every task, medians and gaps. No text of any data in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.evaluation import Interval
from understudy.evaluation.finite import finite_or_none
from understudy.study.results import METRICS, ArmOnTask, Estimate, FloatArray, Gap, Median, StudyResults

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("runs", "arms", "medians", "gaps")


def table_rows(results: StudyResults) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table; None where a number is undefined.

    Tables
    ------
    runs : the tidy one, a row per task, teacher, arm and seed.
    arms : runs put together, with intervals that hold their spread.
    medians, gaps : over tasks, a row per teacher, arm (or pair of arms) and metric.
    """
    return {
        "runs": [row for arm in results.arms for row in _run_rows(results, arm)],
        "arms": [_arm_row(results, arm) for arm in results.arms],
        "medians": [row for median in results.medians for row in _median_rows(median)],
        "gaps": [row for gap in results.gaps for row in _gap_rows(gap)],
    }


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
        "cost_usd": arm.place.cost_usd,
        "train_s": round(sum(cell.train_s for cell in cells), 2),
    }


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
        name: finite_or_none(estimate.value),
        f"{name}_low": finite_or_none(estimate.these_tasks.low),
        f"{name}_high": finite_or_none(estimate.these_tasks.high),
        f"{name}_low_other_tasks": finite_or_none(estimate.other_tasks.low),
        f"{name}_high_other_tasks": finite_or_none(estimate.other_tasks.high),
    }
