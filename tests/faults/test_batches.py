"""Batches under attack, by the number of the fault: B-05 to B-12, with both providers."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from batch_runs import (
    CREATION,
    EXPECTED,
    KEY,
    NONCE,
    ONE_REPLY_USD,
    PROVIDERS,
    TASK,
    Dead,
    Dying,
    QuickClock,
    annotate,
    both,
    by_number,
    documents,
    in_journal,
    number_labels,
    outcomes,
    second_time,
    stopped,
    teacher_for,
)
from fakebatches import Script, serving_batches

from understudy.errors import BudgetSpent, UserError
from understudy.journal import Journal
from understudy.prompts import PLAINLY
from understudy.records import BatchState, Document, Outcome, Request
from understudy.settings import DataSettings, TeacherSettings
from understudy.teacher import LanguageModelTeacher, PromptPlan, Scripted
from understudy.teacher.batch_service import Capacity
from understudy.teacher.identity import canonical


@both
def test_batch_answers_all_first_questions_for_half_the_price_and_no_single_call(path, kind):
    with serving_batches(Script(by_number, looks=3)) as fake:
        annotations = annotate(fake, path, 12, kind)
        assert number_labels(annotations) == EXPECTED
        assert (len(fake.charged), fake.single) == (12, [])
        assert sum(a.cost_usd for a in annotations.values()) == pytest.approx(12 * ONE_REPLY_USD)
        assert number_labels(annotate(fake, path, 12, kind, batch=False)) == EXPECTED
        assert (fake.n_calls(CREATION), fake.single) == (1, [])
    batches, counts, spent_usd = in_journal(path)
    assert [(batch.state, batch.provider_id) for batch in batches] == [(BatchState.COMPLETED, "batch_0")]
    assert (counts["replies"], counts["failures"]) == (12, 0)
    assert spent_usd == pytest.approx(12 * ONE_REPLY_USD)


@both
def test_batch_asks_nothing_that_single_calls_have_answered(path, kind):
    with serving_batches(Script(by_number)) as fake:
        annotate(fake, path, 5, kind, batch=False)
        assert number_labels(annotate(fake, path, 12, kind)) == EXPECTED
        assert (len(fake.single), len(fake.charged)) == (5, 7)


def test_batch_holds_every_repetition_and_repairs_are_single_calls(path):
    with serving_batches(Script(lambda question: "no label" if "is not" not in question else "pos")) as fake:
        annotations = annotate(fake, path, 2, replicates=3, temperature=0.7)
        assert len(fake.charged) == 6
        assert len(fake.single) == 6
    assert all(a.n_asked == 3 for a in annotations.values())


@both
def test_b05_killed_between_handing_over_and_storing_the_id_no_batch_is_made_twice(path, kind):
    code = f"""
import os, signal, sys
sys.path[:0] = {[str(Path(__file__).parents[1])]!r}
from batch_runs import Journal, documents, teacher_for
from pathlib import Path
class Fatal:
    def __init__(self, journal): self.journal = journal
    def __getattr__(self, name): return getattr(self.journal, name)
    def note_batch(self, *arguments): os.kill(os.getpid(), signal.SIGKILL)
class Fake: url = sys.argv[1]
with Journal.open(Path(sys.argv[2])) as journal:
    list(teacher_for(Fake, journal, sys.argv[3], store=Fatal(journal)).annotate(documents(12)))
