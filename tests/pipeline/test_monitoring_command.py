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
from understudy.pipeline.evidence.period import read_period
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
    other = small.folder / "other.csv"
    other.write_text("id,text\n" + "".join(f"o{i},{'0 ' * 40}{i % 10}\n" for i in range(60)), encoding="utf-8")
    ended = called(capsys, "monitor", small.folder, *small.arguments, "--texts", other, "--canaries", "5")
    assert ended.code == 1
    assert "ALARM" in ended.out
    assert "1 earlier looks" in ended.out


def a_period(small, n_gold=40, n=120, label=lambda value: value, teacher=None):
    """Files of a period's texts and of its gold, whose labels may have come to mean something else."""
    texts = new_texts(small, ["pos", "neg"], n)
    with texts.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    gold = small.folder / "gold-may.csv"
    with gold.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "label", *([] if teacher is None else ["teacher"])])
        writer.writeheader()
        for i, row in enumerate(rows[:n_gold]):
            value = ("pos", "neg")[i % 2]
            said = {} if teacher is None else {"teacher": teacher(value)}
            writer.writerow({**row, "label": label(value), **said})
    return texts, gold


def test_a_period_is_judged_by_gold_and_stands_in_the_history(small, capsys):
    small.write_recorded({row["id"]: row["label"] for row in (*small.gold, *small.pool)})
    project = small.open()
    project.annotate()
    project.train()
    project.evaluate()
    texts, gold = a_period(small, teacher=lambda value: value)
    told = called(capsys, "monitor", small.folder, *small.arguments, "--texts", texts, "--gold", gold, "--json")
    found = json.loads(told.out)["period"]
    assert (found["n_gold"], found["n_rest"]) == (40, 80)
    assert found["teacher_quality"]["accuracy"]["value"] == 1.0
    assert found["student_quality"]["n_before"] == len(project.gold_of(Role.TEST))
    assert not found["is_alarm"]
    share = found["shares"][0]
    assert share["label"] == "pos"
    assert abs(share["estimate"]["value"] - 0.5) < 0.2
    turned, gold = a_period(small, label={"pos": "neg", "neg": "pos"}.get)
    ended = called(capsys, "monitor", small.folder, *small.arguments, "--texts", turned, "--gold", gold)
    assert ended.code == 1
    assert "ALARM: worse than before" in ended.out
    assert "period gold-may of 40 gold texts" in ended.out  # the look before
    assert "gpt-0 is right" not in ended.out  # no recorded answers in this file
    fine, alarming = project.evaluate().data.looks
    assert (fine.is_alarm, alarming.is_alarm) == (False, True)
    assert alarming.parts[1].startswith("period gold-may of 40 gold texts: ")


def test_a_model_is_asked_about_the_gold_of_a_period_once(small):
    with serving(Changeable()) as server:
        small.use_model(server.url)
        project = small.open()
        project.validate()
        project.annotate()
        project.train()
        project.evaluate()
        stored = stored_annotations(project)
        texts, gold = a_period(small, n_gold=32)
        period = read_period(project, gold, texts)
        n_calls = len(server.calls)
        found = monitor(project, [], texts, period)
        again = monitor(project, [], texts, period)
        assert len(server.calls) == n_calls + 32
        silent = monitor(project, [], texts, period, asks_teacher=False)
    assert found.period.teacher_quality.accuracy.gold_only.value == 1.0
    assert found.period.teacher_quality.n_before > 0
    assert again.period.student_quality.level == found.period.student_quality.level / 4
    assert silent.period.teacher_quality is None
    assert stored_annotations(project) == stored


def test_without_a_student_no_period_is_judged_and_nothing_is_asked(small):
    with serving(Changeable()) as server:
        small.use_model(server.url)
        project = small.open()
        project.validate()
        texts, gold = a_period(small)
        n_calls = len(server.calls)
        with pytest.raises(UserError):
            monitor(project, canaries_of(project), texts, read_period(project, gold, texts))
        assert len(server.calls) == n_calls


def test_a_sample_for_people_is_drawn_by_lot(small, capsys):
    texts = new_texts(small, ["pos", "neg"], 100)
    sample = small.folder / "sample.csv"
    arguments = ("monitor", small.folder, *small.arguments, "--texts", texts, "--draw", "30", "--to", sample)
    assert called(capsys, *arguments).code == 0
    with sample.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == 30
    assert {row["label"] for row in rows} == {""}
    numbers = [int(row["id"][1:]) for row in rows]
    assert numbers == sorted(numbers)
    assert 20 < sum(numbers) / 30 < 80  # not the first ones
    with sample.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "label"])
        writer.writeheader()
        writer.writerows(row | {"label": "pos"} for row in rows)
    assert len(read_period(small.open(), sample, texts).gold) == 30
    again = called(capsys, *arguments)
    assert again.code == 2
    assert "exists" in again.err
    assert called(capsys, "monitor", small.folder, *small.arguments, "--draw", "30").code == 2


def test_gold_that_is_no_part_of_the_period_or_too_little_is_refused(small):
    small.write_recorded({row["id"]: row["label"] for row in (*small.gold, *small.pool)})
    texts, gold = a_period(small, n_gold=20)
    with pytest.raises(UserError, match="20 labelled texts"):
        read_period(small.open(), gold, texts)
    with pytest.raises(UserError, match=r"not in new\.csv with the same text"):
        read_period(small.open(), small.folder / "gold.csv", texts)


def test_too_few_new_texts_are_refused(small):
    small.write_recorded({row["id"]: row["label"] for row in (*small.gold, *small.pool)})
    with pytest.raises(UserError, match="3 texts"):
        monitor(small.open(), [], new_texts(small, ["pos"], 3))
