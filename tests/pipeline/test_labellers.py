"""The multiverse's labellers: other models and prompts that labelled the same texts, and students cut at thresholds."""

import numpy as np
import pytest
from recorded_project import ONE_TEACHER, write_project

from understudy import Project
from understudy.codebook import Codebook, Label, task_of
from understudy.pipeline.evidence.contrasting import Questions
from understudy.pipeline.evidence.labellers import Labelled, _cut, all_labellers


@pytest.fixture
def folder(tmp_path):
    """300 pool and 100 test texts; `first` finds yes more often in party A, `second` in party B."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(420):
        party = "AB"[i % 2]
        truth = "yes" if rng.random() < 0.4 else "no"
        said = ["yes" if party == liked and rng.random() < 0.5 else truth for liked in "AB"]
        rows.append({"id": i, "text": f"text number {i}", "party": party, "teacher": said[0], "other": said[1],
                     "label": truth, "role": ("demo", "dev", "test")[min(i // 10, 2)]})  # fmt: skip
    pool = [{name: row[name] for name in ("id", "text", "party", "teacher", "other")} for row in rows[120:]]
    write_project(tmp_path, rows[:120], pool, data='role = "role"\nmeta = ["party"]', tables=ONE_TEACHER)
    return tmp_path


SECOND = {"teacher.model": "second", "teacher.recorded_column": "other"}


def test_another_model_that_labelled_the_same_texts_is_one_more_labeller(folder):
    Project.open(folder, SECOND).annotate()
    project = Project.open(folder)
    project.annotate()
    first, second = all_labellers(project)
    assert first.name == "teacher"
    assert second.name.startswith("second (recorded), prompt")
    assert [d.id for d in first.rest] == [d.id for d in second.rest]
    assert (first.on_rest != second.on_rest).any()
    (universe,) = project.estimate(Questions(by="party")).multiverse
    assert universe.labellers == (first.name, second.name)
    assert universe.naive_flips.signs == 1


def test_a_model_that_labelled_some_of_the_texts_only_is_none(folder):
    whole = (folder / "pool.csv").read_text(encoding="utf-8")
    (folder / "pool.csv").write_text(whole[: whole.index("\n400,")], encoding="utf-8")
    Project.open(folder, SECOND).annotate()
    (folder / "pool.csv").write_text(whole, encoding="utf-8")
    project = Project.open(folder)
    project.annotate()
    assert [one.name for one in all_labellers(project)] == ["teacher"]


def labelled(said):
    said = np.array(said)
    return Labelled("student", (), (), np.zeros((0, 2)), said, said)


def test_students_are_cut_where_thresholds_decide():
    labels = (Label(name="yes"), Label(name="no"))
    found = list(_cut(task_of(Codebook(labels=labels, positive="yes")), labelled([[0.3, 0.7], [0.65, 0.35]])))
    assert [one.name for one in found] == ["student at 0.3", "student at 0.5", "student at 0.7"]
    assert [one.on_gold.tolist() for one in found] == [[[1, 0], [1, 0]], [[0, 1], [1, 0]], [[0, 1], [0, 1]]]
    several = _cut(task_of(Codebook(kind="multilabel", labels=labels)), labelled([[0.9, 0.6]]))
    assert [one.on_rest.tolist() for one in several] == [[[1, 1]], [[1, 1]], [[1, 0]]]
    assert not list(_cut(task_of(Codebook(labels=labels)), labelled([[0.3, 0.7]])))
