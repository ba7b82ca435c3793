import json
from datetime import UTC, datetime

import pytest

from understudy.records import Outcome
from understudy.teacher.provider import Then
from understudy.teacher.providers.statuses import failure, retry_after_s

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Fri, 29 Sep 100000 10:00:00 GMT"}, None),
        ({"retry-after": "-10"}, 0.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 3 "}, 3.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "999999"}, 999999.0),
        ({"retry-after": "1m30s"}, 90.0),
        ({"retry-after": "1h"}, 3600.0),
        ({"retry-after": "250ms"}, 0.25),
        ({"retry-after": "6m0s"}, 360.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 13:00:30 +0100"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_retry_after_in_all_its_shapes(headers, expected):
    assert retry_after_s(headers, NOW) == expected


@pytest.mark.parametrize(
    ("status", "body", "then"),
    [
        (429, "{}", Then.WAIT),
        (429, '{"error": {"message": "Rate limit. Check your plan and billing details."}}', Then.WAIT),
        (429, '{"error": {"type": "insufficient_quota"}}', Then.STOP),
        (503, "", Then.WAIT),
        (500, "insufficient memory", Then.RETRY),
        (408, "", Then.RETRY),
        (418, "", Then.GIVE_UP),
        (422, "[1]", Then.GIVE_UP),
        (400, "[" * 100_000, Then.GIVE_UP),
        (401, "", Then.STOP),
        (404, "", Then.STOP),
        (307, "", Then.STOP),
    ],
)
def test_what_a_status_means_for_the_run(status, body, then):
    assert failure(status, {}, body, NOW).then is then


def test_content_filter_is_a_refusal_and_bad_request_a_failure():
    filtered = failure(400, {}, '{"error": {"code": "content_filter"}}', NOW)
    assert (filtered.then, filtered.outcome) == (Then.GIVE_UP, Outcome.REFUSED)
    assert failure(403, {}, "Your input was flagged", NOW).outcome is Outcome.REFUSED
    assert failure(400, {}, "{}", NOW).outcome is Outcome.FAILED


def test_the_servers_words_are_kept_short():
    assert failure(400, {}, '{"error": {"message": "bad thing"}}', NOW).message == "the server answered 400: bad thing"
    assert failure(400, {}, '{"error": "plain"}', NOW).message.endswith(": plain")
    assert len(failure(500, {}, "x" * 100_000, NOW).message) < 400


@pytest.mark.parametrize(
    ("status", "said", "then"),
    [
        (400, "Unknown parameter: 'response_format'", Then.ASK_PLAINLY),
        (400, "'response_format' of type 'json_schema' is not supported here", Then.ASK_PLAINLY),
        (400, "This model does not support structured output", Then.ASK_PLAINLY),
        (400, "output_config: Extra inputs are not permitted", Then.ASK_PLAINLY),
        (400, 'Unknown name "responseJsonSchema" at \'generation_config\'', Then.ASK_PLAINLY),
        (400, "Unsupported value: 'temperature' does not support 0 with this model.", Then.STOP),
        (400, "temperature 3 is too high", Then.GIVE_UP),
        (400, "logprobs are not supported with reasoning models", Then.STOP),
        (400, "json_validate_failed: the model's answer is no JSON", Then.GIVE_UP),
        (413, "request_too_large", Then.GIVE_UP),
    ],
)  # fmt: skip
def test_what_a_model_cannot_do_is_told_from_what_a_text_cannot(status, said, then):
    assert failure(status, {}, json.dumps({"error": {"message": said}}), NOW).then is then


def test_complaint_about_the_schema_is_found_where_the_body_is_repeated():
    detail = {"type": "extra_forbidden", "loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}
    assert failure(422, {}, json.dumps({"detail": [detail]}), NOW).then is Then.ASK_PLAINLY


@pytest.mark.parametrize(
    ("details", "then", "wait_s"),
    [
        ([{"retryDelay": "37s"}], Then.WAIT, 37.0),
        ([{"retryDelay": "0.25s"}], Then.WAIT, 0.25),
        ([{"retryDelay": "soon"}, 3, {"quotaId": "PerMinute"}], Then.WAIT, None),
        ([{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}, {"retryDelay": "3s"}], Then.STOP, None),
        ("PerDay", Then.WAIT, None),
        (None, Then.WAIT, None),
    ],
)
def test_googles_error_says_how_long_to_wait(details, then, wait_s):
    failed = failure(429, {}, json.dumps({"error": {"message": "quota", "details": details}}), NOW)
    assert (failed.then, failed.retry_after_s) == (then, wait_s)


def test_header_says_more_than_the_body():
    body = json.dumps({"error": {"details": [{"retryDelay": "37s"}]}})
    assert failure(429, {"retry-after": "2"}, body, NOW).retry_after_s == 2.0
