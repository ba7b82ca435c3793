"""The head and the tail of a relation, in one cell each; does not know what their relation is."""

from __future__ import annotations

import json
from typing import Any

from understudy.errors import UserError
from understudy.records import Span

MARK_HINT = 'Write `[start, end]` or `{"start": 0, "end": 4}` in code points of the text, end excluded.'


def read_mark(cell: str, text: str) -> Span:
    """The stretch that a cell marks; its label is the type that the cell states, or "".

    Raises
    ------
    UserError
        If the cell is no JSON pair or object of offsets, or they do not fit the text or the quote beside them.
    """
    span = _span(_parsed(cell), text)
    if not 0 <= span.start < span.end <= len(text):
        raise UserError(f"head or tail `{cell:.60}` lies outside the text.", MARK_HINT)
    if text[span.start : span.end] != span.text:
        raise UserError(f"head or tail `{cell:.60}`: another quote stands in the text there.", MARK_HINT)
    return span


def write_mark(span: Span) -> dict[str, Any]:
    """The span as `read_mark` reads it."""
    return {"start": span.start, "end": span.end, "text": span.text} | ({"label": span.label} if span.label else {})


def _parsed(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as exc:
        raise UserError(f"head or tail `{cell:.60}` is no JSON.", MARK_HINT) from exc


def _span(value: Any, text: str) -> Span:
    match value:
        case [int(start), int(end)]:
            return Span(start, end, "", text[max(start, 0) : end])
        case {"start": int(start), "end": int(end)}:
            quote, label = value.get("text", text[max(start, 0) : end]), value.get("label", "")
            if isinstance(quote, str) and isinstance(label, str):
                return Span(start, end, label, quote)
    raise UserError(f"head or tail `{json.dumps(value)[:60]}` is no pair of offsets.", MARK_HINT)
