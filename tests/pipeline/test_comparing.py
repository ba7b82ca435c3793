from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recorded_project import write_project

from understudy import Project
from understudy.errors import UserError
from understudy.pipeline.evidence.comparing import compare_teachers, variants

TABLES = """
[gold]
demo = 100
dev = 200
[teacher]
kind = "recorded"
model = "good"
recorded_column = "good"
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A good teacher, one that says yes too often, and its copy; three people who disagree on a fifth of the texts."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(400):
        truth = rng.random() < 0.4
        eager = truth or rng.random() < 0.5
        said = {"label": truth, "good": truth ^ (rng.random() < 0.1), "eager": eager, "copy": eager}
        said |= {name: truth ^ (rng.random() < 0.1) for name in ("ann", "bob", "cleo")}
        rows.append({"id": str(i), "text": f"text number {i}"} | {k: "yes" if v else "no" for k, v in said.items()})
    write_project(tmp_path, rows[:350], rows[350:], data='meta = ["ann", "bob", "cleo"]', tables=TABLES)
    return Project.open(tmp_path)


def test_better_worse_and_the_same_mistakes(project: Project) -> None:
    found = compare_teachers(variants(project, [], ["eager", "copy"]))
    good, eager, copy = found.candidates
    assert found.n == 250
    assert good.score.f1 > eager.score.f1 == copy.score.f1
    assert eager.comparison is not None
    assert eager.comparison.better == "good (recorded)"
    assert np.isnan(eager.false_alarms)  # it misses nothing
    assert 0.5 < good.false_alarms < 4
    last = found.pairs[-1]
    assert (last.first, last.second, last.kappa) == ("eager (recorded)", "copy (recorded)", 1.0)
    assert last.both_wrong > 2 * last.expected
    assert len(list(found.lines())) == 1 + 3 + 2 + 3


def test_a_teacher_as_good_as_people_may_replace_one(project: Project) -> None:
    found = compare_teachers(variants(project, [], ["eager"]), annotators=["ann", "bob", "cleo"])
    good, eager = found.candidates
    assert good.replacement is not None
    assert eager.replacement is not None
    assert good.replacement.passes
    assert not eager.replacement.passes
    assert found.to_json()["teachers"][0]["replacement"]["annotators"][0]["annotator"] == "ann"


def test_one_annotator_is_not_enough(project: Project) -> None:
    with pytest.raises(UserError, match="at least two people"):
        compare_teachers(variants(project, [], ["eager"]), annotators=["ann"])


@pytest.mark.parametrize(("models", "columns"), [([], []), (["gpt"], [])])
def test_nobody_to_compare_with_is_said(project: Project, models: list[str], columns: list[str]) -> None:
    with pytest.raises(UserError):
        variants(project, models, columns)
