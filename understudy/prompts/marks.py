"""Marks the head and the tail of a relation in its text, so that nothing in the text can pass for a mark."""

from __future__ import annotations

import re
from dataclasses import replace

from understudy.errors import UserError
from understudy.prompts.masking import Mask
from understudy.prompts.shown import Shown, show
from understudy.records import Document, Span

MARKS = re.compile(r"\[\s*/?\s*E[12]\s*\]", re.IGNORECASE)
"""What could be taken for one of our marks."""


def marked_text(document: Document, mask: Mask | None = None) -> str:
    """The text as it is sent, with ``[E1]...[/E1]`` around the head and ``[E2]...[/E2]`` around the tail.

    Where both begin together, the longer one is outside. A span of which nothing is visible has its marks side by side.

    Raises
    ------
    UserError
        If the document has no head or no tail.
    """
    if document.head is None or document.tail is None:
        raise UserError(
            f"document `{document.id}` has no marked head and tail.",
            "Name their columns in `data.head` and `data.tail`.",
        )
    shown = show(document.text, mask, MARKS)
    stretches = [(_stretch(shown, document.head), "E1"), (_stretch(shown, document.tail), "E2")]
    stretches.sort(key=lambda each: (each[0][0], -each[0][1]))
    marks: list[tuple[int, int, int, str]] = []
    for order, ((start, end), name) in enumerate(stretches):
        if start == end:
            marks.append((start, 1, order, f"[{name}][/{name}]"))
        else:
            marks += [(start, 1, order, f"[{name}]"), (end, 0, -order, f"[/{name}]")]
    return _inserted(shown.text, sorted(marks))


def text_to_compare(document: Document) -> str:
    """What likeness between documents is judged by: the text, with head and tail marked where it has them."""
    return document.text if document.head is None or document.tail is None else marked_text(document)


def swapped(document: Document) -> Document:
    """The document asked about in the other direction."""
    return replace(document, head=document.tail, tail=document.head)


def _stretch(shown: Shown, span: Span) -> tuple[int, int]:
    start, end = shown.stretch(span)
    return start, max(start, end)


def _inserted(text: str, marks: list[tuple[int, int, int, str]]) -> str:
    parts, done = [], 0
    for at, _, _, mark in marks:
        parts += [text[done:at], mark]
        done = at
    return "".join([*parts, text[done:]])
