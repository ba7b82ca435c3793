"""Status, resume, backup, planned against actual, and what is said when the project has changed (cases R-08, R-24)."""

import json
import sqlite3
import subprocess
import sys

import pytest
from fakellm import label_of, ok, serving
from small_project import SmallProject

from understudy.errors import BudgetSpent, StoreError
from understudy.journal import Journal, holder
from understudy.pipeline.changes import _flat
from understudy.records import Outcome


def answer(call):
    return ok(label_of(call.question, ["pos", "neg"]))


class Heard:
    def __init__(self):
        self.said = []

    def say(self, message):
        self.said.append(message)

    def progress(self, what, done, total, detail=""):
        pass


@pytest.fixture
def project(tmp_path, tiny_bert):
    small = SmallProject(tmp_path / "project", tiny_bert, codebook='positive = "pos"')
    with serving(answer) as server:
        small.use_model(server.url)
        small.server = server
        yield small


def test_status_before_and_after_asking(project):
    before = project.open().status()
    assert (before.n_left, before.account, before.outcomes) == (before.n_documents, None, {})
    assert before.next_command == f"understudy run {project.folder}"
    project.open().annotate()
    after = project.open().status()
    n = len(project.server.calls)
    assert after.n_left == 0
    assert after.outcomes == {Outcome.LABELLED: after.n_documents}
    assert after.spent_usd == pytest.approx(n * 110e-6)  # 100 tokens at 1 and 5 at 2 USD a million
    assert after.next_command == f"understudy resume {project.folder}"
    assert json.loads(json.dumps(after.to_json()))["left"] == 0
    assert any(f"calls: {n}" in line for line in after.lines())


def test_b04_planned_stands_beside_actual_and_an_interrupted_plan_is_not_counted_twice(project):
    project.settings["teacher.budget_usd"] = "0.002"
    with pytest.raises(BudgetSpent):
        project.open().annotate()
    n_before = len(project.server.calls)
    del project.settings["teacher.budget_usd"]
    found = project.open()
    found.annotate()
    account = found.status().account
    assert 0 < n_before < account.used.n_replies == len(project.server.calls)
    assert account.planned_calls == account.used.n_replies
    assert account.planned_calls_at_most == 2 * account.planned_calls
    assert account.used.cost_usd == pytest.approx(account.used.n_replies * 110e-6)
    assert account.planned_usd < account.planned_usd_at_most
    assert account.price.startswith("$1 in, $2 out")


def test_b04_the_plan_of_texts_in_order_of_length_is_within_a_fifth(tmp_path, tiny_bert):
    small = SmallProject(tmp_path / "project", tiny_bert, codebook='positive = "pos"', n_pool=200)
    for i, row in enumerate(small.pool):
        row["text"] = f"number {i} " + "very good film " * (1 + i)
    small.write()
    with serving(lambda call: ok("pos", usage=(sum(len(m["content"]) for m in call.body["messages"]) // 4, 1))) as fake:
        small.use_model(fake.url)
        small.settings["prompt.demonstrations"] = "none"
        project = small.open()
        plan = project.plan()
        project.annotate()
        actual = project.status().account.used
    assert plan.prompt_tokens == pytest.approx(actual.prompt_tokens, rel=0.2)
    assert plan.n_calls == actual.n_replies
    assert plan.cost_usd_at_most >= actual.cost_usd


def test_r08_a_changed_codebook_is_said_and_old_labels_are_kept(project):
    project.open().annotate()
    n = len(project.server.calls)
    heard = Heard()
    project.write_settings(definition="The text shows")
    project.open(heard).annotate()
    (said,) = [line for line in heard.said if line.startswith("changed since")]
    assert "codebook.labels.pos.definition" in said
    assert "The text says so" in said
    assert "The text shows" in said
    assert len(project.server.calls) == 2 * n
    project.write_settings()
    project.open(heard).annotate()
    assert len(project.server.calls) == 2 * n, "the old labels are there when the old codebook comes back"


def test_r08_settings_that_answers_do_not_depend_on_are_no_change(project):
    project.open().annotate()
    n = len(project.server.calls)
    project.settings |= {"teacher.concurrency": "2", "teacher.budget_usd": "9", "teacher.requests_per_minute": "60000"}
    assert project.open().status().changes == ()
    project.settings["teacher.model"] = "fake-2"
    assert project.open().status().changes == ('teacher.model: "fake-1" -> "fake-2"',)
    assert len(project.server.calls) == n


def test_labels_are_compared_by_name():
    before = dict(_flat({"labels": [{"name": "b", "d": 1}]}))
    after = dict(_flat({"labels": [{"name": "a", "d": 2}, {"name": "b", "d": 1}]}))
    assert {name for name in before | after if before.get(name) != after.get(name)} == {"labels (order)", "labels.a.d"}


HOLD = """
import sys
from pathlib import Path
from understudy.journal import Journal
journal = Journal.open(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_status_names_the_process_at_work_and_works_beside_it(project):
    project.open().annotate()
    path = project.open().journal_path
    assert holder(path) == ""
    process = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=-1, stdout=-1, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        found = project.open().status()
        assert found.running.startswith(f"process {process.pid} on ")
        assert found.lines()[-1].startswith("running: ")
    finally:
        process.kill()
        process.communicate()
    assert project.open().status().running == ""


def test_r24_a_backup_made_while_writing_restores_identically_and_a_plain_copy_does_not(project, tmp_path):
    project.open().annotate()
    path = project.open().journal_path
    with Journal.open(path) as journal:
        journal.remember("last", "words").result()
        project.open().backup(tmp_path / "copy.sqlite")
        plain = tmp_path / "plain.sqlite"
        plain.write_bytes(path.read_bytes())
    assert contents(tmp_path / "copy.sqlite") == contents(path)
    assert ("last", "words") not in contents(plain), "what stands in the write-ahead log is missing from a plain copy"


def contents(path):
    connection = sqlite3.connect(path)
    try:
        return [row for table in ("meta", "requests", "replies", "annotations") for row in connection.execute(
            f"select * from {table} order by 1")]  # fmt: skip
    finally:
        connection.close()


def test_r24_a_backup_overwrites_nothing_and_says_where_it_went(project, tmp_path):
    with pytest.raises(StoreError, match="no journal"):
        project.open().backup(tmp_path / "copy.sqlite")
    project.open().annotate()
    assert project.open().backup(tmp_path) == tmp_path / "journal.sqlite"
    with pytest.raises(StoreError, match="exists"):
        project.open().backup(tmp_path)
    with pytest.raises(StoreError, match="no folder"):
        project.open().backup(tmp_path / "nowhere" / "copy.sqlite")


def test_r09_only_new_and_edited_rows_are_asked_and_removed_ones_stay_stored(project):
    project.settings["prompt.demonstrations"] = "none"
    project.open().annotate()
    n = len(project.server.calls)
    removed, edited, *rest = project.pool
    edited["text"] += " once more"
    project.pool = [*reversed(rest), edited, {"id": "new", "text": "a new text number 5000", "label": "pos"}]
    project.write()
    project.open().annotate()
    asked = [call.question for call in project.server.calls[n:]]
    assert len(asked) == 2
    assert sorted(text in question for question in asked for text in ("once more", "number 5000")) == [
        False, False, True, True,
    ]  # fmt: skip
    with Journal.open(project.open().journal_path, read_only=True) as journal:
        stored = {row[0] for row in journal._read("select document_id from annotations")}
    assert removed["id"] in stored
