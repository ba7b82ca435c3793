"""Medians and gaps over tasks, on counts worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import UserError
from understudy.evaluation import Counts, Headline
from understudy.study.cells import Cell, cell_path, read_cell, write_cell
from understudy.study.file import StudyFile
from understudy.study.page import draw_figures, render
from understudy.study.results import gather
from understudy.study.running import Place, TaskRun, workers_that_fit
from understudy.study.tables import table_rows

FILE = StudyFile.model_validate_json(
    """{"study": {"name": "s"}, "tasks": [{"set": "a"}, {"set": "b"}, {"set": "c"}],
    "arms": [{"name": "human-4"}, {"name": "teacher-4"}], "comparisons": [{"a": "human-4", "b": "teacher-4"}]}"""
)
POSITIVE = Headline("positive", 0)


def cell(n_right, n, dev_f1=np.nan):
    """Of n documents of label 0, n_right are found."""
    found = np.arange(n) < n_right
    tp, fn = np.zeros((n, 2)), np.zeros((n, 2))
    tp[:, 0], fn[:, 0] = found, ~found
    return Cell(Counts(tp, fn[:, ::-1].copy(), fn, found.astype(float)), "linear", 4, 0, dev_f1, 1.5)


def runs(work, table):
    """Task runs from {task: {arm: [right of 10 per seed]}}."""
    made = []
    for task, arms in table.items():
        places = []
        for arm, by_seed in arms.items():
            for seed, n_right in enumerate(by_seed):
                key = f"{task}-{arm}-{seed}"
                write_cell(cell_path(work, key), cell(n_right, 10))
                teacher = "best" if arm.startswith("teacher") else ""
                places.append(Place(task, teacher, "", arm, seed, "linear", 4, 0.0, key))
        made.append(TaskRun(task, POSITIVE, None, tuple(places)))
    return made


def test_a_cell_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "cells" / "x.safetensors"
    write_cell(path, cell(3, 5))
    again = read_cell(path)
    assert (again.counts.tp == cell(3, 5).counts.tp).all()
    assert np.isnan(again.dev_f1)
    assert (again.student, again.n_labels, again.train_s) == ("linear", 4, 1.5)
    assert read_cell(tmp_path / "none") is None


def test_medians_and_gaps_over_tasks(tmp_path):
    table = {
        "a": {"human-4": [10], "teacher-4": [6]},
        "b": {"human-4": [8], "teacher-4": [8]},
        "c": {"human-4": [6], "teacher-4": [5]},
    }
    results = gather(FILE, runs(tmp_path, table), {}, tmp_path)
    human, teacher = results.medians
    # F1 of r found of 10: 2r / (10 + r): 10 -> 1, 8 -> 8/9, 6 -> 3/4, 5 -> 2/3
    assert human.metrics["f1"].value == pytest.approx(8 / 9)
    assert teacher.metrics["f1"].value == pytest.approx(3 / 4)
    assert human.metrics["accuracy"].value == pytest.approx(0.8)
    (gap,) = results.gaps
    # gaps: a 1 - 3/4 = 1/4, b 0, c 3/4 - 2/3 = 1/12; their median 1/12; gap of the medians 8/9 - 3/4 = 5/36
    assert gap.median_of_gaps["f1"].value == pytest.approx(1 / 12)
    assert gap.gap_of_medians["f1"].value == pytest.approx(5 / 36)
    assert gap.by_task["b"][0] == 0
    assert gap.by_task["b"][1].high == 0, "the two answer alike on every document of b: paired, nothing varies"
    for metric in ("f1", "recall", "accuracy"):
        estimate = gap.median_of_gaps[metric]
        assert estimate.these_tasks.low <= estimate.value <= estimate.these_tasks.high
        assert estimate.other_tasks.half_width >= estimate.these_tasks.half_width


def test_runs_are_averaged_and_their_spread_widens(tmp_path):
    steady = {"a": {"human-4": [7, 7, 7], "teacher-4": [7]}}
    shaky = {"a": {"human-4": [4, 7, 10], "teacher-4": [7]}}
    one, other = (gather(FILE, runs(tmp_path / name, t), {}, tmp_path / name)
                  for name, t in (("one", steady), ("other", shaky)))  # fmt: skip
    assert one.arms[0].scores[3] == pytest.approx(other.arms[0].scores[3]) == pytest.approx(0.7)
    widths = [found.medians[0].metrics["accuracy"].these_tasks.half_width for found in (one, other)]
    assert widths[1] > 1.1 * widths[0]


def test_nothing_lies_between_arms_of_the_same_cells(tmp_path):
    made = runs(tmp_path, {"a": {"human-4": [4, 7, 10], "teacher-4": [4, 7, 10]}})
    human = [place.key for place in made[0].places[:3]]
    shared = [replace(place, key=key) for place, key in zip(made[0].places[3:], human, strict=True)]
    (gap,) = gather(FILE, [replace(made[0], places=(*made[0].places[:3], *shared))], {}, tmp_path).gaps
    assert (gap.median_of_gaps["f1"].these_tasks.low, gap.median_of_gaps["f1"].these_tasks.high) == (0, 0)


def test_an_undefined_metric_is_left_out_of_the_median(tmp_path):
    table = {"a": {"human-4": [0], "teacher-4": [5]}, "b": {"human-4": [5], "teacher-4": [5]}}
    results = gather(FILE, runs(tmp_path, table), {}, tmp_path)
    human = results.medians[0].metrics
    # a: label 0 is never given, so its precision is undefined; b: 5 given, all right
    assert human["precision"].value == 1
    assert human["f1"].value == pytest.approx((0 + 2 / 3) / 2)


def test_a_pair_is_compared_where_both_arms_ran(tmp_path):
    table = {"a": {"human-4": [9]}, "b": {"human-4": [5], "teacher-4": [5]}}
    (gap,) = gather(FILE, runs(tmp_path, table), {}, tmp_path).gaps
    assert list(gap.by_task) == ["b"]


def test_a_vanished_cell_is_an_error(tmp_path):
    made = runs(tmp_path, {"a": {"human-4": [9]}})
    cell_path(tmp_path, "a-human-4-0").unlink()
    with pytest.raises(UserError, match="has vanished"):
        gather(FILE, made, {}, tmp_path)


def test_processes_are_as_many_as_there_is_work_and_memory_for(monkeypatch):
    monkeypatch.setattr("understudy.study.running._free_memory", lambda: 5 * 2**30)
    assert [workers_that_fit(*asked) for asked in ((8, 9), (8, 1), (1, 9))] == [2, 1, 1]
    monkeypatch.setattr("understudy.study.running._free_memory", lambda: 0)
    assert workers_that_fit(4, 4) == 1


def test_the_share_of_a_distance_that_an_arm_goes(tmp_path):
    file = StudyFile.model_validate_json(
        """{"study": {"name": "s"}, "tasks": [{"set": "a"}, {"set": "b"}],
        "arms": [{"name": "human-4"}, {"name": "teacher-4"}, {"name": "teacher-direct"}],
        "distances": [{"start": "human-4", "end": "teacher-direct"}]}"""
    )
    # F1 with 5, 8 and 10 of 10 found and nothing else: 2/3, 8/9 and 1. (8/9 - 2/3) / (1 - 2/3) = 2/3
    table = {
        "a": {"human-4": [5], "teacher-4": [8], "teacher-direct": [10]},
        "b": {"human-4": [8], "teacher-4": [6], "teacher-direct": [8]},
    }
    results = gather(file, runs(tmp_path, table), {}, tmp_path)
    way, undefined = results.ways
    assert (way.task, way.arm, way.start, way.end) == ("a", "teacher-4", "human-4", "teacher-direct")
    assert way.gain == pytest.approx(2 / 9)
    assert way.share == pytest.approx(2 / 3)
    assert 0 <= way.share_interval.low < 2 / 3 < way.share_interval.high <= 1
    assert np.isnan([undefined.share, undefined.share_interval.low]).all(), "start and end are one labeller"
    assert undefined.gain < 0
    page = render(results, draw_figures(results), "understudy study s.toml")
    assert "From human-4 to teacher-direct" in page
    assert "0.667 [" in page
    rows = table_rows(results)["distances"]
    assert [row["share"] for row in rows] == [pytest.approx(2 / 3), None]
