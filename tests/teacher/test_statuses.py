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