"""
    with serving_batches(Script(by_number)) as fake:
        killed = subprocess.run([sys.executable, "-c", code, fake.url, path, kind], capture_output=True, text=True)
        assert killed.returncode == -9, killed.stderr
        assert in_journal(path)[0][0].state is BatchState.INTENDED
        assert number_labels(annotate(fake, path, 12, kind)) == EXPECTED
        assert (fake.n_calls(CREATION), len(fake.charged), fake.single) == (1, 12, [])
    assert in_journal(path)[2] == pytest.approx(12 * ONE_REPLY_USD)


@both
def test_b05_an_answer_lost_on_the_way_is_no_second_batch(path, kind):
    with serving_batches(Script(by_number, lose_create=1)) as fake:
        assert number_labels(annotate(fake, path, 12, kind)) == EXPECTED
        assert (fake.n_calls(CREATION), len(fake.charged)) == (1, 12)


@both
def test_b05_a_batch_that_never_arrived_is_handed_over_again(path, kind):
    with serving_batches(Script(by_number, create_failures=[(503, "{}"), (429, "{}")])) as fake:
        assert number_labels(annotate(fake, path, 12, kind)) == EXPECTED
        assert (fake.n_calls(CREATION), len(fake.charged), fake.single) == (3, 12, [])
    assert len(in_journal(path)[0]) == 1


def test_b05_intended_but_never_sent_before_a_kill_costs_nothing(path):
    with serving_batches(Script(by_number)) as fake:
        with Journal.open(path) as journal, pytest.raises(Dying):
            list(teacher_for(fake, journal, store=Dead(journal, after="begin_batch")).annotate(documents(12)))
        assert number_labels(annotate(fake, path, 12)) == EXPECTED
        assert (fake.n_calls(CREATION), len(fake.charged)) == (1, 12)
    batches, _, spent_usd = in_journal(path)
    assert [batch.state for batch in batches] == [BatchState.NOT_SENT, BatchState.COMPLETED]
    assert spent_usd == pytest.approx(12 * ONE_REPLY_USD)


@both
def test_b06_of_an_expired_batch_paid_replies_are_kept_and_only_the_rest_is_sent_again(path, kind):
    script = Script(by_number, ends="expired", fates={f"text {i}\n": "expired" for i in range(4)})
    with serving_batches(script) as fake:
        second_time(fake, fates={}, ends="completed")
        assert number_labels(annotate(fake, path, 12, kind)) == EXPECTED
        assert [len(batch.requests) for batch in fake.batches.values()] == [12, 4]
        assert (len(fake.charged), len(set(fake.charged)), fake.single) == (12, 12, [])
    batches, counts, spent_usd = in_journal(path)
    assert [batch.state for batch in batches] == [BatchState.EXPIRED, BatchState.COMPLETED]
    assert (counts["replies"], counts["failures"]) == (12, 4)
    assert spent_usd == pytest.approx(12 * ONE_REPLY_USD)


@both
def test_b06_a_batch_cancelled_elsewhere_stops_the_run_and_keeps_what_is_paid(path, kind):
    script = Script(by_number, ends="cancelled", fates={"text 3\n": "canceled", "text 7\n": "canceled"})
    with serving_batches(script) as fake:
        error = stopped(fake, path, 12, kind)
        assert "was cancelled; 10 of 12 requests were answered, and are kept" in error.message
        script.ends, script.fates = "completed", {}
        assert number_labels(annotate(fake, path, 12, kind)) == EXPECTED
        assert (len(fake.charged), fake.single) == (12, [])
    assert in_journal(path)[2] == pytest.approx(12 * ONE_REPLY_USD)


def test_b06_a_failed_batch_stops_the_run_with_the_providers_words_and_costs_nothing(path):
    script = Script(by_number, ends="failed", errors=[{"code": "token_limit_exceeded", "message": "Too much enqueued"}])
    with serving_batches(script) as fake:
        error = stopped(fake, path, 12)
    assert "failed (failed: Too much enqueued); 0 of 12" in error.message
    batches, counts, spent_usd = in_journal(path)
    assert [batch.state for batch in batches] == [BatchState.FAILED]
    assert (counts["replies"], counts["failures"], spent_usd) == (0, 12, 0.0)


@both
def test_b06_errors_of_single_requests_hurt_nobody_else(path, kind):
    script = Script(by_number, fates={"text 3\n": "error 400 the prompt is too long: maximum context"})
    with serving_batches(script) as fake:
        annotations = annotate(fake, path, 12, kind)
        assert number_labels(annotations) == EXPECTED
        assert (fake.n_calls(CREATION), len(fake.single)) == (1, 1)


def test_b06_a_provider_that_knows_no_schemas_is_asked_plainly_in_the_next_batch(path):
    script = Script(by_number, fates={"text": "error 400 response_format json_schema is not supported"})
    with serving_batches(script) as fake:
        second_time(fake, fates={})
        wording = replace(PLAINLY, is_structured=True)
        assert number_labels(annotate(fake, path, 12, wording=wording)) == EXPECTED
        bodies = [next(iter(batch.requests.values())) for batch in fake.batches.values()]
        assert ["response_format" in body for body in bodies] == [True, False]
        assert fake.single == []


def test_b06_batches_that_bring_nothing_again_and_again_end_the_run(path):
    with serving_batches(Script(ends="expired", fates={"text": "expired"})) as fake:
        error = stopped(fake, path, 3)
        assert "3 batches in a row brought no reply" in error.message
        assert fake.n_calls(CREATION) == 3


def shuffled(lines):
    random.Random(0).shuffle(lines)
    return lines


@both
def test_b07_replies_are_matched_by_id_never_by_order(path, kind):
    with serving_batches(Script(by_number, spoil=shuffled)) as fake:
        assert number_labels(annotate(fake, path, 12, kind)) == EXPECTED
        assert fake.single == []


def spoilt(lines):
    """Shuffled; one doubled, one missing, one of nobody, one contradicting another, a torn one, a blank one."""
    first, second, third, *others, last = shuffled(lines)
    unknown = json.dumps(json.loads(first) | {"custom_id": "0" * 64})
    other = json.dumps(json.loads(second) | {"custom_id": json.loads(third)["custom_id"]}).replace("fake-1", "fake-2")
    return [first, first, second, other, "", third, *others[1:], unknown, last[:40]]


@both
def test_b07_doubled_missing_unknown_and_torn_lines_are_told_and_never_trusted(path, kind):
    script = Script(by_number, spoil=spoilt)
    with serving_batches(script) as fake:
        second_time(fake, spoil=lambda lines: lines)
        told = []
        annotations = annotate(fake, path, 12, kind, watch=lambda activity: told.append(activity.remarks))
        assert number_labels(annotations) == EXPECTED
        # the missing one, the contradicted one and the torn one
        assert [len(batch.requests) for batch in fake.batches.values()] == [12, 3]
    (remark,) = told[-1]
    assert "results of 1 unknown requests, ignored" in remark
    assert "several results for 2 requests, contradictory and not used for 1" in remark
    assert "1 unreadable lines; no result for 2 requests" in remark
    assert in_journal(path)[1]["replies"] == 12


def test_b07_a_separator_inside_a_reply_is_not_the_end_of_a_line(path):
    def written_out(lines):
        return [json.dumps(json.loads(line), ensure_ascii=False) for line in lines]

    with serving_batches(Script(lambda question: "pos\u2028", spoil=written_out)) as fake:
        assert set(outcomes(annotate(fake, path, 3))) == {Outcome.LABELLED}
        assert fake.n_calls(CREATION) == 1


def test_b08_equal_texts_are_one_request_and_every_id_in_a_batch_is_different(path):
    with serving_batches(Script()) as fake:  # the fake refuses a batch with an id that stands in it twice
        annotations = annotate(fake, path, ["text 1", "text 1", "text 2"])
        assert len(fake.charged) == 2
    assert set(outcomes(annotations)) == {Outcome.LABELLED}


@both
def test_b09_looks_that_fail_for_an_hour_are_repeated_and_nothing_is_handed_over_again(path, kind):
    failures = [(500, "{}"), (200, "not JSON"), (200, "{}"), (429, "{}"), (200, '{"status": "odd"}')] * 8
    clock = QuickClock()
    with serving_batches(Script(by_number, look_failures=failures)) as fake:
        assert number_labels(annotate(fake, path, 12, kind, clock=clock)) == EXPECTED
        assert (fake.n_calls(CREATION), fake.single) == (1, [])
    # 5 s, half as long again each time, then two minutes each
    assert clock.slept[:3] == [5.0, 7.5, 11.25]
    assert max(clock.slept) == 120.0
    assert sum(clock.slept) > 3600


class Left(Exception):
    """Stands for Ctrl-C."""


def leave(activity):
    if "in progress" in activity.batches:
        raise Left


@both
def test_b10_stopping_leaves_the_batch_and_the_next_run_takes_its_replies(path, kind):
    with serving_batches(Script(by_number, looks=10**9)) as fake:
        with pytest.raises(Left):
            annotate(fake, path, 12, kind, watch=leave)
        ((batch,), _, spent_usd) = in_journal(path)
        assert batch.state is BatchState.SUBMITTED
        assert spent_usd == pytest.approx(batch.at_most_usd)  # set aside
        fake.script.looks = 0
        # also without new batches nothing is asked one by one that a batch was given
        assert number_labels(annotate(fake, path, 12, kind, batch=False)) == EXPECTED
        assert (fake.n_calls(CREATION), fake.single) == (1, [])


def test_b10_other_texts_do_not_wait_for_an_open_batch(path):
    with serving_batches(Script(by_number, looks=10**9)) as fake:
        with pytest.raises(Left):
            annotate(fake, path, 12, watch=leave)
        others = annotate(fake, path, ["text 100", "text 101"], batch=False)
        assert number_labels(others) == ["pos", "neg"]
        assert len(fake.single) == 2


@both
def test_b11_batches_of_another_project_under_the_same_key_are_left_alone(path, tmp_path, kind):
    with serving_batches(Script(by_number, looks=2)) as fake:
        annotate(fake, tmp_path / "other.sqlite", [f"text {i}" for i in range(12, 24)], kind)
        fake.script.lose_create = 1
        assert number_labels(annotate(fake, path, 12, kind)) == EXPECTED
        assert fake.n_calls(CREATION) == 2
        assert fake.n_calls(r".*cancel") == 0
    assert [batch.state for batch in in_journal(path)[0]] == [BatchState.COMPLETED]


def test_b11_a_batch_of_somebody_else_that_looks_like_a_lost_one_is_not_taken(path, tmp_path):
    with serving_batches(Script(by_number)) as fake:
        annotate(fake, tmp_path / "other.sqlite", [f"text {i}" for i in range(12, 24)], "anthropic")
        fake.script.create_failures = [(503, "{}")]  # ours never arrives, but theirs has as many requests
        assert number_labels(annotate(fake, path, 12, "anthropic")) == EXPECTED
        assert (len(fake.batches), fake.single) == (2, [])


@both
def test_b12_a_batch_unknown_under_this_key_is_explained_and_not_handed_over_again(path, kind):
    with serving_batches(Script(by_number, looks=10**9)) as fake:
        with pytest.raises(Left):
            annotate(fake, path, 12, kind, watch=leave)
        fake.batches.clear()
        error = stopped(fake, path, 12, kind)
        assert "unknown under this key" in error.message
        assert "--cancel-batches" in error.hint
        assert (fake.n_calls(CREATION), fake.single) == (1, [])


def test_the_budget_is_set_aside_for_a_whole_batch_and_what_does_not_fit_waits_for_the_next(path):
    with serving_batches(Script(by_number)) as fake:
        annotate(fake, path, 12)
        at_most_usd = in_journal(path)[0][0].at_most_usd / 12
        other = path.with_name("other.sqlite")
        budget_usd = 5.5 * at_most_usd
        annotations = annotate(fake, other, 6, budget_usd=budget_usd)
        assert len(annotations) == 6
    batches, _, spent_usd = in_journal(other)
    assert [len(batch.request_keys) for batch in batches] == [5, 1]
    assert spent_usd <= budget_usd
    assert all(batch.at_most_usd <= budget_usd for batch in batches)


def test_a_budget_for_no_request_at_all_stops_before_anything_is_handed_over(path):
    with serving_batches(Script(by_number)) as fake, Journal.open(path) as journal:
        with pytest.raises(BudgetSpent):
            list(teacher_for(fake, journal, budget_usd=0.0).annotate(documents(3)))
        assert fake.calls == []


@both
def test_what_is_too_large_for_one_batch_is_split(path, kind, monkeypatch):
    with serving_batches(Script(by_number)) as fake, Journal.open(path) as journal:
        service = PROVIDERS[kind](fake.url, "m", KEY).batches()
        monkeypatch.setattr(type(service), "capacity", Capacity(5, 200_000_000))
        list(teacher_for(fake, journal, kind).annotate(documents(12)))
        assert [len(batch.requests) for batch in fake.batches.values()] == [5, 5, 2]
        size = len(service.entry(_request(fake.batches["batch_0"])).encode())
        monkeypatch.setattr(type(service), "capacity", Capacity(50_000, 3 * size + 10))
        more = [Document(f"e{i}", f"text {i}") for i in range(20, 27)]
        list(teacher_for(fake, journal, kind).annotate(more))
        assert [len(batch.requests) for batch in fake.batches.values()][3:] == [3, 3, 1]


def _request(batch):
    key, body = next(iter(batch.requests.items()))
    return Request(key, "d", 0, 0, "m", canonical(body))


def test_a_provider_without_batches_is_refused_before_anything_is_asked(path):
    with Journal.open(path) as journal:
        plan = PromptPlan(NONCE, lambda some: [()] * len(some))
        settings = TeacherSettings(kind="gemini", model="m")
        rng = np.random.default_rng(0)
        teacher = LanguageModelTeacher(TASK, Scripted(["pos"]), journal, plan, settings, DataSettings(), rng)
        with pytest.raises(UserError, match="takes no batches"):
            teacher.use_batches(journal, is_submitting=True)


def test_the_key_stands_in_no_file(path):
    with serving_batches(Script(by_number)) as fake:
        annotate(fake, path, 3)
        assert not any(KEY in content for content in fake.files.values())
    assert not any(KEY.encode() in file.read_bytes() for file in path.parent.iterdir())


def test_what_is_paid_for_is_delivered_before_a_spent_budget_stops_the_run(path):
    with serving_batches(Script(by_number)) as fake, Journal.open(path) as journal:
        list(teacher_for(fake, journal).annotate(documents(1)))
        budget_usd = journal.spent_usd() + 2.5 * journal.batches()[0].at_most_usd
        finished = []
        with pytest.raises(BudgetSpent):
            finished.extend(teacher_for(fake, journal, budget_usd=budget_usd).annotate(documents(200)))
        assert journal.spent_usd() <= budget_usd
        n_paid = journal.counts()["replies"]
    assert 2 < n_paid < 200
    assert len(finished) == n_paid


def test_b05_two_lost_batches_of_one_size_find_their_own_results(path):
    with serving_batches(Script(by_number)) as fake:
        for start in (0, 12):  # both arrive, and both ids are lost
            _hand_over_and_lose_the_id(fake, path, [f"text {i}" for i in range(start, start + 12)])
        fake.batches = dict(sorted(fake.batches.items(), reverse=True))  # the wrong one is tried first
        assert number_labels(annotate(fake, path, [f"text {i}" for i in range(24)], "anthropic")) == EXPECTED * 2
        assert (fake.n_calls(CREATION), len(fake.charged), fake.single) == (2, 24, [])


def _hand_over_and_lose_the_id(fake, path, texts):
    asked = [Document(text, text) for text in texts]
    with Journal.open(path) as journal, pytest.raises(Dying):
        list(teacher_for(fake, journal, "anthropic", store=Dead(journal, before="note_batch")).annotate(asked))


@both
def test_p12_a_server_that_cannot_be_reached_ends_the_run_at_once_and_costs_nothing(path, kind):
    class Nobody:
        url = "http://127.0.0.1:1/v1"

    clock = QuickClock()
    error = stopped(Nobody, path, 3, kind, clock=clock)
    assert "cannot be reached" in error.message
    assert clock.slept == []
    batches, _, spent_usd = in_journal(path)
    assert ([batch.state for batch in batches], spent_usd) == ([BatchState.NOT_SENT], 0.0)


def test_p07_an_endpoint_without_batches_says_what_to_set(path):
    with serving_batches() as fake:

        class Elsewhere:
            url = fake.url.replace("/v1", "/v2")

        error = stopped(Elsewhere, path, 3)
    assert "teacher.batch = false" in error.hint
    assert in_journal(path)[2] == 0.0
