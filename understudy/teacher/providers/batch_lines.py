"""Reads what batch services send, whatever stands in it: objects, lines of results; asks nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from understudy.teacher.batch_service import Result, Results
from understudy.teacher.identity import canonical
from understudy.teacher.provider import CallError, Completion, Then
from understudy.teacher.providers.envelope import opened, table, words


def read_object(raw: str) -> dict[str, Any]:
    """The JSON object that a reply must be; raises a `CallError` that says to ask again."""
    found = opened(raw)
    if isinstance(found, Completion):
        raise garbled(found.reason)
    return found


def named(found: dict[str, Any], name: str) -> str:
    """A string that must be there and not empty; raises as `read_object`."""
    value = words(found.get(name))
    if not value:
        raise garbled(f"the reply holds no `{name}`")
    return value


def garbled(reason: str) -> CallError:
    """A reply about a batch that nothing can be made of: it may have been received all the same."""
    return CallError("unreadable", reason, Then.RETRY, is_maybe_billed=True)


def read_results(texts: Iterable[str], read: Callable[[dict[str, Any]], Result]) -> Results:
    """The results in files of one JSON object a line; lines that are none, or name no request, are counted."""
    items, n_unreadable = [], 0
    for line in _lines(texts):
        found = opened(line)
        if isinstance(found, Completion) or not words(found.get("custom_id")):
            n_unreadable += 1
        else:
            items.append(read(found))
    return Results(tuple(items), n_unreadable)


def body_of(found: Any) -> str:
    """A reply inside a line, as text again."""
    try:
        return canonical(found)
    except ValueError:  # NaN, which JSON does not know and Python reads
        return json.dumps(found)


def error_words(found: Any) -> str:
    """The words of an error object, whichever way it is nested; "" if there are none."""
    error = table(found)
    inner = table(error.get("error"))
    return words(inner.get("message")) or words(error.get("message")) or words(error.get("code"))


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Lines end in a newline and nothing else; blank ones are none."""
    return (line for text in texts for line in text.split("\n") if line.strip())
