"""Token JSON lines: ``{"tokens", "tags"}`` for entities, ``{"tokens", "head", "tail", "label"}`` for relations.

Ranges are tokens ``[start, end)``; the text stands beside them only where the tokens do not give it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.corpus.spans.marked import (
    Marked,
    Place,
    needs_text,
    pair_of,
    place_tokens,
    quoted,
    sorted_spans,
    token_places,
    token_range,
)
from understudy.corpus.spans.records import identified, malformed, named, read_records, without, write_records
from understudy.corpus.spans.schemes import Scheme, detect_scheme, is_tag, read_tags, write_tags
from understudy.errors import UserError
from understudy.records import Document, Span

TAGS = ("tags", "ner_tags")


def read_token_lines(path: Path, encoding: str = "utf-8") -> Iterator[Marked]:
    """The sentences of a file; `rest` holds their other fields.

    Raises
    ------
    UserError
        If tokens are missing, tags are not as many as tokens or are none, or a range lies outside the tokens.
    """
    for number, record in read_records(path, encoding):
        identifier = named(record, path, number)
        tokens: Any = record.get("tokens")
        if not _are_strings(tokens):
            raise malformed(path, number, "`tokens` is no list of strings")
        text, places = place_tokens(tokens, record.get("text"), identifier)
        try:
            yield _marked(record, identifier, text, places)
        except (ValueError, LookupError, TypeError) as exc:
            raise malformed(path, number, str(exc)) from exc


def write_token_lines(records: Iterable[Marked], path: Path, scheme: Scheme | None = None) -> None:
    """Write entities with tags (in the scheme they were read in, BIO without one), relations with token ranges.

    Raises
    ------
    UserError
        If spans overlap, which tags cannot say.
    """
    write_records((_record(record, scheme) for record in records), path)


def _marked(record: Mapping[str, Any], identifier: str, text: str, places: tuple[Place, ...]) -> Marked:
    rest = without(record, "tokens", "text", *TAGS, "head", "tail", "label") | {"id": record.get("id")}
    if "head" in record:
        head, tail = (_range(text, places, record[side]) for side in ("head", "tail"))
        return Marked(Document(identifier, text, record.get("label"), head=head, tail=tail), places, rest)
    tags = next((record[name] for name in TAGS if name in record), None)
    if tags is None:
        return Marked(Document(identifier, text), places, rest)
    if not _are_strings(tags) or len(tags) != len(places) or not all(map(is_tag, tags)):
        raise ValueError("expected as many tags as tokens, each O or a prefix and a label")
    spans = [quoted(text, places[first][0], places[last - 1][1], label) for first, last, label in read_tags(tags)]
    scheme = detect_scheme([tags]).scheme
    return Marked(Document(identifier, text, sorted_spans(spans)), places, rest | {"scheme": scheme})


def _range(text: str, places: Sequence[Place], tokens: Sequence[int]) -> Span:
    first, last = tokens
    if not 0 <= first < last <= len(places):
        raise ValueError(f"tokens {first}:{last} of {len(places)} are none")
    return quoted(text, places[first][0], places[last - 1][1], "")


def _record(record: Marked, scheme: Scheme | None) -> dict[str, Any]:
    document = record.document
    is_pair = document.head is not None
    spans = pair_of(document)[:2] if is_pair else record.spans
    places = token_places(record, spans)
    tokens = [document.text[start:end] for start, end in places]
    made = identified(document.id, record.rest) | {"tokens": tokens}
    if needs_text(document.text, tokens):
        made["text"] = document.text
    if is_pair:
        head, tail = (list(token_range(places, span)) for span in spans)
        made |= {"head": head, "tail": tail, "label": document.value}
    elif document.value is not None:
        ranges = [(*token_range(places, span), span.label) for span in spans]
        made["tags"] = _tags(ranges, len(tokens), scheme or record.rest.get("scheme", "bio"), document.id)
    return made | without(record.rest, "id", "scheme")


def _tags(spans: list[tuple[int, int, str]], n_tokens: int, scheme: Scheme, name: str) -> list[str]:
    try:
        return write_tags(spans, n_tokens, scheme)
    except ValueError as exc:
        raise UserError(f"`{name}` has overlapping spans, which tags cannot hold.", "Use offset JSON lines.") from exc


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
