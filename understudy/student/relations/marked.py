"""The text that a student reads: a document's own, or for relations the text with its two spans marked.

Students of texts read relations through this alone, so that they cannot take one pair of spans for another.
"""

from __future__ import annotations

from collections.abc import Sequence

from understudy.codebook import Task
from understudy.errors import UserError
from understudy.records import Document, Span

HEAD, TAIL = ("[E1]", "[/E1]"), ("[E2]", "[/E2]")
"""What stands before and behind the head, and the tail."""

MARKERS = (*HEAD, *TAIL)


def texts_of(task: Task, documents: Sequence[Document]) -> list[str]:
    """What a student of texts reads of each document; of relations the text with markers.

    Raises
    ------
    UserError
        If the task is about relations and a document has no head or no tail.
    """
    if task.codebook.kind != "relations":
        return [document.text for document in documents]
    return [marked_text(document) for document in documents]


def marked_text(document: Document, context: int | None = None) -> str:
    """The text with a marker, set off by spaces, before and behind each of its two spans.

    Markers that stand in the text itself are taken apart.

    Parameters
    ----------
    context : code points that are kept around each span, two stretches joined by an ellipsis where they do not touch;
        None keeps the whole text.
    """
    head, tail = pair_of(document)
    inserts = _inserts(head, tail)
    pieces, place = [], 0
    for where, _, marker in inserts:
        pieces += [_plain(document.text[place:where]), f" {marker} "]
        place = where
    pieces.append(_plain(document.text[place:]))
    return "".join(pieces if context is None else _cut(pieces, context)).strip()


def _cut(pieces: Sequence[str], context: int) -> list[str]:
    first, last = pieces[0], pieces[-1]
    inside = [_shortened(piece, context) for piece in pieces[1:-1]]
    return [first[max(0, len(first) - context) :], *inside, last[:context]]


def _plain(piece: str) -> str:
    for marker in MARKERS:
        piece = piece.replace(marker, f"[ {marker[1:]}")
    return piece


def pair_of(document: Document) -> tuple[Span, Span]:
    """Head and tail; raises UserError if one is missing."""
    if document.head is None or document.tail is None:
        raise UserError(
            f"document `{document.id}` has no marked head and tail.", "A relation is asked about two marked spans."
        )
    return document.head, document.tail


def _inserts(head: Span, tail: Span) -> list[tuple[int, tuple[int, int], str]]:
    """Places, order at the same place, and markers: those that close come first, of nested spans the inner one."""
    found = []
    for span, (before, behind) in zip((head, tail), (HEAD, TAIL), strict=True):
        length = span.end - span.start
        found += [(span.start, (1, -length), before), (span.end, (0, length), behind)]
    return sorted(found)


def _shortened(piece: str, context: int) -> str:
    if piece.strip() in MARKERS:
        return piece
    return piece if len(piece) <= 2 * context + 1 else f"{piece[:context]}…{piece[len(piece) - context :]}"
