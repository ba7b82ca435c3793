"""Files: whole or not at all, replaced by the next run, nothing of an earlier one left standing."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from understudy.errors import UserError
from understudy.report import write_report


@pytest.fixture(scope="module")
def small(six_labels):
    """Few figures: what is written matters here, not what is drawn."""
    teacher = replace(six_labels.teacher, consistency=())
    return replace(six_labels, arms=six_labels.arms[:1], recommended=None, teacher=teacher)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_page_numbers_and_figures_stand_where_it_says(small, tmp_path):
    files = write_report(small, tmp_path / "reports", "report")
    assert files.html == tmp_path / "reports" / "report.html"
    assert json.loads(files.json.read_text(encoding="utf-8"))["task"] == "marlow-quay"
    assert [path.name for path in files.figures][:2] == ["arms.svg", "differences.svg"]
    assert all(path.read_text(encoding="utf-8").startswith("<?xml") for path in files.figures)
    assert len(names(tmp_path)) == 2 + len(files.figures)


def test_a_second_run_gives_the_same_bytes_and_leaves_no_stale_figure(small, tmp_path):
    first = write_report(small, tmp_path, "report")
    before = first.html.read_bytes()
    mine = tmp_path / "report-figures" / "my-own.svg"
    mine.write_text("<svg/>", encoding="utf-8")
    write_report(replace(small, comparisons=()), tmp_path, "report")
    assert not (tmp_path / "report-figures" / "differences.svg").exists()
    assert mine.exists()
    assert write_report(small, tmp_path, "report").html.read_bytes() == before


def test_an_interrupted_write_leaves_the_old_page(small, tmp_path, monkeypatch):
    files = write_report(small, tmp_path, "report")
    before = files.html.read_bytes()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError, match="No space left on device"):
        write_report(replace(small, project="other"), tmp_path, "report")
    assert files.html.read_bytes() == before
    assert not [name for name in names(tmp_path) if name.endswith(".tmp")]


def test_a_folder_that_is_a_file_is_a_user_error(small, tmp_path):
    (tmp_path / "reports").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be written"):
        write_report(small, tmp_path / "reports", "report")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/a"])
def test_names_stay_in_the_folder(small, tmp_path, name):
    with pytest.raises(ValueError, match="plain file name"):
        write_report(small, tmp_path, name)


def test_figures_follow_the_name(small, tmp_path):
    files = write_report(replace(small, comparisons=()), tmp_path, "März 2026")
    assert files.figures[0].parent == tmp_path / "März 2026-figures"
    assert "März 2026-figures/arms.svg" in Path(files.html).read_text(encoding="utf-8")
