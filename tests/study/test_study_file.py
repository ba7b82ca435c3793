"""The study file: what it may say and how it complains."""

from pathlib import Path

import pytest

from understudy.errors import UserError
from understudy.study import read_study
from understudy.study.file import as_text

SMALL = """
[study]
name = "small"
data = "sets"
[[tasks]]
set = "one"
[[arms]]
name = "human-10"
[[arms]]
name = "mine"
labels = "teacher-all"
min_consistency = 1.0
settings = { "student.kind" = "tfidf-linear", "student.linear.c" = [1.0, 2.0] }
tasks = ["one"]
[[comparisons]]
a = "human-10"
b = "mine"
published = { f1 = 0.039 }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_with_paths_beside_it(tmp_path):
    study = read_study(written(tmp_path, SMALL))
    assert (study.name, study.data) == ("small", (tmp_path / "sets").resolve())
    assert study.file.tasks[0].title == "one"
    assert [arm.source for arm in study.file.arms] == ["human-10", "teacher-all"]
    assert [arm.needs_teacher for arm in study.file.arms] == [False, True]
    assert study.file.comparisons[0].published == {"f1": 0.039}


def test_a_folder_of_data_given_by_the_caller_is_stronger(tmp_path):
    assert read_study(written(tmp_path, SMALL), tmp_path / "elsewhere").data == tmp_path / "elsewhere"


def test_an_arm_runs_only_on_its_tasks(tmp_path):
    two = SMALL.replace("[[arms]]", '[[tasks]]\nset = "two"\n[[arms]]', 1)
    file = read_study(written(tmp_path, two)).file
    assert [[arm.name for arm in file.arms_of(task)] for task in file.tasks] == [["human-10", "mine"], ["human-10"]]


def test_overrides_become_what_a_project_takes():
    assert as_text({"student.kind": "linear", "student.linear.c": [1.0], "trust.enabled": False}) == {
        "student.kind": '"linear"',
        "student.linear.c": "[1.0]",
        "trust.enabled": "false",
    }


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "min_consistency",
            "min_consistensy",
            r"line 12: unknown setting `arms.1.min_consistensy`. .*`min_consistency`",
        ),
        ('"teacher-all"', '"teachers"', "`teachers` is no kind of labels"),
        ('"teacher-all"', '"human-all"', "`min_consistency` is for teacher-N"),
        ('set = "one"', "", "name either `set` or `project`"),
        ('set = "one"', 'set = "one"\nproject = "x"', "name either `set` or `project`"),
        ('set = "one"', 'project = "x"\ngold = 100', "`gold` and `pool` are for a `set`"),
        ('set = "one"', 'set = "one"\npool = 100', "`pool` needs `gold`"),
        ('name = "mine"', 'name = "human-10"', "the arm `human-10` stands twice"),
        ('tasks = ["one"]', 'tasks = ["won"]', "there is no task `won`"),
        ("[[comparisons]]", '[[distances]]\nstart = "x"\nend = "human-10"\n[[comparisons]]', "there is no arm `x`"),
        ('b = "mine"', 'b = "mien"', "there is no arm `mien`"),
        ("f1 = 0.039", "f2 = 0.039", "f2"),
        ('name = "small"', 'name = "../small"', "study.name"),
        ("[study]", "[study", "not valid TOML"),
        ('data = "sets"', "seeds = []", "study.seeds"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, complaint):
    assert old in SMALL
    with pytest.raises(UserError) as caught:
        read_study(written(tmp_path, SMALL.replace(old, new, 1)))
    import re

    assert re.search(complaint, f"{caught.value.message} {caught.value.hint}", re.DOTALL), caught.value.message


def test_a_missing_file_is_no_traceback(tmp_path):
    with pytest.raises(UserError, match="cannot be read as a study file"):
        read_study(tmp_path / "none.toml")
