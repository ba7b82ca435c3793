"""The projects that ship with the package: clean, and what their READMEs say."""

import pytest

from understudy.errors import UserError
from understudy.pipeline import Project, copy_demo_project
from understudy.records import Role


def test_the_notices_are_clean_and_as_many_as_is_said(tmp_path):
    copy_demo_project(tmp_path / "demo", "entities")
    project = Project.open(tmp_path / "demo")
    assert {remark.level for remark in project.check()} <= {"ok", "note"}
    assert (len(project.pool), len(project.gold), len(project.gold_of(Role.DEMO))) == (150, 150, 60)
    assert len(project.candidates) == 150
    quotes = [(document.text[span.start : span.end], span.text) for document in project.gold for span in document.value]
    assert len(quotes) > 200
    assert all(there == said for there, said in quotes)
    assert {span.label for document in project.gold for span in document.value} == set(project.task.labels)
    assert any(document.value == () for document in project.gold)


def test_one_demo_does_not_take_the_place_of_the_other(tmp_path):
    copy_demo_project(tmp_path / "demo", "entities")
    copy_demo_project(tmp_path / "demo", "entities")
    with pytest.raises(UserError, match="another project"):
        copy_demo_project(tmp_path / "demo")
