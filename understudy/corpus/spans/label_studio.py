"""Label Studio's JSON: tasks with annotations whose results are regions of a text.

Versions before 1.4 count UTF-16 units, later ones code points. Every region quotes its text, so the unit of a file is
the one in which all quotes are right; where both are, they mean the same. The first annotation that was not cancelled
is the human label; others stay in `rest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.corpus.spans.marked import Marked, quoted, sorted_spans
from understudy.corpus.spans.records import identified, malformed, named, read_records, write_records
from understudy.corpus.spans.units import Unit, in_code_points, in_unit
from understudy.errors import UserError
from understudy.records import Document, Span

UNITS: tuple[Unit, ...] = ("code-points", "utf-16")


def read_label_studio(path: Path, encoding: str = "utf-8", unit: Unit | None = None) -> Iterator[Marked]:
    """The tasks of an export; `rest` holds what else they say.

    Parameters
    ----------
    unit : of the offsets; None for the one in which every quote of the file is right.

    Raises
    ------
    UserError
        If a task has no text, or its regions quote it rightly in no unit.
    """
    records = list(read_records(path, encoding))
    tasks = [(number, task, _text(task, path, number)) for number, task in records]
    unit = unit or _unit_of([(text, _regions(task)) for _, task, (_, text) in tasks], path)
    for number, task, (field, text) in tasks:
        annotation = _annotation(task)
        spans = [span for region in _regions(task) for span in _spans(text, region, unit)]
        value = None if annotation is None else sorted_spans(spans)
        rest = {"task": dict(task), "field": field, "id": task.get("id"), "unit": unit}
        yield Marked(Document(named(task, path, number), text, value), None, rest)


def write_label_studio(records: Iterable[Marked], path: Path, unit: Unit = "code-points") -> None:
    """Write tasks with one annotation each, or as they were read with the regions of that annotation written anew."""
    write_records((_task(record, record.rest.get("unit", unit)) for record in records), path)


def _text(task: Mapping[str, Any], path: Path, number: int) -> tuple[str, str]:
    """The field of the text in `data`, and the text."""
    data = task.get("data")
    if isinstance(data, dict):
        named_so = [name for name in ("text", *data) if isinstance(data.get(name), str)]
        if named_so:
            return named_so[0], data[named_so[0]]
    raise malformed(path, number, "`data` has no text")


def _annotation(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    annotations: Sequence[Mapping[str, Any]] = task.get("annotations", task.get("completions", ()))
    return next((one for one in annotations if not one.get("was_cancelled")), None)


def _regions(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    annotation = _annotation(task)
    return [] if annotation is None else [result for result in annotation.get("result", ()) if _is_region(result)]


def _is_region(result: Mapping[str, Any]) -> bool:
    value = result.get("value", {})
    return isinstance(value, dict) and {"start", "end", "labels"} <= value.keys()


def _unit_of(tasks: Sequence[tuple[str, list[Mapping[str, Any]]]], path: Path) -> Unit:
    for unit in UNITS:
        if all(_is_right(text, region["value"], unit) for text, regions in tasks for region in regions):
            return unit
    raise UserError(
        f"{path.name}: regions do not quote their texts, neither in code points nor in UTF-16 units.",
        "Export the project again as JSON; do not edit texts after labelling.",
    )


def _is_right(text: str, value: Mapping[str, Any], unit: Unit) -> bool:
    if not isinstance(value.get("text"), str):
        return True
    try:
        start, end = in_code_points(text, value["start"], value["end"], unit)
    except UserError:
        return False
    return end <= len(text) and bool(text[start:end] == value["text"])


def _spans(text: str, region: Mapping[str, Any], unit: Unit) -> Iterator[Span]:
    value = region["value"]
    start, end = in_code_points(text, value["start"], value["end"], unit)
    yield from (quoted(text, start, end, label) for label in value["labels"])


def _task(record: Marked, unit: Unit) -> Mapping[str, Any]:
    document = record.document
    task = dict(record.rest.get("task", {}))
    task |= identified(document.id, record.rest)
    task["data"] = dict(task.get("data", {})) | {record.rest.get("field", "text"): document.text}
    if document.value is None:
        return task
    old = _annotation(task)
    name = "completions" if "completions" in task else "annotations"
    annotations = list(task.get(name, ()))
    place = next((number for number, one in enumerate(annotations) if one is old), len(annotations))
    new = dict(old or {}) | {"result": _results(record, (old or {}).get("result", ()), unit)}
    task[name] = [*annotations[:place], new, *annotations[place + 1 :]]
    return task


def _results(record: Marked, old: Sequence[Mapping[str, Any]], unit: Unit) -> list[dict[str, Any]]:
    """The regions anew, with the ids and names that regions of the same place had, and what is no region."""
    text, spans = record.document.text, record.spans
    known = {(one["value"]["start"], one["value"]["end"], tuple(one["value"]["labels"])): one for one in old if _is_region(one)}  # fmt: skip  # noqa: E501
    made = []
    for number, span in enumerate(spans, 1):
        start, end = in_unit(text, span.start, span.end, unit)
        new = {"id": f"r{number}", "from_name": "label", "to_name": record.rest.get("field", "text"), "type": "labels"}
        was = known.get((start, end, (span.label,)), new)
        value = {"start": start, "end": end, "text": span.text, "labels": [span.label]}
        made.append(dict(was) | {"value": dict(was.get("value", {})) | value})
    return [*made, *(dict(one) for one in old if not _is_region(one))]
