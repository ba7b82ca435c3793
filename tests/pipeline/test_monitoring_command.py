from __future__ import annotations

import csv
import json

import pytest
from command_line import called
from fakellm import ok, serving, status
from small_project import SmallProject, text_about

from understudy.errors import TeacherError, UserError
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.evidence.monitoring import canaries_of, monitor
from understudy.records import Role


class Changeable:
    """Knows the answer to every text until it is told to answer one label."""

    def __init__(self):
        self.always = ""

    def __call__(self, call):
        is_good = any(word in call.question for word in ("good", "great", "fine", "lovely"))
        return ok(self.always or ("pos" if is_good else "neg"))


@pytest.fixture
def small(tmp_path, tiny_bert):
    found = SmallProject(tmp_path / "project", tiny_bert, n_gold=80)
    found.settings |= {"prompt.demonstrations": '"none"'}
    return found


def new_texts(small, values, n=60):
    path = small.folder / "new.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [{"id": f"n{i}", "text": text_about([values[i % len(values)]], i + 500)} for i in range(n)]
        writer = csv.DictWriter(file, ["id", "text"])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_canaries_are_really_asked_again_and_the_old_answers_stay(small):
    teacher = Changeable()
    with serving(teacher) as server:
        small.use_model(server.url)
        project = small.open()
        project.validate()
        before, n_calls = stored_annotations(project), len(server.calls)
        canaries = canaries_of(project)
        first = monitor(project, canaries)
        assert len(server.calls) == n_calls + len(canaries)
        second = monitor(project, canaries_of(project))
    assert [document.id for document in canaries] == list(second.canaries)
    assert {project.ledger.role_of(document.id) for document in canaries} == {Role.DEV}
    assert (first.number, second.number) == (1, 2)
    assert (first.teacher_drift.n, first.teacher_drift.flips) == (24, 0.0)
    assert second.teacher_drift.level == first.teacher_drift.level / 4
    assert second.teacher_drift.usual_flips == 0.0  # of the first look
    assert not first.has_findings
    assert stored_annotations(project) == before
    assert len(second.earlier) == 1
    assert "look 1 at fake-1: 24 canaries" in list(second.lines())[-1]


def test_a_changed_teacher_alarms(small, capsys):
    teacher = Changeable()
    with serving(teacher) as server:
        small.use_model(server.url)
        small.open().validate()
        teacher.always = "pos"
        ended = called(capsys, "monitor", small.folder, *small.arguments, "--json", "--yes")
    found = json.loads(ended.out)
    assert ended.code == 1
    assert "cost: $" in ended.err
    assert (found["canaries"]["n_lost"], found["canaries"]["n_won"]) == (12, 0)
    # Exact McNemar of 12 to 0: 2 * 0.5**12.
    assert found["canaries"]["p_value"] == pytest.approx(2 * 0.5**12)
    assert found["is_alarm"]


def test_an_interrupted_look_goes_on_with_what_it_has(small):
    teacher, n_answers = Changeable(), 1000
    script = lambda call: teacher(call) if call.number < n_answers else status(401)  # noqa: E731
    with serving(script) as server:
        small.use_model(server.url)
        project = small.open()
        project.validate()
        canaries = canaries_of(project)
        n_answers = len(server.calls) + 10
        with pytest.raises(TeacherError):
            monitor(project, canaries)
        n_answers = 1000
        n_calls = len(server.calls)
        found = monitor(project, canaries)
        assert len(server.calls) - n_calls < len(canaries)
    assert (found.number, found.teacher_drift.n) == (1, 24)


def test_without_a_teacher_to_ask_only_new_texts_are_looked_at(small, capsys):
    small.write_recorded({row["id"]: row["label"] for row in (*small.gold, *small.pool)})
    project = small.open()
    project.annotate()
    assert canaries_of(project) == []
    with pytest.raises(UserError, match="nothing to look at"):
        monitor(project, [])
    project.train()
    same = monitor(project, [], new_texts(small, ["pos", "neg"]))
    assert not same.texts.drift.is_alarm
    assert same.texts.student
    assert same.texts.shift.index < 0.2
    assert 0.5 <= same.texts.accuracy.value <= 1
    ended = called(
        capsys, "monitor", small.folder, *small.arguments, "--texts", new_texts(small, ["pos"]), "--canaries", "5"
    )
    assert ended.code == 1
    assert "ALARM" in ended.out
    assert "1 earlier looks" in ended.out


def test_too_few_new_texts_are_refused(small):
    small.write_recorded({row["id"]: row["label"] for row in (*small.gold, *small.pool)})
    with pytest.raises(UserError, match="3 texts"):
        monitor(small.open(), [], new_texts(small, ["pos"], 3))
