"""The model's side under attack: cases P-01 to P-28, as far as single calls show them."""

import asyncio
import json
import re
import socket
import time

import pytest
from fakellm import close_after, completion, delay, drip, hang, ok, once, raw, refuse, serving, status, truncate
from single_runs import KEY, FastClock, annotate, by_text, documents, in_turn, outcomes, stopped, teacher_for

from understudy.journal import Journal
from understudy.records import Document, Outcome
from understudy.teacher import Anthropic, Gemini, OpenAICompatible


def test_p01_retry_after_closes_the_gate_for_every_call(path):
    with serving(in_turn(status(429, Retry_After="1.5"), ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 12, concurrency=4)
    assert set(outcomes(annotations)) == {Outcome.LABELLED}
    first, *others = [call.at for call in fake.calls]
    # the other three workers may have sent their first call already; nobody sends another one
    assert len([at for at in others if at < first + 1.5]) <= 3
    assert len(fake.calls) == 13


def test_p02_storm_of_rate_limits_is_weathered_with_few_calls(path):
    ends = time.monotonic() + 2.0
    with serving(lambda call: ok("pos") if call.at > ends else status(429)) as fake:
        annotations = annotate(fake.url, path, 64, concurrency=32)
    assert set(outcomes(annotations)) == {Outcome.LABELLED}
    n_refused = sum(call.at <= ends for call in fake.calls)
    # 32 at first; then one episode each after 0.5, 1 and 2 s, in which few slip through before the gate closes
    assert n_refused <= 32 + 3 * 16


@pytest.mark.parametrize(
    "value", ["0", "-10", "inf", "nan", "", "rubbish", "Fri, 29 Sep 100000 10:00:00 GMT", "Wed, 21 Oct 2015 07:28:00"]
)
def test_p03_odd_retry_after_never_hurts(path, value):
    with serving(in_turn(status(429, Retry_After=value), ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 1)
    assert outcomes(annotations) == [Outcome.LABELLED]


@pytest.mark.parametrize("value", ["999999", "Fri, 31 Dec 2100 23:59:59 GMT", "11h"])
def test_p03_endless_retry_after_stops_the_run_with_a_message(path, value):
    with serving(in_turn(status(429, Retry_After=value))) as fake:
        error = stopped(fake.url, path)
    assert "asks to wait" in error.message
    assert error.exit_code == 4


@pytest.mark.parametrize(
    ("number", "body"),
    [
        (429, '{"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}'),
        (400, '{"error": {"message": "Your credit balance is too low to access the API"}}'),
        (402, "{}"),
    ],
)
def test_p04_no_credit_stops_at_once(path, number, body):
    with serving(in_turn(status(number, body))) as fake:
        error = stopped(fake.url, path, concurrency=1)
    assert "billing" in error.hint
    assert len(fake.calls) == 1


@pytest.mark.parametrize("number", [401, 403])
def test_p05_bad_key_stops_before_the_second_call(path, number):
    with serving(in_turn(status(number, json.dumps({"error": {"message": f"bad key {KEY}"}})))) as fake:
        error = stopped(fake.url, path, concurrency=1)
    assert len(fake.calls) == 1
    assert KEY not in f"{error.message}{error.hint}"
    assert "api_key_env" in error.hint


def test_p06_key_revoked_in_mid_run_keeps_what_is_paid(path):
    with serving(lambda call: ok("pos") if call.number < 10 else status(401)) as fake:
        stopped(fake.url, path, n=20, concurrency=2)
        n_billed = fake.n_billed
        fake.script = in_turn(ok("pos"))
        annotations = annotate(fake.url, path, 20, concurrency=2, key="sk-another-key")
    assert n_billed == 10
    assert fake.n_billed == 20
    assert set(outcomes(annotations)) == {Outcome.LABELLED}


NO_MODEL = '{"error": {"message": "the model does not exist", "code": "model_not_found"}}'


@pytest.mark.parametrize("number", [404, 400])
def test_p07_unknown_model_fails_fast_and_close_names_are_suggested(path, number):
    with serving(in_turn(status(number, NO_MODEL))) as fake:
        fake.listed = json.dumps({"data": [{"id": name} for name in ("tiny-chat-2", "tiny-chat-1", "embedder", 7)]})
        error = stopped(fake.url, path, concurrency=1, model="tiny-chat")
        assert fake.looked == ["/v1/models"]
    assert len(fake.calls) == 1
    assert "does not exist" in error.message
    assert "teacher.model" in error.hint
    (meant,) = re.findall("Did you mean (.*), which the endpoint offers", error.hint)
    assert set(meant.split(" or ")) == {"`tiny-chat-1`", "`tiny-chat-2`"}
    assert error.exit_code == 4
    with Journal.open(path) as journal:
        assert (journal.spent_usd(), journal.counts()["replies"]) == (0.0, 0)


def test_p07_many_workers_ask_for_the_list_once_and_send_nothing_meanwhile(path):
    with serving(in_turn(status(404, NO_MODEL))) as fake:
        fake.listed = json.dumps({"data": [{"id": "quite-another"}]})
        error = stopped(fake.url, path, n=200, concurrency=8)
        assert len(fake.looked) == 1
        assert len(fake.calls) <= 8 + 2
    assert "The endpoint offers `quite-another`." in error.hint


@pytest.mark.parametrize("listed", [None, "", "no JSON", "[]", '{"data": 7}'])
def test_p07_without_a_list_the_table_of_prices_is_asked(path, listed):
    with serving(in_turn(status(404, NO_MODEL))) as fake:
        fake.listed = listed
        error = stopped(fake.url, path, concurrency=1, model="gpt-4o-minni")
        assert "`gpt-4o-mini`" in error.hint
        assert "there are prices for" in error.hint
        assert "Did you mean" not in stopped(fake.url, path, concurrency=1, model="gpt-4o-mini").hint


@pytest.mark.parametrize(
    ("kind", "listed", "address"),
    [
        (OpenAICompatible, {"data": [{"id": "m-1"}]}, "/v1/models"),
        (Anthropic, {"data": [{"id": "m-1", "type": "model"}]}, "/v1/models?limit=1000"),
        (Gemini, {"models": [{"name": "models/m-1"}]}, "/v1/models?pageSize=1000"),
    ],
)
def test_p07_every_provider_lists_its_models_with_the_key(kind, listed, address):
    with serving(in_turn(ok("pos"))) as fake:
        fake.listed = json.dumps(listed)
        assert asyncio.run(kind(fake.url, "m", KEY).models()) == ["m-1"]
        assert fake.looked == [address]


def test_p08_too_long_for_the_model_fails_one_document_at_once(path):
    long = status(400, '{"error": {"code": "context_length_exceeded", "message": "maximum context"}}')
    with serving(by_text({"text 1": long}, ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 3)
    assert outcomes(annotations) == [Outcome.LABELLED, Outcome.FAILED, Outcome.LABELLED]
    assert "too long" in annotations["d1"].reason
    assert len(fake.calls) == 3


def test_p09_one_broken_document_fails_after_the_allowed_attempts(path):
    with serving(by_text({"text 1": status(500)}, ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 4, clock=FastClock(), max_attempts=5)
    assert outcomes(annotations) == [Outcome.LABELLED, Outcome.FAILED, Outcome.LABELLED, Outcome.LABELLED]
    assert len(fake.calls) == 3 + 5
    assert annotations["d1"].value is None
    assert annotations["d1"].cost_usd == 0.0


def test_p09_when_every_document_fails_alike_the_run_stops(path):
    with serving(in_turn(status(500, '{"error": {"message": "kaputt"}}'))) as fake:
        error = stopped(fake.url, path, n=500, clock=FastClock(), max_attempts=2)
    assert "10 calls in a row failed alike" in error.message
    assert "kaputt" in error.message
    assert len(fake.calls) < 50


def test_p10_outage_is_waited_out(path):
    ends = time.monotonic() + 1.2
    with serving(lambda call: ok("pos") if call.at > ends else status(503)) as fake:
        annotations = annotate(fake.url, path, 20, concurrency=8)
    assert set(outcomes(annotations)) == {Outcome.LABELLED}


def test_p10_after_a_second_refusal_calls_probe_one_by_one(path):
    ends = time.monotonic() + 2.0
    with serving(lambda call: delay(0.05, ok("pos")) if call.at > ends else status(503)) as fake:
        annotations = annotate(fake.url, path, 40, concurrency=16)
    assert set(outcomes(annotations)) == {Outcome.LABELLED}
    refused = [call.at for call in fake.calls if call.at <= ends]
    assert len([at for at in refused if at > refused[0] + 0.45]) <= 8 + 4  # half at 0.5 s, single ones later
    assert len([at for at in refused if at > refused[0] + 1.45]) <= 1


def test_p01_complaints_narrow_the_calls_in_flight_and_successes_widen_them(path):
    with serving(lambda call: status(429) if call.number == 8 else delay(0.02, ok("pos"))) as fake:
        with Journal.open(path) as journal:
            teacher = teacher_for(fake.url, journal, concurrency=8)
            seen = []
            for number, _ in enumerate(teacher.annotate(documents(300))):
                if number == 150:
                    seen.append(fake.n_open)
                    fake.peak = 0
        assert fake.peak >= 7  # by then 4 places have grown to 8 again
    assert seen[0] <= 8


def test_requests_per_minute_are_kept(path):
    with serving(in_turn(ok("pos"))) as fake:
        annotate(fake.url, path, 12, concurrency=8, requests_per_minute=600)
    at = [call.at for call in fake.calls]
    assert at[-1] - at[0] >= 11 * 0.1 - 0.05  # one every 0.1 s
    assert max(sum(start <= each < start + 0.5 for each in at) for start in at) <= 6


def test_tokens_per_minute_are_kept_by_what_calls_really_used(path):
    with serving(in_turn(ok("pos", usage=(90, 10)))) as fake:
        annotate(fake.url, path, 11, concurrency=1, tokens_per_minute=60_000)
    at = [call.at for call in fake.calls]
    assert at[-1] - at[0] >= 10 * 0.1 - 0.05  # 100 tokens a call at 1,000 a second


@pytest.mark.parametrize("number", [408, 409, 425, 429, 500, 502, 503, 504, 520, 524, 529, 599])
def test_p11_transient_statuses_are_tried_again(path, number):
    with serving(in_turn(status(number), ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 1, clock=FastClock())
    assert outcomes(annotations) == [Outcome.LABELLED]
    assert len(fake.calls) == 2


@pytest.mark.parametrize("number", [301, 302, 307, 308])
def test_p11_redirects_are_not_followed_with_the_key(path, number):
    with serving(in_turn(ok("pos"))) as elsewhere, serving(in_turn(status(number, Location=elsewhere.url))) as fake:
        error = stopped(fake.url, path)
    assert elsewhere.calls == []
    assert "redirects" in error.hint


def test_p12_nobody_there_is_said_at_once(path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    clock = FastClock()
    error = stopped(url, path, clock=clock)
    assert "cannot be reached" in error.message
    assert "server running" in error.hint
    assert clock.slept == []
    with Journal.open(path) as journal:
        assert journal.counts()["replies"] == 0


def test_p12_unknown_host_is_said_at_once(path):
    assert "cannot be reached" in stopped("http://no-such-host.invalid/v1", path).message


def test_p13_hanging_server_costs_timeout_times_attempts(path):
    with serving(by_text({"text 0": hang()}, ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 2, timeout_s=0.3, max_attempts=2)
    assert outcomes(annotations) == [Outcome.FAILED, Outcome.LABELLED]
    assert "within 0.3 s" in annotations["d0"].reason
    assert len(fake.calls) == 3


def test_p14_dripping_body_meets_the_deadline_of_the_whole_attempt(path):
    with serving(in_turn(drip(20, completion("pos")), ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 1, timeout_s=0.5)
    assert outcomes(annotations) == [Outcome.LABELLED]
    assert len(fake.calls) == 2


@pytest.mark.parametrize("n_bytes", [0, 60, 120])
def test_p15_broken_connection_is_tried_again_and_counted_as_possibly_billed(path, n_bytes):
    with serving(in_turn(close_after(n_bytes, completion("pos")), ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 1, clock=FastClock(), price_in_usd=1.0, price_out_usd=1.0)
    assert outcomes(annotations) == [Outcome.LABELLED]
    with Journal.open(path) as journal:
        # 100 + 5 tokens at 1 USD a million are settled; the lost call counts at its most
        assert journal.spent_usd() > 105 / 1e6 * 2


@pytest.mark.parametrize(
    "body", ["", "null", "{}", "[]", "<html>Bad gateway</html>", '{"choices": []}', '{"choices": [null]}',
             '{"choices": [{}]}', '{"choices": [{"message": null}]}', '{"choices": {"a": 1}}', "[" * 100_000,
             '{"error": {"message": "overloaded"}}', '{"choices": [{"message": {"content": 7}}]}'],
)  # fmt: skip
def test_p16_odd_envelopes_are_typed_and_asked_again_once(path, body):
    with serving(in_turn(raw(body))) as fake:
        annotations = annotate(fake.url, path, 1)
        assert outcomes(annotations) == [Outcome.UNPARSED]
        assert annotations["d0"].reason
        assert len(fake.calls) == 2
    with Journal.open(path) as journal:
        assert [reply for (reply,) in journal._read("select body from replies")] == [body, body]


def test_p16_good_answer_to_the_repair_counts(path):
    with serving(in_turn(raw("<html>"), ok("neg"))) as fake:
        annotations = annotate(fake.url, path, 1)
    assert annotations["d0"].value == "neg"
    assert len(annotations["d0"].provenance.request_keys) == 2


@pytest.mark.parametrize(
    "action",
    [
        refuse(),
        ok("pos", finish_reason="content_filter"),
        status(400, '{"error": {"code": "content_filter", "message": "filtered by the content management policy"}}'),
    ],
)
def test_p17_refusals_are_final_and_never_a_label(path, action):
    with serving(by_text({"text 0": action}, ok("pos"))) as fake:
        annotations = annotate(fake.url, path, 2)
    assert outcomes(annotations) == [Outcome.REFUSED, Outcome.LABELLED]
    assert annotations["d0"].value is None
    assert annotations["d0"].reason
    assert len(fake.calls) == 2


@pytest.mark.parametrize("text", ['{"label": "po', '{"label": "pos"}', "pos"])
def test_p18_cut_answers_are_invalid_even_where_they_look_whole(path, text):
    with serving(in_turn(truncate(text))) as fake:
        annotations = annotate(fake.url, path, 1)
    assert outcomes(annotations) == [Outcome.UNPARSED]
    assert "max_tokens" in annotations["d0"].reason
    assert [call.body["max_tokens"] for call in fake.calls] == [64, 256]


def test_p18_one_retry_with_more_room_counts(path):
    with serving(in_turn(truncate('{"label": "po'), ok("pos", usage=(10, 100)))) as fake:
        annotations = annotate(fake.url, path, 1, price_in_usd=0.0, price_out_usd=1.0)
    assert annotations["d0"].value == "pos"
    assert annotations["d0"].cost_usd == pytest.approx(105e-6)  # 5 and 100 answer tokens


def test_p18_the_retry_is_reserved_at_its_own_ceiling(path):
    # 64 answer tokens at 1,000 USD a million are 0.064 USD, 256 are 0.256: one cut answer leaves too little for more
    with serving(in_turn(truncate("po"))) as fake:
        stopped(fake.url, path, n=1, price_in_usd=0.0, price_out_usd=1000.0, budget_usd=0.2)
    assert len(fake.calls) == 1


@pytest.mark.parametrize("usage", [None, (0, 0), (-3, -1), ("12", "x"), (None, None), (True, False), (1.5, 2.5)])
def test_p20_odd_usage_is_priced_at_the_most(path, usage):
    with serving(in_turn(ok("pos", usage=usage))) as fake:
        annotations = annotate(fake.url, path, 1, price_in_usd=1.0, price_out_usd=1.0, max_tokens=64)
        prompt = sum(len(message["content"]) + 16 for message in fake.calls[0].body["messages"])
    answer = 0 if usage == (0, 0) else 64
    assert annotations["d0"].cost_usd == pytest.approx((prompt + answer) / 1e6)
    with Journal.open(path) as journal:
        assert journal._read("select prompt_tokens from replies") == [(None,)]


def test_p20_usage_is_priced_as_counted(path):
    with serving(in_turn(ok("pos", usage=(1000, 20)))) as fake:
        annotations = annotate(fake.url, path, 1, price_in_usd=2.0, price_out_usd=10.0)
    assert annotations["d0"].cost_usd == pytest.approx(0.0022)  # 1000 * 2 + 20 * 10 = 2200 per million


def test_p22_the_model_that_answers_is_stored(path):
    with serving(in_turn(ok("pos", model="m-2024-08-06"))) as fake:
        annotations = annotate(fake.url, path, 1)
    assert annotations["d0"].provenance.model == "m-2024-08-06"
    assert annotations["d0"].provenance.teacher == "m"


def test_p23_identical_texts_in_flight_are_one_call_and_paid_once(path):
    with serving(in_turn(delay(0.2, ok("pos")))) as fake:
        annotations = annotate(fake.url, path, ["same", "same", "other"], price_in_usd=1.0, price_out_usd=1.0)
    assert len(fake.calls) == 2
    assert [annotations[f"d{i}"].value for i in range(3)] == ["pos"] * 3
    assert sorted(annotations[f"d{i}"].cost_usd > 0 for i in range(2)) == [False, True]


def test_p23_replicates_are_different_questions(path):
    with serving(in_turn(ok("pos"), ok("neg"), ok("neg"))) as fake:
        annotations = annotate(fake.url, path, ["same", "same"], replicates=3, concurrency=2)
    assert len(fake.calls) == 3
    assert annotations["d0"].value == annotations["d1"].value == "neg"
    assert sorted(annotations["d0"].answers) == ["neg", "neg", "pos"]
    assert annotations["d0"].consistency == pytest.approx(2 / 3)


def test_p23_shared_failure_reaches_every_document(path):
    with serving(in_turn(delay(0.1, status(400)))) as fake:
        annotations = annotate(fake.url, path, ["same", "same"])
    assert outcomes(annotations) == [Outcome.FAILED, Outcome.FAILED]


@pytest.mark.parametrize("change", [{"temperature": 0.7}, {"max_tokens": 65}, {"model": "other"}])
def test_p24_every_change_of_a_parameter_asks_anew_and_nothing_else_does(path, change):
    with serving(in_turn(ok("pos"))) as fake:
        annotate(fake.url, path, 2)
        annotate(fake.url, path, 2, timeout_s=5.0, concurrency=1, max_attempts=9)
        assert len(fake.calls) == 2
        annotate(fake.url, path, 2, **change)
        assert len(fake.calls) == 4


def test_p24_another_address_or_demonstration_asks_anew(path):
    with serving(in_turn(ok("pos"))) as fake, serving(in_turn(ok("neg"))) as other:
        annotate(fake.url, path, 1)
        assert annotate(other.url, path, 1)["d0"].value == "neg"
        annotate(fake.url, path, 1, choose=lambda some: [(Document("x", "shown", "pos"),)] * len(some))
    assert (len(fake.calls), len(other.calls)) == (2, 1)


def test_p25_stored_rubbish_is_read_again_and_never_raises(path):
    with serving(in_turn(ok("pos"))) as fake:
        annotate(fake.url, path, 1, repair=False)
        with Journal.open(path) as journal:
            journal._write("update replies set body = '{\"choi'", [()]).result()
        assert outcomes(annotate(fake.url, path, 1, repair=False)) == [Outcome.UNPARSED]


def test_p28_stragglers_do_not_hold_the_others_up(path):
    straggler = once(lambda: (len(fake.calls), fake.n_open) == (30, 1), delay(0.1, ok("pos")))
    with serving(by_text({"text 0": straggler}, ok("pos"))) as fake, Journal.open(path) as journal:
        order = [a.document_id for a in teacher_for(fake.url, journal, concurrency=2).annotate(documents(30))]
    assert order[-1] == "d0"


def test_concurrency_is_what_was_asked_for(path):
    with serving(in_turn(delay(0.2, ok("pos")))) as fake:
        annotate(fake.url, path, 30, concurrency=6)
    assert fake.peak == 6
