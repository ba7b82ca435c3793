"""Texts that a scripted model writes: paid once, kept apart from gold, learned from, within the budget."""

import json
import re
from itertools import count

import pytest
from fakellm import ok, serving, status
from small_project import SmallProject

from understudy.errors import BudgetSpent, UserError
from understudy.pipeline import Project, create_project
from understudy.pipeline.arms import plan_arms
from understudy.pipeline.writing import EXAMPLES, REPEATED, write_texts, written_texts
from understudy.prompts.writing import NOT_JSON
from understudy.records import Role, Span


class Writer:
    """Answers a request to write with `line(number)` so many times, anything else with a label."""

    def __init__(self, line):
        self.line, self.numbers, self.calls = line, count(), []

    def __call__(self, call):
        asked = re.search(r"Write (\d+) (more|of them)", call.question)
        if asked is None:
            return ok("pos" if re.search("good|great|fine|lovely", call.question.split("number")[0]) else "neg")
        self.calls.append(call)
        return ok("\n".join(self.line(next(self.numbers)) for _ in range(int(asked[1]))))


def as_json(**fields):
    return json.dumps(fields, ensure_ascii=False)


def a_film(number):
    word, label = (("lovely", "pos"), ("nasty", "neg"))[number % 2]
    return as_json(text=f"the film was {word} take {number}", label=label)


@pytest.fixture
def writer():
    return Writer(a_film)


@pytest.fixture
def project(tmp_path, tiny_bert, writer):
    with serving(writer) as server:
        small = SmallProject(tmp_path / "project", tiny_bert, codebook='positive = "pos"')
        small.use_model(server.url)
        small.settings |= {
            "teacher.structured": "off",
            "prompt.demonstrations": '"none"',
            "trust.enabled": "false",
            "student.seeds": "1",
            "arms.zerogen": "[10, 25]",
            "arms.fewgen": "[10]",
        }
        yield small


def test_a_run_has_an_arm_for_each_size_and_pays_once(project, writer):
    found = project.open().run().data
    arms = {arm.name: arm for arm in found.arms}
    assert {"zerogen-10", "zerogen-25", "fewgen-10"} <= arms.keys()
    assert arms["zerogen-25"].n_labels == 25
    assert arms["zerogen-25"].human_labels == 0
    # 3 calls of 100 prompt tokens at 1 and 5 answer tokens at 2 USD a million, 25 of the 30 lines wanted
    assert arms["zerogen-25"].cost_usd == pytest.approx(3 * 110e-6)
    assert arms["zerogen-10"].cost_usd == pytest.approx(3 * 110e-6 * 10 / 25)
    assert len(writer.calls) == 3 + 1
    again = project.open().run().data
    assert len(writer.calls) == 4
    assert [str(arm.scores.headline) for arm in again.arms] == [str(arm.scores.headline) for arm in found.arms]


def test_the_plan_counts_what_is_left_to_write(project):
    opened = project.open()
    plan = opened.plan()
    # 25 texts in 3 calls without examples, 10 in 1 call with; answers of about 60 tokens at 2 USD a million
    assert (plan.n_texts_to_write, plan.n_writing_calls) == (35, 4)
    assert any("35 texts to have written" in line for line in plan.lines(with_prompt=False))
    project.settings["arms.zerogen"] = project.settings["arms.fewgen"] = "[]"
    without = project.open().plan()
    assert plan.cost_usd - without.cost_usd > 35 * 60 * 2e-6
    # every call may be needed three times, with an answer of 2,000 tokens
    assert plan.cost_usd_at_most - without.cost_usd_at_most > 3 * 4 * 2000 * 2e-6
    project.settings |= {"arms.zerogen": "[10, 25]", "arms.fewgen": "[10]"}
    write_texts(opened)
    assert project.open().plan() == without


def test_what_is_written_says_by_whom_and_takes_no_gold_role(project):
    opened = project.open()
    write_texts(opened)
    texts = written_texts(opened, "zerogen").documents
    gold = {document.id for role in Role for document in opened.gold_of(role)}
    assert not gold & {document.id for document in texts}
    assert {document.meta["written_by"] for document in texts} == {"fake-1"}
    rows = [json.loads(line) for line in (project.folder / "written" / "zerogen.jsonl").read_text().splitlines()]
    assert [(row["id"], row["text"], row["label"]) for row in rows] == [
        (document.id, document.text, document.value) for document in texts
    ]
    assert rows[0]["written_by"] == "fake-1"


