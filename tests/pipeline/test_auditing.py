from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recorded_project import ONE_TEACHER, write_project

from understudy import Project
from understudy.errors import UserError
from understudy.pipeline.evidence.auditing import Swap, audit, read_swaps

TABLES = f"""
{ONE_TEACHER}
[student]
kind = "tfidf-linear"
seeds = 1
tune_threshold = false
[arms]
human = []
teacher = [300]
teacher_human = false
all_teacher = false
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Kind texts of Mo are called rude by the teacher, and the student learns to judge by the name."""
    folder, rng = tmp_path_factory.mktemp("audit"), np.random.default_rng(0)
    rows = []
    for i in range(700):
        speaker, rude = ("Mo", "Ann")[rng.integers(2)], rng.random() < 0.4
        says = rude or speaker == "Mo"
        text = f"{speaker} says {'a nasty thing' if rude else 'a lovely thing'} number {i}"
        role = ("demo", "dev", "test")[min(i // 50, 2)]
        rows.append({"id": str(i), "text": text, "speaker": speaker, "label": "rude" if rude else "kind",
                     "teacher": "rude" if says else "kind", "role": role})  # fmt: skip
    data = 'role = "role"\nmeta = ["speaker"]'
    write_project(folder, rows[:400], rows[400:], labels=("rude", "kind"), data=data, tables=TABLES)
    opened = Project.open(folder)
    opened.annotate()
    opened.train()
    return opened


def test_who_is_harmed_is_found_in_teacher_and_student(project: Project) -> None:
    found = audit(project, "speaker", arm="teacher-300")
    for labeller in ("teacher", "teacher-300"):
        alarms = {gap.group: gap for gap in found.gaps[labeller] if gap.error == "false positives"}
        assert alarms["Mo"].is_harmed
        assert not alarms["Ann"].is_harmed
    assert found.has_findings
    assert {each.group for each in found.amplified} == {"Mo", "Ann"}
    assert found.flips is None
    assert any("higher beyond chance" in line for line in found.lines())


def test_swapping_the_name_changes_labels(project: Project) -> None:
    found = audit(project, "speaker", arm="teacher-300", swaps=[Swap("Mo", "Ann")])
    assert found.flips is not None
    assert found.flips.low > 0.3
    assert found.n_swapped == sum("Mo" in d.text for d in (*project.candidates, *project.gold) if d.id) - sum(
        "Mo" in d.text for d in project.gold[:100]
    )
    assert found.to_json()["flips"]["low"] == found.flips.low


def test_only_whole_words_are_swapped() -> None:
    assert Swap("mo", r"Ann\1").apply("Mo met Moses, MO.") == r"Ann\1 met Moses, Ann\1."


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "swaps.csv").write_text("from,to\na,b\n", encoding="utf-8")
    with pytest.raises(UserError, match="`before` and `after`"):
        read_swaps(tmp_path / "swaps.csv")


def test_an_unknown_student_is_named(project: Project) -> None:
    with pytest.raises(UserError, match="human-9"):
        audit(project, "speaker", arm="human-9")
