"""Batches as a person meets them: planned, begun, left alone, seen in the status, taken in, cancelled."""

import json
import signal
import subprocess
import time

import pytest
from command_line import PROGRAM, called, environment
from fakebatches import Script, serving_batches
from small_project import SmallProject

from understudy.errors import UserError
from understudy.records import BatchState, Outcome, Role


@pytest.fixture(autouse=True)
def _signals_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def by_words(question):
    return "pos" if any(word in question.split("number")[0] for word in ("good", "great", "fine", "lovely")) else "neg"


@pytest.fixture
def server():
    with serving_batches(Script(by_words, looks=0)) as fake:
        yield fake


@pytest.fixture
def project(tmp_path, tiny_bert, server):
    small = SmallProject(tmp_path / "project", tiny_bert, codebook='positive = "pos"')
    small.use_model(server.url)
    small.settings |= {
        "teacher.batch": "true",
        "teacher.structured": "off",
        "prompt.demonstrations": '"none"',
        "trust.enabled": "false",
    }
    return small


def test_validation_asks_one_by_one_and_the_pool_goes_in_a_batch_at_half_the_price(project, server):
    opened = project.open()
    plan = opened.plan()
    n_single = len([*opened.gold_of(Role.DEV), *opened.gold_of(Role.DEMO)])
    assert plan.n_in_batches == plan.n_documents - n_single
    project.settings["teacher.batch"] = "false"
    at_full_price = project.open().plan()
    # the price of n texts, of which a share costs half
    share = plan.n_in_batches / plan.n_documents
    assert plan.cost_usd == pytest.approx(at_full_price.cost_usd * (1 - share / 2))
    assert plan.cost_usd_at_most < at_full_price.cost_usd_at_most
    assert any("in batches: half the price" in line for line in plan.lines(with_prompt=False))
    opened.validate()
    assert (len(server.single), server.batches) == (n_single, {})
    summary = opened.annotate()
    assert summary.outcomes == {Outcome.LABELLED: plan.n_documents}
    assert len(server.single) == n_single
    assert len(server.charged) == plan.n_documents - n_single
    # 100 tokens at 1 and 5 at 2 USD a million
    assert opened.spent_usd() == pytest.approx((n_single + (plan.n_documents - n_single) / 2) * 110e-6)


def test_what_answers_in_batches_and_what_answers_one_by_one_is_the_same_teacher(project, server):
    project.open().annotate()
    n_charged = len(server.charged)
    project.settings["teacher.batch"] = "false"
    project.open().annotate()
    assert (len(server.charged), server.single) == (n_charged, [])
    assert project.open().status().n_left == 0


def interrupted(project, server):
    """`annotate` as a process that gets Ctrl-C while a batch runs."""
    server.script.looks = 10**9
    command = [*PROGRAM, "annotate", str(project.folder), *project.arguments]
    process = subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=environment())
    while server.n_calls(r"GET /v1/batches/batch_0") == 0 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    return process.returncode, out, err


def test_b10_ctrl_c_says_that_the_batch_goes_on_and_what_can_be_done(project, server, capsys):
    code, out, err = interrupted(project, server)
    words = " ".join(err.split())
    assert (code, out) == (130, "")
    assert "batch batch_0 of" in words
    assert "goes on with the provider, who charges for it" in words
    assert f"understudy resume {project.folder}" in words
    assert "--cancel-batches" in words
    status = project.open().status()
    (batch,) = status.batches
    assert batch.state is BatchState.SUBMITTED
    assert status.spent_usd == pytest.approx(batch.at_most_usd)
    assert any("--cancel-batches" in line for line in status.lines())
    assert json.loads(json.dumps(status.to_json()))["batches"][0]["provider_id"] == "batch_0"
    server.script.looks = 0
    assert called(capsys, "annotate", project.folder, *project.arguments).code == 0
    assert (len(server.batches), server.single) == (1, [])
    assert project.open().status().batches == ()


def test_b10_cancelling_keeps_what_was_answered_and_the_next_run_asks_only_the_rest(project, server, capsys):
    interrupted(project, server)
    server.script.fates = {"number 1001": "cancelled", "number 1003": "cancelled"}
    ended = called(capsys, "annotate", project.folder, "--cancel-batches", *project.arguments)
    n = len(server.batches["batch_0"].requests)
    assert (ended.code, ended.out.strip()) == (
        0,
        f"batch batch_0: cancelled; {n - 2:,} of {n:,} requests were answered, and are kept",
    )
    assert (
        called(capsys, "annotate", project.folder, "--cancel-batches", *project.arguments).out == "no batch is open\n"
    )
    server.script.fates, server.script.looks, server.script.ends = {}, 0, "completed"
    project.open().annotate()
    assert [len(batch.requests) for batch in server.batches.values()] == [n, 2]
    assert server.single == []


def test_b12_a_batch_that_nobody_knows_any_more_can_be_given_up(project, server):
    interrupted(project, server)
    server.batches.clear()
    ((batch, n_replies),) = project.open().cancel_batches().batches
    assert (batch.state, n_replies) == (BatchState.GONE, 0)
    # it may have been charged: what it can have cost at most stays in the books
    assert project.open().spent_usd() == pytest.approx(batch.at_most_usd)


def test_a_teacher_without_batches_is_refused(project, server):
    project.settings |= {"teacher.kind": "gemini", "teacher.api_key_env": "NO_KEY_AT_ALL"}
    with pytest.raises(UserError, match="takes no batches"):
        project.open().annotate()
    assert server.calls == []
