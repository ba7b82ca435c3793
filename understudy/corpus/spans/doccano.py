"""doccano's JSON lines: ``text`` and ``label`` as ``[start, end, label]``, or ``entities`` with relations beside them.

Versions differ in what they count, code points or UTF-16 units, and no quote tells: a span behind a character of two
units is refused until `unit` says which. Relations between entities stay in `rest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.corpus.spans.marked import Marked, quoted, sorted_spans
from understudy.corpus.spans.records import identified, malformed, named, read_records, without, write_records
from understudy.corpus.spans.units import Unit, in_code_points, in_unit, may_differ
from understudy.errors import UserError
from understudy.records import Document, Span

LISTS = ("label", "labels")


def read_doccano(path: Path, encoding: str = "utf-8", unit: Unit | None = None) -> Iterator[Marked]:
    """The texts of a file; `rest` holds their other fields and, as ``list``, the field of the spans.

    Raises
    ------
    UserError
        If a text is missing, a span does not fit it, or its offsets could mean two things and `unit` is None.
    """
    for number, record in read_records(path, encoding):
        text = record.get("text", record.get("data"))
        if not isinstance(text, str):
            raise malformed(path, number, "`text` is no string")
        name = next((name for name in ("entities", *LISTS) if isinstance(record.get(name), list)), "")
        try:
            spans = [_span(text, item, unit, path, number) for item in record.get(name, ())]
        except (KeyError, TypeError, ValueError) as exc:
            raise malformed(path, number, f"a span is not `[start, end, label]`: {exc}") from exc
        document = Document(named(record, path, number), text, sorted_spans(spans) if name else None)
        ids = {_place(span): item["id"] for span, item in zip(spans, record[name], strict=True)} if name == "entities" else {}  # fmt: skip  # noqa: E501
        rest = without(record, "text", "data", name) | {
            "id": record.get("id"),
            "list": name,
            "text_field": _text_field(record),
            "ids": ids,
        }
        yield Marked(document, None, rest)


def write_doccano(records: Iterable[Marked], path: Path, unit: Unit = "code-points") -> None:
    """Write texts with their spans, in the field that they were read from, ``label`` without one."""
    write_records((_record(record, unit) for record in records), path)


def _text_field(record: Mapping[str, Any]) -> str:
    return "text" if "text" in record else "data"


def _span(text: str, item: Any, unit: Unit | None, path: Path, number: int) -> Span:
    start, end, label = (item["start_offset"], item["end_offset"], item["label"]) if isinstance(item, dict) else item
    if unit is None and may_differ(text, end):
        raise UserError(
            f"{path.name} record {number}: the span {start}:{end} stands behind a character that some versions of "
            "doccano count as two.",
            'Look where it stands in doccano and set `data.offsets` to "code-points" or "utf-16".',
        )
    return quoted(text, *in_code_points(text, start, end, unit or "code-points"), label)


def _place(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.label


def _record(record: Marked, unit: Unit) -> Mapping[str, Any]:
    document, rest = record.document, record.rest
    made = identified(document.id, rest) | {rest.get("text_field", "text"): document.text}
    if document.value is not None:
        name = rest.get("list") or "label"
        offsets = [(*in_unit(document.text, span.start, span.end, unit), span) for span in record.spans]
        if name == "entities":
            ids = rest.get("ids", {})
            made[name] = [
                {"id": ids.get(_place(span), number), "label": span.label, "start_offset": start, "end_offset": end}
                for number, (start, end, span) in enumerate(offsets, 1)
            ]
        else:
            made[name] = [[start, end, span.label] for start, end, span in offsets]
    return made | without(rest, "id", "list", "text_field", "ids")
