"""Wiki80's JSON lines, as OpenNRE has them: tokens, ``h`` and ``t`` with name, id and place, and the relation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.corpus.spans.marked import (
    Marked,
    Place,
    needs_text,
    pair_of,
    place_tokens,
    quoted,
    token_places,
    token_range,
)
from understudy.corpus.spans.records import identified, malformed, named, read_records, without, write_records
from understudy.records import Document, Span

SIDES = ("h", "t")


def read_wiki80(path: Path, encoding: str = "utf-8") -> Iterator[Marked]:
    """The pairs of a file: ``h`` as head, ``t`` as tail; `rest` holds ``h`` and ``t`` as they stand and other fields.

    Raises
    ------
    UserError
        If a field is missing or a place lies outside the tokens.
    """
    for number, record in read_records(path, encoding):
        identifier = named(record, path, number)
        try:
            text, places = place_tokens(record["token"], record.get("text"), identifier)
            head, tail = (_side(record[side], text, places) for side in SIDES)
            document = Document(identifier, text, record["relation"], head=head, tail=tail)
        except (KeyError, IndexError, TypeError, ValueError) as exc:
            raise malformed(path, number, f"no pair of `h` and `t` with `pos`: {exc}") from exc
        yield Marked(document, places, without(record, "token", "text", "relation") | {"id": record.get("id")})


def write_wiki80(records: Iterable[Marked], path: Path) -> None:
    """Write pairs; the text stands beside the tokens only where they do not give it back."""
    write_records(map(_record, records), path)


def _side(side: Mapping[str, Any], text: str, places: tuple[Place, ...]) -> Span:
    first, last = side["pos"]
    return quoted(text, places[max(first, 0)][0], places[last - 1][1], "")


def _record(record: Marked) -> Mapping[str, Any]:
    document = record.document
    head, tail, relation = pair_of(document)
    places = token_places(record, (head, tail))
    tokens = [document.text[start:end] for start, end in places]
    made = identified(document.id, record.rest) | {"token": tokens}
    if needs_text(document.text, tokens):
        made["text"] = document.text
    for side, span in zip(SIDES, (head, tail), strict=True):
        was = record.rest.get(side, {"name": span.text})
        made[side] = dict(was) | {"pos": list(token_range(places, span))}
    return made | {"relation": relation} | without(record.rest, "id", *SIDES)
