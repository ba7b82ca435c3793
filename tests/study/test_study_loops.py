"""Arms of a study whose texts the learning loop chooses: their rounds, resumption and refusals."""

import csv
import shutil

import numpy as np
import pytest

from tests.small_project import SmallProject
from understudy.errors import UserError
from understudy.evaluation import Counts, Headline
from understudy.pipeline import Project
from understudy.study import loops as loops_module
from understudy.study import plan_study, read_study, run_study, write_study
from understudy.study.cells import Cell, cell_path, read_cell
from understudy.study.conversion import REPOSITORY
from understudy.study.curves import curves_of, gaps_of
from understudy.study.file import StudyComparison, as_text
from understudy.study.loops import RoundPlace
from understudy.study.public import Item
from understudy.study.running import Place, make_cells
from understudy.study.splitting import assign_pool, drawn_pool

STUDY = """
[study]
name = "choosing"
seeds = [0, 1]
[settings]
"student.kind" = "linear"
"student.linear.ngrams" = false
"student.linear.folds" = 2
"student.linear.c" = [1.0]
"gold.demo" = 0.5
"gold.share_demo_dev" = true
"learn.first" = 8
"learn.batch" = 6
"learn.labels" = 20
"learn.random_share" = 0.0
"learn.test_every" = 1000
[[tasks]]
name = "films"
project = "films"
[[arms]]
name = "lot"
labels = "learn"
settings = { "learn.strategy" = "random" }
[[arms]]
name = "entropy"
labels = "learn"
settings = { "learn.strategy" = "entropy" }
[[arms]]
name = "weighed"
labels = "learn"
settings = { "learn.strategy" = "entropy", "learn.reweight" = true }
[[comparisons]]
a = "entropy"
b = "lot"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_bert):
    """A study of one project whose recorded teacher is wrong on every fourth text."""
    folder = tmp_path_factory.mktemp("choosing")
    small = SmallProject(folder / "films", tiny_bert, n_gold=40, n_pool=60)
    other = {"pos": "neg", "neg": "pos"}
    rows = [*small.gold, *small.pool]
    small.write_recorded({row["id"]: other[row["label"]] if i % 4 == 0 else row["label"] for i, row in enumerate(rows)})
    settings = small.folder / "understudy.toml"
    recorded = '[teacher]\nkind = "recorded"\nmodel = "gpt-0"\nrecorded = ["recorded.jsonl"]\n'
    settings.write_text(settings.read_text(encoding="utf-8") + recorded, encoding="utf-8")
    (folder / "choosing.toml").write_text(STUDY, encoding="utf-8")
    study = read_study(folder / "choosing.toml")
    return study, folder / "work", run_study(study, folder / "work")


def places_of(results, name):
    return next(found for found in results.arms if found.place.arm == name).places


def cells_of(place, work):
    return [read_cell(cell_path(work, piece.key)) for piece in place.rounds]


def test_every_round_of_the_schedule_has_a_cell(made):
    _, work, results = made
    for name in ("lot", "entropy", "weighed"):
        for place in places_of(results, name):
            assert [piece.n_asked for piece in place.rounds] == [8, 14, 20]
            assert [cell.n_labels for cell in cells_of(place, work)] == [8, 14, 20]
    assert len(list((work / "cells").iterdir())) == 3 * 2 * 3


def test_runs_begin_with_the_same_texts_in_all_arms_and_differ_from_each_other(made):
    _, work, results = made
    first, second = (cells_of(place, work)[0].counts.correct for place in places_of(results, "lot"))
    entropy = [cells_of(place, work)[0].counts.correct for place in places_of(results, "entropy")]
    assert (entropy[0] == first).all()
    assert (entropy[1] == second).all()
    assert places_of(results, "lot")[0].key != places_of(results, "lot")[1].key


def test_finished_rounds_are_not_made_again_and_lost_ones_are_made_alike(made, tmp_path):
    study, work, results = made
    copy = tmp_path / "work"
    shutil.copytree(work, copy)
    lost = cell_path(copy, places_of(results, "entropy")[0].rounds[1].key)
    lost.unlink()
    make_cells(study, copy)
    assert (read_cell(lost).counts.correct == read_cell(work / "cells" / lost.name).counts.correct).all()
    before = {path.name: path.stat().st_mtime_ns for path in (copy / "cells").iterdir()}
    make_cells(study, copy)
    assert {path.name: path.stat().st_mtime_ns for path in (copy / "cells").iterdir()} == before
    assert plan_study(study, copy).finished == plan_study(study, copy).runs == 6


def test_an_interrupted_loop_ends_as_an_uninterrupted_one(made, tmp_path, monkeypatch):
    study, work, _ = made
    n_written, write = 0, loops_module.write_cell

    def stop_at_the_fifth(path, cell):
        nonlocal n_written
        n_written += 1
        if n_written == 5:
            raise KeyboardInterrupt
        write(path, cell)

    monkeypatch.setattr(loops_module, "write_cell", stop_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        make_cells(study, tmp_path)
    monkeypatch.setattr(loops_module, "write_cell", write)
    make_cells(study, tmp_path)
    for path in (work / "cells").iterdir():
        assert (read_cell(tmp_path / "cells" / path.name).counts.correct == read_cell(path).counts.correct).all()


def changed(made, folder, old, new):
    study = made[0]
    assert old in STUDY
    (study.folder / "changed.toml").write_text(STUDY.replace(old, new, 1), encoding="utf-8")
    return run_study(read_study(study.folder / "changed.toml"), folder)


@pytest.mark.parametrize(
    "new", ['settings = { "prompt.k" = 3 }', 'verbaliser = false\nsettings = { "learn.strategy" = "random" }']
)
def test_recorded_answers_cannot_be_asked_otherwise(made, tmp_path, new):
    with pytest.raises(UserError, match=r"arm `lot` changes what the teacher is asked .* one question"):
        changed(made, tmp_path, 'settings = { "learn.strategy" = "random" }', new)


def test_a_loop_that_ends_before_its_schedule_is_no_result(made, tmp_path):
    from understudy.pipeline.learning.loop import Loop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "_size", lambda loop: 8 if not loop.rounds else 0)
        with pytest.raises(UserError, match="ended after round 0 of 2"):
            changed(made, tmp_path, "seeds = [0, 1]", "seeds = [2]")


def item(number, label, part="main", group=None, **said):
    return Item(f"d{number}", f"text {number}", label, (), part, group=group, said={m: (a,) for m, a in said.items()})


def test_a_pool_is_all_that_models_labelled_beside_gold_and_test():
    labels = ["no", "yes"]
    items = [item(i, labels[i % 2], m="no") for i in range(200)] + [
        item(i, None, "unlabelled", m="no") for i in (900, 901)
    ]
    items += [item(i, labels[i % 2], "test") for i in range(300, 350)]
    roles = assign_pool(items, 40, 0)
    assert roles.counts() == {"pool": 162, "demo": 40, "dev": 0, "test": 50, "left_out": 0}
    assert {one.part for one in roles.test} == {"test"}
    # without a test part: two fifths of 200
    assert assign_pool(items[:202], 40, 0).counts() == {"pool": 82, "demo": 40, "dev": 0, "test": 80, "left_out": 0}
    assert {i.id for i in assign_pool(items[:202], 80, 0).test} == {i.id for i in assign_pool(items[:202], 40, 0).test}


def test_texts_of_a_group_that_judges_are_not_in_the_pool():
    items = [item(i, "no", group=f"g{i // 5}", m="no") for i in range(200)]
    roles = assign_pool(items, 20, 0)
    used = {one.group for one in (*roles.test, *roles.demo)}
    assert not used & {one.group for one in roles.pool}
    assert roles.counts()["left_out"] == 0


def test_many_texts_that_only_people_labelled_judge():
    items = [item(i, "no", m="no") for i in range(500)] + [item(i, "no", "train") for i in range(1000, 4000)]
    roles = assign_pool(items, 100, 0)
    assert roles.counts() == {"pool": 400, "demo": 100, "dev": 0, "test": 1000, "left_out": 2000}
    assert {one.part for one in roles.test} == {"train"}


def test_a_smaller_pool_is_drawn_from_what_the_teacher_answered():
    items = [item(i, "no", m="no") for i in range(100)] + [item(i, "no", n="no") for i in range(100, 200)]
    roles = assign_pool(items, 20, 0).taught_by("m")
    pool = drawn_pool(roles, 15, 0).pool
    assert len(pool) == 15
    assert all(one.answers == ("no",) for one in pool)
    assert len(drawn_pool(roles, None, 0).pool) == sum(bool(one.answers) for one in roles.pool)


@pytest.mark.parametrize(
    "name", ["mr_sentiment", "media_bias_babe", "re_semeval2010_mixtral", "ner_finer_ord", "encoder", "sweeps", "live"]
)
def test_the_llmaaa_studies_are_well_formed(made, name):
    study = read_study(REPOSITORY / "studies" / f"llmaaa_{name}.toml")
    assert sum(arm.learns_in_rounds for arm in study.file.arms) >= 4
    for settings in (*(arm.settings for arm in study.file.arms), *(task.settings for task in study.file.tasks)):
        Project.open(made[0].folder / "films", as_text({**study.file.settings, **settings}))


def test_curves_tables_and_page_show_every_round(made, tmp_path):
    _, _, results = made
    files = write_study(results, tmp_path)
    with (tmp_path / "curves.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["arm"], row["round"], row["n_asked"]) for row in rows[:3]] == [
        ("lot", "0", "8"), ("lot", "1", "14"), ("lot", "2", "20"),
    ]  # fmt: skip
    assert len(rows) == 9
    of_runs = [float(row["f1"]) for row in files.rows["runs"] if row["arm"] == "entropy"]
    last = next(row for row in files.rows["curves"] if (row["arm"], row["round"]) == ("entropy", 2))
    assert last["f1_sd"] == pytest.approx(np.std(of_runs, ddof=1))
    (gap, over_tasks) = files.rows["curve_gaps"]
    assert (gap["a"], gap["b"], over_tasks["task"]) == ("entropy", "lot", "median of 1")
    assert over_tasks["along"] == gap["along"]
    page = files.page.read_text(encoding="utf-8")
    assert "Learning curves" in page
    assert sum("curves-films" in path.name for path in files.figures) == 2, "one for each way to train"


def right(correct):
    """Counts of four documents of one label: what is not right is a false alarm and a miss."""
    hit = np.array(correct, dtype=float)
    return Cell(Counts(hit[:, None], 1 - hit[:, None], 1 - hit[:, None], hit), "linear", 4, 0, np.nan, 0.0)


def place(arm, seed):
    rounds = tuple(RoundPlace(10 * (number + 1), f"{arm}{seed}{number}") for number in range(3))
    return Place("films", "best", "gpt-0", arm, seed, "linear", 30, 0.0, rounds[-1].key, rounds)


def test_gaps_along_the_curve_are_means_over_the_rounds_after_the_seed_set():
    one, two, three, four = ([True] * n + [False] * (4 - n) for n in (1, 2, 3, 4))
    # F1 is the share of right documents: a has 1/4 then 3/4, 4/4 in run 0, and 1/4, 2/4, 3/4 in run 1; b stays at 2/4
    cells = {
        place("a", 0): [right(each) for each in (one, three, four)],
        place("a", 1): [right(each) for each in (one, two, three)],
        place("b", 0): [right(two)] * 3,
        place("b", 1): [right(two)] * 3,
    }
    a, b = curves_of(cells, Headline("micro"), None, 0)
    assert [point.f1 for point in a.points] == pytest.approx([0.25, 0.625, 0.875])
    assert [point.deviation for point in a.points] == pytest.approx([0, np.sqrt(0.03125), np.sqrt(0.03125)])
    assert (a.along, a.along_of_runs) == (pytest.approx(0.75), pytest.approx((0.875, 0.625)))
    (gap,) = gaps_of([a, b], [StudyComparison(a="a", b="b"), StudyComparison(a="b", b="c")])
    assert (gap.along, gap.last, gap.reaches) == (pytest.approx(0.25), pytest.approx(0.375), 20)
    assert gap.along_interval.low < 0.25 < gap.along_interval.high
    (back,) = gaps_of([a, b], [StudyComparison(a="b", b="a")])
    assert back.reaches is None
