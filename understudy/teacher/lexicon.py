"""The built-in teacher of spans: looks up what people have marked in demonstrations; needs no network, learns nothing.

Every quote of a span in gold demo is an entry. Where an entry stands in a text as words of its own (in scripts that
write spaces), each of the demonstrations that have these words casts a vote for what they are there: one of the labels,
or nothing, each mention one vote of weight ``LEAST_WEIGHT + max(0, cosine)`` with the text. The place becomes a span
if a label has more than half of the weight. Of entries that overlap the longest is asked first, then the leftmost; one
that becomes a span keeps the others away. Words that nobody has marked are never found: its recall ends there, and a
text without known words is said to have no span.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.corpus import is_blank
from understudy.errors import UserError
from understudy.prompts import own_positions
from understudy.prompts.alignment import fold_text, places
from understudy.records import Annotation, Answer, Document, Outcome, Provenance, Span
from understudy.teacher.teacher import conclude, skip, utc_now

LEAST_WEIGHT = 0.1
"""Weight of a demonstration that is nothing like the text: its words still mean something."""

TEXTS_AT_ONCE = 1024
BLANK = "the text is blank"

Encode = Callable[[Sequence[str]], NDArray[Any]]
Votes = Mapping[str, Sequence[tuple[int, str]]]
"""Quote -> for each of its mentions in the demonstrations their position and label, "" for none."""


class LexiconTeacher:
    """Marks what people have marked elsewhere.

    Parameters
    ----------
    encode : n texts -> unit rows of shape (n, d).
    demonstrations : human-labelled documents, gold role `demo` only. A document never counts for itself, nor does any
        with the same text.
    task, name, codebook_digest, prompt_digest : as in `RecordedTeacher`.

    Raises
    ------
    UserError
        If no demonstration has a span.
    """

    def __init__(
        self,
        task: Task,
        name: str,
        encode: Encode,
        demonstrations: Sequence[Document],
        *,
        codebook_digest: str = "",
        prompt_digest: str = "",
    ) -> None:
        self.name = name
        self._task = task
        self._encode = encode
        self._demonstrations = demonstrations
        self._votes = _votes(demonstrations)
        self._who = (codebook_digest, prompt_digest)
        if not self._votes:
            raise UserError(
                "the built-in teacher of entities looks up spans of gold demo, and there are none.",
                "Label some texts, or choose another `teacher.kind`.",
            )

    def annotate(self, documents: Sequence[Document]) -> Iterator[Annotation]:
        """One annotation for each document; blank texts are skipped, all others get a value, maybe no span."""
        shown = np.asarray(self._encode([each.text for each in self._demonstrations]), dtype=np.float64)
        for start in range(0, len(documents), TEXTS_AT_ONCE):
            yield from self._annotate_some(documents[start : start + TEXTS_AT_ONCE], shown)

    def _annotate_some(self, documents: Sequence[Document], shown: NDArray[np.float64]) -> Iterator[Annotation]:
        vectors = np.asarray(self._encode([document.text for document in documents]), dtype=np.float64)
        weights = LEAST_WEIGHT + np.maximum(vectors @ shown.T, 0.0)
        for document, row, own in zip(documents, weights, own_positions(self._demonstrations, documents), strict=True):
            row[list(own)] = 0.0
            if is_blank(document.text):
                yield skip(document, BLANK, self._provenance(()))
            else:
                yield self._judge(document, row)

    def _judge(self, document: Document, weights: NDArray[np.float64]) -> Annotation:
        taken: list[tuple[Span, float, set[int]]] = []
        for start, end, quote in self._mentions(document.text):
            if any(start < span.end and span.start < end for span, _, _ in taken):
                continue
            label, share = _elected(self._votes[quote], weights)
            if label:
                span = Span(start, end, label, document.text[start:end])
                taken.append((span, share, {at for at, said in self._votes[quote] if said == label and weights[at]}))
        confidence = min((share for _, share, _ in taken), default=None)
        used = sorted(set().union(*(positions for _, _, positions in taken)))
        value = self._task.check(tuple(span for span, _, _ in taken))
        return conclude(self._task, document, [Answer(Outcome.LABELLED, value, confidence)], self._provenance(used))

    def _mentions(self, text: str) -> list[tuple[int, int, str]]:
        """Where entries stand in a text, longest first, then from left to right."""
        folded = fold_text(text)
        found = [
            (start, end, quote)
            for quote in self._votes
            if quote in text
            for start, end in places(text, folded, quote, whole_words=True)[0]
        ]
        return sorted(found, key=lambda mention: (mention[0] - mention[1], mention[0]))

    def _provenance(self, used: Sequence[int]) -> Provenance:
        ids = tuple(self._demonstrations[position].id for position in used)
        return Provenance(self.name, "", *self._who, demonstrations=ids, created_at=utc_now())


def _votes(demonstrations: Sequence[Document]) -> Votes:
    """What each marked quote is, at each place where it stands in a demonstration."""
    marked = [{span for span in each.value or () if isinstance(span, Span)} for each in demonstrations]
    votes: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for quote in sorted({span.text for spans in marked for span in spans}):
        for position, (document, spans) in enumerate(zip(demonstrations, marked, strict=True)):
            if quote in document.text:
                votes[quote] += [(position, label) for label in _labels_of(quote, document.text, spans)]
    return votes


def _labels_of(quote: str, text: str, spans: set[Span]) -> Iterator[str]:
    """For each mention of a quote its label; "" where it is not marked and lies in no other span."""
    yield from (span.label for span in spans if span.text == quote)
    for start, end in places(text, fold_text(text), quote, whole_words=True)[0]:
        if not any(span.start < end and start < span.end for span in spans):
            yield ""


def _elected(votes: Sequence[tuple[int, str]], weights: NDArray[np.float64]) -> tuple[str, float]:
    """The label with more than half of the weight and its share; "" if there is none."""
    shares: dict[str, float] = defaultdict(float)
    for position, label in votes:
        shares[label] += float(weights[position])
    total = sum(shares.values())
    label = max(sorted(shares), key=shares.__getitem__)
    return (label, shares[label] / total) if total and shares[label] > total / 2 else ("", 0.0)
