"""The whole job for spans on a few notices with recorded answers: run, run again, label a file."""

import json

import pytest

from understudy.pipeline import Project, copy_demo_project


def keep(path, n):
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:n]), encoding="utf-8")


@pytest.fixture
def project(tmp_path, tiny_bert):
    folder = tmp_path / "demo"
    copy_demo_project(folder, "entities")
    keep(folder / "gold.jsonl", 40)
    keep(folder / "pool.jsonl", 12)
    gold = [json.loads(line) for line in (folder / "gold.jsonl").read_text(encoding="utf-8").splitlines()]
    answers = {row["id"]: [row["label"], row["label"], row["label"][:1]] for row in gold}
    answers |= {f"p{number:03d}": [[], [], []] for number in range(1, 13)}
    lines = [json.dumps({"id": identifier, "teacher": said}) + "\n" for identifier, said in answers.items()]
    (folder / "recorded.jsonl").write_text("".join(lines), encoding="utf-8")
    settings = {
        "teacher.kind": "recorded", "teacher.model": "gpt-0", "teacher.recorded": '["recorded.jsonl"]',
        "embedding.model": json.dumps(str(tiny_bert)), "student.seeds": "1", "arms.human": "[10]",
        "arms.teacher": "[12]", "arms.all_teacher": "false", "student.linear.c": "[1.0]", "trust.enabled": "false",
    }  # fmt: skip
    return lambda: Project.open(folder, settings)


def test_spans_go_from_recorded_answers_to_a_report_and_into_files(project, tmp_path):
    found = project().run().data
    arms = {arm.name: arm for arm in found.arms}
    direct = arms["teacher-direct"]
    assert direct.scores.headline.f1 == 1.0  # two of three answers are the human's
    assert direct.span_kinds["missed"] == direct.span_kinds["spurious"] == 0
    assert direct.confusion is None
    assert {"human-10", "teacher-12", "teacher+human"} <= arms.keys()
    assert arms["teacher-12"].scores.headline.recall == 0.0  # it learned that there is nothing
    levels = {level.title: (level.n, level.n_right) for level in found.teacher.span_consistency}
    assert levels.keys() == {"1.00", "0.67"}
    assert all(n == n_right > 0 for n, n_right in levels.values())
    assert [level.title for level in found.teacher.consistency] == ["unanimous", "split"]
    assert found.teacher.span_trust is None  # trust is off
    again = project().report().data
    assert [str(arm.scores) for arm in again.arms] == [str(arm.scores) for arm in found.arms]
    project().predict(project().folder / "pool.jsonl", tmp_path / "out.jsonl", student="human-10")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 12
    assert all(row["text"][span["start"] : span["end"]] == span["text"] for row in rows for span in row["label"])