def test_zerogen_sees_no_gold_and_fewgen_sees_demo_alone(project, writer):
    opened = project.open()
    write_texts(opened)
    demo = {document.text for document in opened.gold_of(Role.DEMO)}
    others = {document.text for role in (Role.DEV, Role.TEST) for document in opened.gold_of(role)} - demo
    shown = [
        {json.loads(line)["text"] for line in call.question.splitlines() if line.startswith("{")}
        for call in writer.calls
    ]
    assert [len(texts) for texts in shown] == [0, 0, 0, EXAMPLES]
    assert shown[-1] <= demo
    assert not any(text in call.raw for call in writer.calls for text in others)


def test_repeats_gold_texts_and_rubbish_are_dropped_and_more_is_asked_for(project, writer):
    opened = project.open()
    gold = opened.gold_of(Role.TEST)[0].text
    lines = {0: as_json(text=gold, label="pos"), 1: a_film(7), 2: "Sure, here are more:"}
    writer.line = lambda number: lines.get(number, a_film(number))
    write_texts(opened)
    found = written_texts(opened, "zerogen")
    assert len(found.documents) == 25
    assert gold not in {document.text for document in found.documents}
    assert found.dropped == {REPEATED: 2, NOT_JSON: 1}  # the gold text, and film 7 told twice


def test_the_budget_holds_and_what_was_paid_is_kept(project, writer):
    project.settings["teacher.budget_usd"] = (
        "0.0053"  # a call of FewGen, whose prompt is longer, may cost more than is left
    )
    opened = project.open()
    with pytest.raises(BudgetSpent):
        write_texts(opened)
    n_paid = len(writer.calls)
    assert 0 < n_paid < 4
    assert opened.spent_usd() <= 0.0053
    project.settings["teacher.budget_usd"] = "1.0"
    write_texts(project.open())
    assert len(writer.calls) == 4


def test_a_call_that_fails_for_good_costs_its_texts_and_not_the_run(tmp_path, tiny_bert, writer):
    def script(call):
        return (
            status(422)
            if "Write" in call.question and len(writer.calls) == 0 and not failed.append(1)
            else writer(call)
        )

    failed: list[int] = []
    with serving(lambda call: script(call) if not failed else writer(call)) as server:
        small = SmallProject(tmp_path / "project", tiny_bert)
        small.use_model(server.url)
        small.settings |= {"arms.zerogen": "[25]", "teacher.concurrency": "1"}
        opened = small.open()
        write_texts(opened)
    assert len(failed) == 1
    assert len(written_texts(opened, "zerogen").documents) == 25


def test_who_cannot_write_is_refused_before_anything_is_asked(project):
    project.settings["teacher.kind"] = '"nearest-definition"'
    with pytest.raises(UserError, match="cannot write"):
        project.open().annotate()


def test_fewgen_does_not_show_what_is_to_be_masked(project, writer):
    project.settings["prompt.mask"] = '["email"]'
    with pytest.raises(UserError, match="mask"):
        write_texts(project.open())
    assert len(writer.calls) == 3  # zerogen shows nothing


SPANS = {
    "entities": lambda n: as_json(text=f"Kim {n} called.", entities=[{"name": f"Kim {n}", "type": "person"}]),
    "relations": lambda n: as_json(text=f"Kim {n} runs Salt.", subject=f"Kim {n}", object="Salt", relation="founded"),
}


@pytest.mark.parametrize("kind", SPANS)
def test_spans_and_relations_are_written_too(kind, tmp_path):
    create_project(tmp_path / kind, kind)
    with serving(Writer(SPANS[kind])) as server:
        settings = {
            "teacher.kind": "openai", "teacher.model": "fake-1", "teacher.base_url": server.url,
            "arms.zerogen": "[4]", "arms.fewgen": "[4]", "arms.human": "[]",
        }  # fmt: skip
        opened = Project.open(tmp_path / kind, settings)
        write_texts(opened)
    first = written_texts(opened, "fewgen").documents[0]
    name = first.text.rsplit(" ", 2)[0] if kind == "relations" else first.text.removesuffix(" called.")
    if kind == "relations":
        assert (first.value, first.head, first.tail.text) == ("founded", Span(0, len(name), "", name), "Salt")
    else:
        assert first.value == (Span(0, len(name), "person", name),)
    arms = {arm.name: arm for arm in plan_arms(opened)}
    assert arms["zerogen-4"].source.documents == written_texts(opened, "zerogen").documents
