"""Storing annotations: a write that failed is never overlooked, whatever was written after it."""

from concurrent.futures import Future

import pytest

from understudy import Project
from understudy.errors import StoreError
from understudy.journal import Journal
from understudy.pipeline import create_project


@pytest.fixture
def project(tmp_path):
    create_project(tmp_path / "p", "classification")
    return Project.open(tmp_path / "p")


@pytest.mark.parametrize("failing", [0, 4, 9])
def test_a_failed_write_among_good_ones_ends_the_command(project, monkeypatch, failing):
    add, n = Journal.add_annotations, iter(range(100))

    def sometimes(journal, annotations, encode):
        done = add(journal, annotations, encode)
        if next(n) != failing:
            return done
        broken = Future()
        broken.set_exception(StoreError("the disk is full", "Make room."))
        return broken

    monkeypatch.setattr(Journal, "add_annotations", sometimes)
    with pytest.raises(StoreError, match="the disk is full"):
        project.annotate()


def test_good_writes_end_well(project):
    assert sum(project.annotate().outcomes.values()) >= 10
