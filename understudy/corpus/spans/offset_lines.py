"""Offset JSON lines, this package's own form: ``{"id", "text", "label": [{"start", "end", "label", "text"}]}``.

Relations have ``head`` and ``tail`` and a label. Offsets are code points; any table reader of the project reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.corpus.json_lines import cell_text
from understudy.corpus.spans.marked import Marked, quoted, sorted_spans
from understudy.corpus.spans.marks import read_mark, write_mark
from understudy.corpus.spans.records import identified, malformed, named, read_records, without, write_records
from understudy.errors import UserError
from understudy.records import Document, Span


def read_offset_lines(path: Path, encoding: str = "utf-8") -> Iterator[Marked]:
    """The texts of a file; `rest` holds their other fields.

    Raises
    ------
    UserError
        If a text is missing, or a span does not quote it.
    """
    for number, record in read_records(path, encoding):
        text = record.get("text")
        if not isinstance(text, str):
            raise malformed(path, number, "`text` is no string")
        head, tail = (
            read_mark(cell_text(record[side]) or "", text) if record.get(side) is not None else None
            for side in ("head", "tail")
        )
        label = record.get("label")
        value = sorted_spans(_span(text, item, path, number) for item in label) if isinstance(label, list) else label
        document = Document(named(record, path, number), text, value, head=head, tail=tail)
        yield Marked(document, None, without(record, "text", "label", "head", "tail") | {"id": record.get("id")})


def write_offset_lines(records: Iterable[Marked], path: Path) -> None:
    """Write texts with their spans, or with head, tail and label."""
    write_records(map(_record, records), path)


def _span(text: str, item: Any, path: Path, number: int) -> Span:
    match item:
        case {"start": int(start), "end": int(end), "label": str(label), "text": str(quote)}:
            span = quoted(text, start, end, label)
            if span.text == quote:
                return span
            raise UserError(
                f"{path.name} record {number}: span {start}:{end} quotes `{quote:.40}`, the text there is "
                f"`{span.text:.40}`.",
                "Offsets are code points of the text.",
            )
    raise malformed(path, number, f"`{item!r:.40}` is no span with start, end, label and text")


def _record(record: Marked) -> Mapping[str, Any]:
    document = record.document
    made = identified(document.id, record.rest) | {"text": document.text}
    for side, mark in (("head", document.head), ("tail", document.tail)):
        if mark is not None:
            made[side] = write_mark(mark)
    if isinstance(document.value, str):
        made["label"] = document.value
    elif document.value is not None:
        made["label"] = [
            {"start": span.start, "end": span.end, "label": span.label, "text": span.text} for span in record.spans
        ]
    return made | without(record.rest, "id")
