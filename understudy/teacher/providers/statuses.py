"""What an HTTP status, its headers and its body mean for the run; knows no connection and no clock."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from understudy.records import Outcome
from understudy.teacher.model_names import UNKNOWN_MODEL
from understudy.teacher.provider import CallError, Then

TRANSIENT = frozenset({408, 409, 425, 429})
OUT_OF_CREDIT = (
    "insufficient_quota", "credit balance is too low", "insufficient balance", "insufficient_balance",
    "insufficient credits", "billing_hard_limit", "billing_not_active", "account is not active",
    "spend_limit_reached", "spending limit",
)  # fmt: skip
FILTERED = ("content_filter", "content management policy", "requires moderation", "flagged")
TOO_LONG = (
    "context_length", "context length", "maximum context", "too many tokens", "prompt is too long",
    "request_too_large", "exceeds the maximum number of tokens",
)  # fmt: skip
BAD_KEY = ("api_key_invalid", "api key not valid", "api key expired")
DAILY = "perday"
NO_SUCH_MODEL = ("model_not_found", "not a valid model", "invalid model", "invalid_model", "unknown model")
SCHEMAS = (
    "response_format", "json_schema", "output_config", "output_format", "responsejsonschema", "response_json_schema",
    "responsemimetype", "response_mime_type", "json mode", "structured output",
)  # fmt: skip
UNKNOWN_SETTING = ("support", "deprecated", "not enabled", "not allowed", "not permitted", "unrecognized", "unknown")
EXCERPT = 300
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")


def failure(status: int, headers: Mapping[str, str], body: str, now: datetime) -> CallError:
    """What to do about a reply whose status is not 2xx.

    Parameters
    ----------
    headers : looked up in lower case.
    body : already without credentials.
    now : aware, for dates in ``Retry-After``.
    """
    said = _message(body)
    message = f"the server answered {status}" + (f": {said}" if said else "")
    lower = body.casefold()
    if status == 400 and any(words in lower for words in BAD_KEY):
        return CallError("status 400", message, Then.STOP, hint=_HINTS[401])
    if status == 402 or (status in (400, 403, 429) and any(words in lower for words in OUT_OF_CREDIT)):
        return CallError("out of credit", message, Then.STOP, hint="Check billing and limits of the account.")
    if status in TRANSIENT or status >= 500:
        return _transient(status, headers, body, message, now)
    if status in (400, 403) and any(words in lower for words in FILTERED):
        return CallError("content filter", message, Then.GIVE_UP, outcome=Outcome.REFUSED)
    if status in (401, 403, 404) or status < 400:
        return CallError(f"status {status}", message, Then.STOP, hint=_HINTS.get(status, _REDIRECTED))
    return _bad_request(status, lower, said.casefold(), message)


def _transient(status: int, headers: Mapping[str, str], body: str, message: str, now: datetime) -> CallError:
    wait_s = retry_after_s(headers, now)
    if status == 429 and wait_s is None:
        wait_s, is_daily = _quota(body)
        if is_daily:
            return CallError("out of quota", message, Then.STOP, hint="The day's quota is used up: go on tomorrow.")
    then = Then.WAIT if status in (429, 503, 529) else Then.RETRY
    return CallError(f"status {status}", message, then, retry_after_s=wait_s)


def _bad_request(status: int, lower: str, said: str, message: str) -> CallError:
    if status == 400 and any(words in lower for words in NO_SUCH_MODEL):
        return CallError(UNKNOWN_MODEL, message, Then.STOP, hint=_HINTS[404])
    if status == 413 or any(words in lower for words in TOO_LONG):
        return CallError("too long", f"the text is too long for the model; {message}", Then.GIVE_UP)
    if any(words in said for words in SCHEMAS):
        return CallError("no schemas", message, Then.ASK_PLAINLY)
    hint = next((hint for setting, hint in _SETTINGS.items() if setting in said), "")
    if hint and any(words in said for words in UNKNOWN_SETTING):
        return CallError(f"status {status}", message, Then.STOP, hint=hint)
    return CallError(f"status {status}", message, Then.GIVE_UP)


def _quota(body: str) -> tuple[float | None, bool]:
    """What Google's error says of waiting: seconds, and whether the quota is one of a whole day."""
    error = _loaded(body).get("error")
    details = error.get("details") if isinstance(error, dict) else None
    details = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    waits = [each["retryDelay"] for each in details if isinstance(each.get("retryDelay"), str)]
    return (_duration(waits[0].strip()) if waits else None), DAILY in json.dumps(details).casefold()


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the server asks to wait, >= 0 and finite; None if it does not say, or nothing that makes sense.

    Understands ``retry-after-ms``, seconds, durations such as ``1m30s``, and HTTP dates (without a zone: UTC).
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is None:
        seconds = _duration(value)
    if seconds is None:
        seconds = _seconds_until(value, now)
    return None if seconds is None else max(0.0, seconds)


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _duration(value: str) -> float | None:
    match = _DURATION.fullmatch(value)
    if not value or match is None:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()


def _message(body: str) -> str:
    """The server's own words, as far as one can find them."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body.strip()[:EXCERPT]
    error = found.get("error", found) if isinstance(found, dict) else found
    said = error.get("message", error) if isinstance(error, dict) else error
    return (said if isinstance(said, str) else json.dumps(said)).strip()[:EXCERPT]


def _loaded(body: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_REDIRECTED = "The address redirects elsewhere, which is not followed with a key: check `teacher.base_url`."
_SETTINGS = {
    "temperature": "This model wants its own temperature: set `teacher.temperature = 1`.",
    "logprob": "This model gives no log-probabilities: set `teacher.logprobs = false`.",
}
_HINTS = {
    401: "The key is not accepted: check the variable named in `teacher.api_key_env`.",
    403: "The key may not do this: check the variable named in `teacher.api_key_env` and the account's rights.",
    404: "Check `teacher.model` and `teacher.base_url` (up to and without /chat/completions).",
}
