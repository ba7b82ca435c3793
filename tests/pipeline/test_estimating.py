from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from recorded_project import ONE_TEACHER, write_project, write_rows

from understudy import Project
from understudy.errors import UserError
from understudy.pipeline.evidence.contrasting import Questions
from understudy.pipeline.evidence.declared import declared_estimates


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 pool and 400 test texts; yes is as frequent in both parties, but the teacher errs on party A only."""
    folder, rng = tmp_path_factory.mktemp("annotated"), np.random.default_rng(0)
    rows = []
    for i in range(2000):
        party, truth = "AB"[rng.integers(2)], rng.random() < 0.3
        says = truth or (party == "A" and rng.random() < 0.4)
        words = ("yes" if truth else "no", "yes" if says else "no")
        role = ("demo", "dev", "test")[min(i // 50, 2)]
        age = str(rng.integers(20, 80))
        rows.append({"id": str(i), "text": f"text number {i}", "label": words[0], "teacher": words[1],
                     "party": party, "age": age, "role": role})  # fmt: skip
    pool = [row | {"label": "", "role": ""} for row in rows[500:]]
    write_project(folder, rows[:500], pool, data='role = "role"\nmeta = ["party", "age"]', tables=ONE_TEACHER)
    Project.open(folder).annotate()
    return folder


@pytest.fixture
def project(annotated: Path, tmp_path: Path) -> Project:
    return Project.open(shutil.copytree(annotated, tmp_path / "project"))


def test_shares_are_corrected_and_the_naive_one_stands_beside(project: Project) -> None:
    found = project.estimate(Questions()).shares
    assert [each.label for each in found] == ["yes"]
    share = found[0].share
    assert not share.estimate.interval.excludes(0.3)
    assert share.naive.interval.excludes(0.3)
    assert share.estimate.interval.half_width < share.gold_only.interval.half_width
    assert share.estimate.n_gold == 450  # dev and test; demo may have been shown to the teacher


def test_a_difference_that_only_the_teacher_sees_is_overturned(project: Project) -> None:
    found = project.estimate(Questions(by="party"))
    (contrast,) = found.contrasts
    assert contrast.naive.p_value < 0.001
    assert not contrast.corrected.interval.excludes(0.0)
    assert contrast.is_overturned
    assert {each.group for each in found.shares} == {"", "A", "B"}
    assert any("another conclusion" in line for line in found.lines())


@pytest.mark.parametrize("method", ["ppi", "dsl"])
@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_regressions_are_corrected_too(project: Project, kind: str, method: str) -> None:
    questions = Questions(regress=("party", "age"), kind=kind, method=method)  # type: ignore[arg-type]
    party, age = project.estimate(questions).contrasts
    assert party.what.startswith("party = ")
    assert party.naive.p_value < 0.001 <= party.p_value
    assert age.what == "age"
    assert not age.corrected.interval.excludes(0.0)


def test_too_little_gold_is_refused_in_words(project: Project) -> None:
    with (project.folder / "gold.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    write_rows(project.folder / "gold.csv", rows[:130])
    (project.folder / "journal.sqlite").unlink()
    small = Project.open(project.folder)
    small.annotate()
    (contrast,) = small.estimate(Questions(regress=("age",))).contrasts
    assert "80 gold texts" in contrast.refusal
    assert contrast.gold_only is None
    assert contrast.line().count("refused") == 1


def test_declared_estimates_reach_the_report_and_what_cannot_be_made_says_why(project: Project) -> None:
    settings = project.folder / "understudy.toml"
    declared = """
[[estimates]]
by = "party"
regress = ["age"]
method = "dsl"
[[estimates]]
labels = "teacher-250"
"""
    settings.write_text(settings.read_text(encoding="utf-8") + declared, encoding="utf-8")
    made, refused = declared_estimates(Project.open(project.folder))
    assert made.command == "understudy estimate --labels teacher --by party --regress age --method dsl"
    assert (made.n_gold, made.n_machine) == (450, 1500)
    assert [row.what for row in made.shares] == ["yes", "yes in A", "yes in B"]
    party, age = made.contrasts
    assert party.is_overturned
    # The naive difference is about 0.4 * 0.7; nothing is there in truth.
    assert party.naive.value > 0.2
    assert abs(party.gold_only.value) < 0.15
    assert party.gold_only.standard_error > party.corrected.standard_error
    assert age.corrected.interval.method == "DSL"
    assert "no labeller `teacher-250`" in refused.refusal
    assert not refused.shares


def test_a_column_that_was_not_kept_is_named_with_the_remedy(project: Project) -> None:
    with pytest.raises(UserError, match="income") as caught:
        project.estimate(Questions(by="income"))
    assert 'meta = ["party", "age", "income"]' in caught.value.hint


def test_too_many_groups_are_refused(project: Project) -> None:
    with pytest.raises(UserError, match="at most 20"):
        project.estimate(Questions(by="age"))


def test_an_unknown_labeller_or_label_is_named(project: Project) -> None:
    with pytest.raises(UserError, match="teachr"):
        project.estimate(Questions(), labeller="teachr")
    with pytest.raises(UserError, match="yess"):
        project.estimate(Questions(), label="yess")
