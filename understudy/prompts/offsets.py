"""Lays a recorded answer with offsets on its text; whoever wrote it down may have counted wrongly, or other units.

Offsets are believed where they quote the text: as code points, else as UTF-16 code units, which browsers count. Where
they do not, the quote is looked for; a quote with one place stands there, and how many were found so is said. A quote
without a place, or with several, is left out and counted, as in a model's answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from understudy.codebook import Task
from understudy.corpus.spans.units import from_utf16
from understudy.errors import UserError
from understudy.prompts.alignment import Folded, fold_text, places
from understudy.prompts.parse import UnreadableError, loaded
from understudy.prompts.spans import (
    AMBIGUOUS,
    FOREIGN,
    MALFORMED,
    NOT_A_LIST,
    OTHER_TYPE,
    Claim,
    Reading,
    conclude_spans,
    doubtful_claims,
)
from understudy.prompts.vocabulary import Vocabulary, vocabulary_of
from understudy.records import Answer, Outcome


def read_offsets(task: Task, text: str, recorded: str) -> Answer:
    """The answer in a JSON list of objects with start, end, label and text; never raises because of what stands there.

    Returns
    -------
    `labelled` with spans that quote the text, sorted; or `unparsed` with the reason.
    """
    try:
        items = loaded(recorded)
    except UnreadableError as exc:
        return Answer(Outcome.UNPARSED, reason=str(exc))
    if not isinstance(items, list):
        return Answer(Outcome.UNPARSED, reason=NOT_A_LIST)
    if not items:
        return Answer(Outcome.LABELLED, ())
    reader = _Offsets(vocabulary_of(task.codebook), text)
    claims = tuple(claim for item in items for claim in reader.claims(item))
    return conclude_spans(task, text, Reading(claims, reader.how))


class _Offsets:
    """Finds the places of the spans of one answer."""

    def __init__(self, vocabulary: Vocabulary, text: str) -> None:
        self._vocabulary = vocabulary
        self._text = text
        self._n_utf16 = self._n_moved = 0

    @cached_property
    def _folded(self) -> Folded:
        return fold_text(self._text)

    @property
    def how(self) -> str:
        """How spans were found that do not stand where the answer says; "" if all do."""
        utf16 = f"{self._n_utf16} by offsets in UTF-16 units" if self._n_utf16 else ""
        moved = f"{self._n_moved} by the quote, not the offsets" if self._n_moved else ""
        return "; ".join(filter(None, [utf16, moved]))

    def claims(self, item: Any) -> Iterator[Claim]:
        """The claim of one object, and the other places that it may mean."""
        quote, kind = (item.get("text"), item.get("label")) if isinstance(item, dict) else (None, None)
        label = self._vocabulary.label_of(kind) or "" if isinstance(kind, str) else ""
        if not isinstance(quote, str) or not quote.strip():
            yield Claim(label, problem=MALFORMED)
            return
        place = self._stated(item.get("start"), item.get("end"), quote)
        found = [place] if place is not None else self._sought(quote)
        if not found:
            yield Claim(label, problem=FOREIGN)
        elif not label or len(found) > 1:
            yield from doubtful_claims(label, found, AMBIGUOUS if label else OTHER_TYPE)
        else:
            yield Claim(label, *found[0])

    def _stated(self, start: Any, end: Any, quote: str) -> tuple[int, int] | None:
        """The place that the offsets say, if the quote stands there."""
        if type(start) is not int or type(end) is not int or not 0 <= start < end:
            return None
        if self._text[start:end] == quote:
            return start, end
        try:
            place = from_utf16(self._text, start), from_utf16(self._text, end)
        except UserError:
            return None
        if self._text[slice(*place)] != quote:
            return None
        self._n_utf16 += 1
        return place

    def _sought(self, quote: str) -> list[tuple[int, int]]:
        found, _ = places(self._text, self._folded, quote)
        self._n_moved += len(found) == 1
        return found
