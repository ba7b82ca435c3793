"""A whole small study: its cells, resumption, sharing, tables, page and command."""

import csv
import json
import shutil
import signal
import time
from multiprocessing import active_children

import pyarrow.parquet as pq
import pytest

from tests.command_line import called
from tests.small_project import SmallProject
from understudy.errors import UserError
from understudy.study import plan_study, read_study, run_study, write_study
from understudy.study.cells import read_cell
from understudy.study.running import _processes, make_cells

STUDY = """
[study]
name = "small"
seeds = [0, 1]
[settings]
"student.kind" = "tfidf-linear"
"gold.demo" = 0.4
"gold.dev" = 0.2
[[tasks]]
name = "films"
project = "films"
[[tasks]]
set = "absent"
[[arms]]
name = "human-8"
[[arms]]
name = "teacher-12"
[[arms]]
name = "teacher-all"
[[arms]]
name = "teacher-again"
labels = "teacher-all"
[[arms]]
name = "unanimous"
labels = "teacher-all"
min_consistency = 1.0
[[arms]]
name = "both"
labels = "teacher+human-4"
[[arms]]
name = "teacher-direct"
[[comparisons]]
a = "human-8"
b = "teacher-all"
published = { f1 = 0.5 }
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_bert):
    """A study of one project with a recorded teacher that is split on every third text and wrong on every fifth."""
    folder = tmp_path_factory.mktemp("study")
    small = SmallProject(folder / "films", tiny_bert, n_gold=60, n_pool=24, codebook='positive = "pos"')
    answers = {row["id"]: said(i, row["label"]) for i, row in enumerate([*small.gold, *small.pool])}
    small.write_recorded(answers)
    recorded = '[teacher]\nkind = "recorded"\nmodel = "gpt-0"\nrecorded = ["recorded.jsonl"]\n'
    settings = small.folder / "understudy.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + recorded, encoding="utf-8")
    (folder / "small.toml").write_text(STUDY, encoding="utf-8")
    study = read_study(folder / "small.toml", folder / "sets")
    return study, folder / "work", run_study(study, folder / "work")


def said(number, label):
    if number % 5 == 0:
        return "neg" if label == "pos" else "pos"
    return [label, label, "neg"] if number % 3 == 0 and label == "pos" else label


def stamps(work):
    return {path.name: path.stat().st_mtime_ns for path in (work / "cells").iterdir()}


def arm(results, name):
    return next(found for found in results.arms if found.place.arm == name)


def test_every_arm_learns_from_what_its_name_says(made):
    _, _, results = made
    learned = {one.place.arm: {run.cell.n_labels for run in one.of_runs} for one in results.arms}
    humans = {one.place.arm: {run.cell.human_labels for run in one.of_runs} for one in results.arms}
    # 24 pool texts and 24 demo texts (0.4 of 60): the pool holds enough for `arms.teacher` of no more than 24
    n_all = learned["teacher-all"].pop()
    assert n_all == 48
    assert learned == {"human-8": {8}, "teacher-12": {12}, "teacher-all": set(), "teacher-again": {48},
                       "unanimous": learned["unanimous"], "both": {48}, "teacher-direct": {0}}  # fmt: skip
    assert max(learned["unanimous"]) < n_all
    assert (humans["human-8"], humans["both"], humans["teacher-all"]) == ({8}, {4}, {0})


def test_teacher_direct_is_what_the_teacher_said(made):
    _, _, results = made
    direct = arm(results, "teacher-direct")
    counts = direct.of_runs[0].cell.counts
    assert len(direct.of_runs) == 1
    assert direct.scores[3] == pytest.approx(counts.correct.mean())
    assert 0.6 < direct.scores[3] < 0.95, "wrong on every fifth text of a shuffled split"


def test_equal_work_is_done_once_and_nothing_is_done_again(made):
    study, work, results = made
    keys = {one.place.arm: [run.place.key for run in one.of_runs] for one in results.arms}
    assert keys["teacher-all"] == keys["teacher-again"]
    assert len(keys["human-8"]) == len(set(keys["human-8"])) == 2
    before = stamps(work)
    # human-8, teacher-12, teacher-all, unanimous, both: 2 seeds each; teacher-direct: 1
    assert len(before) == 11
    make_cells(study, work)
    assert stamps(work) == before


def test_lost_and_damaged_cells_are_made_again_alike(made, tmp_path):
    study, work, results = made
    copy = tmp_path / "work"
    shutil.copytree(work, copy)
    lost, torn = [run.place.key for run in arm(results, "human-8").of_runs]
    (copy / "cells" / f"{lost}.safetensors").unlink()
    (copy / "cells" / f"{torn}.safetensors").write_bytes(b"torn")
    make_cells(study, copy)
    for key in (lost, torn):
        again, first = (read_cell(folder / "cells" / f"{key}.safetensors") for folder in (copy, work))
        assert (again.counts.correct == first.counts.correct).all()
    assert len(stamps(copy)) == 11


def test_an_interrupted_training_finds_its_folder_again(made, tmp_path, monkeypatch):
    study, work, results = made
    copy = tmp_path / "work"
    shutil.copytree(work, copy)
    key = arm(results, "human-8").of_runs[0].place.key
    (copy / "cells" / f"{key}.safetensors").unlink()

    def stops(project, drawn, run, recipe, workspace):
        workspace.mkdir(parents=True)
        (workspace / "step").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("understudy.study.running.train_once", stops)
        with pytest.raises(KeyboardInterrupt):
            make_cells(study, copy)
    assert (copy / "unfinished" / key / "step").exists()
    make_cells(study, copy)
    assert (copy / "cells" / f"{key}.safetensors").exists()
    assert not (copy / "unfinished" / key).exists()


def test_a_changed_setting_makes_new_cells(made, tmp_path):
    study, work, _ = made
    copy = tmp_path / "work"
    shutil.copytree(work, copy)
    changed = study.file.model_copy(update={"settings": {**study.file.settings, "student.tune_threshold": False}})
    make_cells(type(study)(changed, study.folder, study.data), copy)
    assert len(stamps(copy)) == 11 + 10, "all but teacher-direct"


def test_the_plan_counts_what_is_finished(made, tmp_path):
    study, work, _ = made
    finished = plan_study(study, work)
    assert (finished.runs, finished.finished, finished.seconds_left) == (13, 13, 0.0)
    fresh = plan_study(study, tmp_path)
    assert fresh.finished == 2, "the repeated arm waits for no run of its own"
    assert fresh.missing == {"absent": str(study.data / "absent")}
    assert next(iter(fresh.lines())).startswith("absent: `absent`")


def test_two_processes_find_the_same(made, tmp_path):
    study, work, _ = made
    twice = study.file.model_copy(
        update={"tasks": (study.file.tasks[0], study.file.tasks[0].model_copy(update={"name": "again"}))}
    )
    runs = make_cells(type(study)(twice, study.folder, study.data), work, workers=2)
    assert [run.task for run in runs] == ["films", "again"]
    assert len(stamps(work)) == 11, "another name is no other work"


def test_a_killed_process_ends_the_study_with_advice():
    with pytest.raises(UserError, match="ended from outside") as caught, _processes(1) as pool:
        pool.submit(signal.raise_signal, signal.SIGKILL).result()
    assert "--workers" in caught.value.hint


def interrupted():
    with _processes(1) as pool:
        pool.submit(time.sleep, 600)
        raise KeyboardInterrupt


def test_an_interrupted_study_leaves_no_process_behind():
    before = set(active_children())
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    deadline = time.monotonic() + 30
    while set(active_children()) - before and time.monotonic() < deadline:
        time.sleep(0.01)  # the pool's own thread may have reaped the child and not yet have noted it
    assert set(active_children()) <= before


def test_tables_hold_every_run_and_no_text(made, tmp_path):
    _, _, results = made
    files = write_study(results, tmp_path)
    with (tmp_path / "runs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == pq.read_table(tmp_path / "runs.parquet").num_rows == 13
    assert {row["task"] for row in rows} == {"films"}
    assert all(float(row["f1_low"]) <= float(row["f1"]) <= float(row["f1_high"]) for row in rows)
    gap = next(row for row in files.rows["gaps"] if row["metric"] == "f1")
    assert (gap["a"], gap["b"], gap["published"], gap["n_tasks"]) == ("human-8", "teacher-all", 0.5, 1)
    assert not any(
        "the film was" in path.read_text(encoding="utf-8", errors="replace") for path in tmp_path.glob("*.*")
    )


def test_the_page_is_whole(made, tmp_path):
    _, _, results = made
    page = write_study(results, tmp_path).page.read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert page.count("data:image/svg+xml;base64,") == 5, "four medians and one gap"
    assert "published: 0.500" in page
    assert "Task <code>absent</code> is absent" in page


def test_missing_data_alone_leave_nothing_to_judge(made, tmp_path):
    study, _, _ = made
    alone = type(study)(study.file.model_copy(update={"tasks": study.file.tasks[1:]}), study.folder, study.data)
    with pytest.raises(UserError, match="no cell to judge"):
        run_study(alone, tmp_path)


def test_the_command_prints_and_resumes(made, tmp_path, capsys):
    study, work, _ = made
    arguments = ["study", study.folder / "small.toml", "--work", work, "--data", study.data]
    planned = called(capsys, *arguments, "--plan", "--json")
    assert (planned.code, json.loads(planned.out)["finished"]) == (0, 13)
    done = called(capsys, *arguments, "--results", tmp_path, "--json")
    assert done.code == 1, "a task was absent"
    assert len(json.loads(done.out)["runs"]) == 13
    assert called(capsys, *arguments, "--results", tmp_path).out.count("human-8") >= 2
