"""Prodigy's JSON lines: ``text``, ``tokens``, ``spans`` in code points; what was not accepted has no label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.corpus.spans.marked import Marked, Place, quoted, sorted_spans
from understudy.corpus.spans.records import identified, malformed, named, read_records, without, write_records
from understudy.records import Document

ACCEPTED = "accept"


def read_prodigy(path: Path, encoding: str = "utf-8") -> Iterator[Marked]:
    """The texts of a file; `rest` holds their other fields, ``answer`` and ``tokens`` among them.

    Raises
    ------
    UserError
        If a text is missing or a span does not fit it.
    """
    for number, record in read_records(path, encoding):
        text = record.get("text")
        if not isinstance(text, str):
            raise malformed(path, number, "`text` is no string")
        try:
            spans = [quoted(text, span["start"], span["end"], span["label"]) for span in record.get("spans") or ()]
            places = tuple((token["start"], token["end"]) for token in record["tokens"]) if "tokens" in record else None
        except (KeyError, TypeError) as exc:
            raise malformed(path, number, f"a span or token lacks {exc}") from exc
        is_answered = record.get("answer", ACCEPTED) == ACCEPTED and "spans" in record
        document = Document(named(record, path, number), text, sorted_spans(spans) if is_answered else None)
        rest = without(record, "text", *(("spans",) if is_answered else ())) | {"id": record.get("id")}
        yield Marked(document, places, rest)


def write_prodigy(records: Iterable[Marked], path: Path) -> None:
    """Write texts with their spans, which name their tokens where they begin and end with tokens of the record."""
    write_records(map(_record, records), path)


def _record(record: Marked) -> Mapping[str, Any]:
    document = record.document
    made = identified(document.id, record.rest) | {"text": document.text}
    made |= without(record.rest, "id", "answer")
    if document.value is not None:
        made["spans"] = [
            {
                "start": span.start,
                "end": span.end,
                **_tokens(record.places, (span.start, span.end)),
                "label": span.label,
            }
            for span in record.spans
        ]
    answer = record.rest.get("answer", ACCEPTED if document.value is not None else None)
    return made if answer is None else made | {"answer": answer}


def _tokens(places: tuple[Place, ...] | None, place: Place) -> dict[str, int]:
    """Prodigy's own fields for a span's first and last token."""
    starts = {start: number for number, (start, _) in enumerate(places or ())}
    ends = {end: number for number, (_, end) in enumerate(places or ())}
    if place[0] not in starts or place[1] not in ends:
        return {}
    return {"token_start": starts[place[0]], "token_end": ends[place[1]]}
