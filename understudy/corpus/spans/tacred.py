"""TACRED's JSON: tokens, subject and object with their last tokens included, their types and the relation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from understudy.corpus.spans.marked import Marked, needs_text, pair_of, place_tokens, quoted, token_places, token_range
from understudy.corpus.spans.records import identified, malformed, named, read_records, without, write_records
from understudy.records import Document, Span

SIDES = ("subj", "obj")
OWN = ("token", "text", "relation", *(f"{side}_{what}" for side in SIDES for what in ("start", "end", "type")))


def read_tacred(path: Path, encoding: str = "utf-8") -> Iterator[Marked]:
    """The pairs of a file: subject as head, object as tail, their types as labels; `rest` holds the other fields.

    Raises
    ------
    UserError
        If a field is missing or a range lies outside the tokens.
    """
    for number, record in read_records(path, encoding):
        identifier = named(record, path, number)
        try:
            text, places = place_tokens(record["token"], record.get("text"), identifier)
            head, tail = (_side(record, side, text, places) for side in SIDES)
            document = Document(identifier, text, record["relation"], head=head, tail=tail)
        except (KeyError, IndexError, TypeError) as exc:
            raise malformed(path, number, f"no pair of subject and object: {exc}") from exc
        yield Marked(document, places, without(record, *OWN) | {"id": record.get("id")})


def write_tacred(records: Iterable[Marked], path: Path) -> None:
    """Write pairs; the text stands beside the tokens only where they do not give it back."""
    write_records(map(_record, records), path)


def _side(record: Mapping[str, Any], side: str, text: str, places: tuple[tuple[int, int], ...]) -> Span:
    first, last = record[f"{side}_start"], record[f"{side}_end"]
    span = quoted(text, places[max(first, 0)][0], places[last][1], "")
    return replace(span, label=record.get(f"{side}_type", ""))


def _record(record: Marked) -> Mapping[str, Any]:
    document = record.document
    head, tail, relation = pair_of(document)
    places = token_places(record, (head, tail))
    tokens = [document.text[start:end] for start, end in places]
    made = identified(document.id, record.rest) | {"relation": relation, "token": tokens}
    if needs_text(document.text, tokens):
        made["text"] = document.text
    for side, span in zip(SIDES, (head, tail), strict=True):
        first, last = token_range(places, span)
        made |= {f"{side}_start": first, f"{side}_end": last - 1}
        made |= {f"{side}_type": span.label} if span.label else {}
    return made | without(record.rest, "id")
