"""`understudy study`: tasks x arms x seeds from one file, into one table and a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.console import ConsoleListener, print_json, print_lines, print_table
from understudy.cli.options import AsJson

if TYPE_CHECKING:
    from understudy.study import StudyPlan, StudyResults

OnlyPlan = Annotated[bool, typer.Option("--plan", help="Print arms, runs and estimated time; train nothing.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes; fewer where memory or tasks are few.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", envvar="UNDERSTUDY_SHARED_DATA", help="Folder of the public sets that the file names."),
]
Work = Annotated[
    Path | None,
    typer.Option("--work", help="Where texts and finished runs are kept.", show_default="in the user's cache folder"),
]
Results = Annotated[
    Path | None, typer.Option("--results", help="Where tables and page go.", show_default="results/NAME by the file")
]


def study(
    file: Annotated[Path, typer.Argument(help="The study file.")],
    only_plan: OnlyPlan = False,
    workers: Workers = 1,
    data: Data = None,
    work: Work = None,
    results: Results = None,
    as_json: AsJson = False,
) -> int:
    """Compare arms over tasks and seeds; the same command resumes after any interruption.

    Example: understudy study studies/distillation.toml --plan
    """
    from understudy.study import plan_study, read_study, run_study, write_study

    opened = read_study(file, data)
    work = work or _cache() / opened.name
    if only_plan:
        planned = plan_study(opened, work, workers)
        print_json(planned.to_json()) if as_json else _print_plan(planned)
        return 0
    found = run_study(opened, work, workers, ConsoleListener())
    written = write_study(found, results or opened.folder / "results" / opened.name)
    if as_json:
        print_json(written.to_json())
    else:
        _print_medians(found)
        print_lines([f"page: {written.page}", f"tables: {', '.join(str(path) for path in written.tables)}"])
    return int(bool(found.missing))


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "understudy" / "studies"


def _print_plan(planned: StudyPlan) -> None:
    from understudy.report.words import duration

    rows = [
        (arm.task, arm.arm, arm.model, arm.student, f"{arm.n_labels:,}", f"{arm.finished}/{arm.runs}",
         duration(arm.seconds_left))
        for arm in planned.arms
    ]  # fmt: skip
    print_table(("task", "arm", "teacher", "student", "labels", "finished", "left"), rows, right=(4, 5, 6))
    print_lines(planned.lines())


def _print_medians(found: StudyResults) -> None:
    from understudy.report.words import estimate

    rows = [
        (median.teacher, median.arm, str(median.n_tasks),
         *(estimate(one.value, one.these_tasks) for one in median.metrics.values()))
        for median in found.medians
    ]  # fmt: skip
    print_table(("teacher", "arm", "tasks", "F1 [95%]", "precision", "recall", "accuracy"), rows, right=(2,))
    print_lines(
        f"{gap.teacher} teacher: {gap.a} minus {gap.b}: F1 {estimate(one.value, one.these_tasks)} (median of "
        f"{len(gap.by_task)} paired gaps)"
        for gap in found.gaps
        for one in [gap.median_of_gaps["f1"]]
    )
    print_lines(
        f"{gap.teacher} teacher, along the learning curve: {gap.a} minus {gap.b}: F1 "
        f"{estimate(gap.along.value, gap.along.these_tasks)} (median of {gap.n_tasks} paired gaps)"
        for gap in found.curve_gaps_over_tasks
    )
    print_lines(
        f"{way.task}, {way.teacher} teacher, from {way.start} to {way.end}: {way.arm} gains "
        f"{estimate(way.gain, way.gain_interval)}, {estimate(way.share, way.share_interval)} of the distance"
        for way in found.ways
    )
