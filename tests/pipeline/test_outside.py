from __future__ import annotations

import json

import numpy as np
import pytest
from command_line import called
from recorded_project import ONE_TEACHER, write_project

from understudy import Project
from understudy.errors import UserError
from understudy.pipeline.evidence.outside import look_outside

TABLES = f"""
{ONE_TEACHER}
[student]
kind = "tfidf-linear"
"""
WORDS = {"home": ("nasty", "lovely"), "abroad": ("grausam", "herrlich"), "moon": ("bad", "good")}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Abroad other words are used; on the moon the teacher guesses."""
    folder, rng = tmp_path_factory.mktemp("outside"), np.random.default_rng(0)
    rows = []
    for i in range(900):
        place, rude = ("home", "abroad", "moon")[rng.integers(3)], rng.random() < 0.5
        says = rude if place != "moon" else rng.random() < 0.5
        text = f"a {WORDS[place][0 if rude else 1]} thing number {i}"
        role = ("demo", "dev", "test")[min(i // 25, 2)]
        rows.append({"id": str(i), "text": text, "place": place, "label": "rude" if rude else "kind",
                     "teacher": "rude" if says else "kind", "role": role})  # fmt: skip
    data = 'role = "role"\nmeta = ["place"]'
    write_project(folder, rows[:400], rows[400:], labels=("rude", "kind"), data=data, tables=TABLES)
    opened = Project.open(folder)
    opened.annotate()
    return opened


def test_whether_student_or_teacher_fails_elsewhere(project):
    found = {each.group: each for each in look_outside(project, "place").groups}
    assert set(found) == {"home", "abroad", "moon"}
    assert found["abroad"].student_fails
    assert found["abroad"].share_everywhere > 0.9
    assert found["abroad"].teacher == 1.0
    assert not found["abroad"].teacher_fails
    assert found["moon"].teacher_fails
    assert found["moon"].n_train == sum(d.meta["place"] != "moon" for d in project.candidates)


def test_the_command_prints_verdicts(project, capsys):
    ended = called(capsys, "audit", project.folder, "--outside", "place", "--json")
    assert ended.code == 1
    assert {each["group"] for each in json.loads(ended.out)["groups"]} == {"home", "abroad", "moon"}
    assert called(capsys, "audit", project.folder).code == 2


def test_an_undeclared_column_is_refused(project):
    with pytest.raises(UserError, match="`colour` is not kept"):
        look_outside(project, "colour")
