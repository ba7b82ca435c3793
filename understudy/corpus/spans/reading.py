"""Finds the format of a file, and gives its records as rows of a table like any other file of the project."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from understudy.corpus.hub import hub_id
from understudy.corpus.json_lines import cell_text
from understudy.corpus.opening import open_text
from understudy.corpus.row import Row
from understudy.corpus.spans.brat import read_brat
from understudy.corpus.spans.conll import conll_scheme, read_conll
from understudy.corpus.spans.docbin import read_docbin
from understudy.corpus.spans.doccano import read_doccano
from understudy.corpus.spans.label_studio import read_label_studio
from understudy.corpus.spans.marked import Marked
from understudy.corpus.spans.marks import write_mark
from understudy.corpus.spans.prodigy import read_prodigy
from understudy.corpus.spans.records import read_records
from understudy.corpus.spans.semeval import read_semeval
from understudy.corpus.spans.tacred import read_tacred
from understudy.corpus.spans.token_lines import read_token_lines
from understudy.corpus.spans.units import Unit
from understudy.corpus.spans.wiki80 import read_wiki80
from understudy.corpus.tables import read_rows
from understudy.records import Remark, Span
from understudy.settings import DataSettings, Format

SUFFIXES: Mapping[str, Format] = {
    ".conll": "conll", ".bio": "conll", ".iob": "conll", ".iob2": "conll", ".bioes": "conll", ".bmes": "conll",
    ".bilou": "conll", ".ann": "brat", ".spacy": "spacy",
}  # fmt: skip
LISTED: Mapping[str, str] = {
    "conll": "CoNLL columns",
    "tokens": "token JSON lines",
    "brat": "brat standoff",
    "spacy": "spaCy's DocBin",
    "label-studio": "Label Studio",
    "prodigy": "Prodigy",
    "doccano": "doccano",
    "tacred": "TACRED",
    "semeval": "SemEval-2010 Task 8",
    "wiki80": "Wiki80",
}
SEMEVAL = re.compile(r'\S+\t".*<e[12]>')


def read_any_rows(path: Path, data: DataSettings) -> Iterator[Row]:
    """The rows of a file in any format: tables as they are, marked texts with the columns that `data` names.

    Other fields of a marked text are columns too, by their own names.

    Raises
    ------
    UserError
        As the format's reader does.
    """
    form = format_of(path, data)
    if form == "table":
        yield from read_rows(path, data.encoding)
        return
    for number, record in enumerate(read_marked(path, form, data), 1):
        yield _row(number, record, data)


def read_marked(path: Path, form: Format, data: DataSettings) -> Iterator[Marked]:
    """The records of a file in one of the formats of marked texts."""
    unit: Unit | None = None if data.offsets == "auto" else data.offsets
    if form == "doccano":
        return read_doccano(path, data.encoding, unit)
    if form == "label-studio":
        return read_label_studio(path, data.encoding, unit)
    if form == "spacy":
        return read_docbin(path)
    return _READERS[form](path, data.encoding)


def format_of(path: Path, data: DataSettings) -> Format:
    """What `data.format` says; with ``auto``, what name and first record say: a table unless they say more."""
    if data.format != "auto":
        return data.format
    if hub_id(path) is not None:
        return "table"
    if path.is_dir():
        return "brat" if any(path.glob("*.ann")) else "table"
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if suffix in (".json", ".jsonl", ".ndjson") and path.is_file():
        return _format_of_records(path, data)
    return "semeval" if suffix == ".txt" and _is_semeval(path, data.encoding) else "table"


def remark_on(path: Path, data: DataSettings) -> Remark | None:
    """The format that a file was found to be in, with the scheme of its tags; None for a table."""
    form = format_of(path, data)
    if form == "table":
        return None
    if form != "conll":
        return Remark("note", f"{path.name} is read as {LISTED[form]}.")
    found = conll_scheme(path, data.encoding)
    irregular = (
        f"{found.n_irregular:,} sentences have tags that {found.scheme.upper()} would write in another way; they are "
        "read as conlleval reads them.",
    )
    return Remark(
        "note",
        f"{path.name} is read as {LISTED[form]} with tags in {found.scheme.upper()}.",
        irregular if found.n_irregular else (),
    )


def _format_of_records(path: Path, data: DataSettings) -> Format:
    record = next((record for _, record in islice(read_records(path, data.encoding), 1)), {})
    signs: Mapping[Format, bool] = {
        "tacred": {"token", "subj_start", "obj_start"} <= record.keys(),
        "wiki80": {"token", "h", "t"} <= record.keys(),
        "tokens": isinstance(record.get("tokens"), list) and not record.keys().isdisjoint(("tags", "ner_tags", "head")),
        "label-studio": isinstance(record.get("data"), dict),
        "prodigy": isinstance(record.get("spans"), list) and isinstance(record.get("text"), str),
        "doccano": any(_are_offsets(record.get(name)) for name in ("label", "labels", "entities")),
    }
    if data.text in record and data.label in record and not _are_offsets(record[data.label]):
        return "table"
    return next((form for form, is_so in signs.items() if is_so), "table")


def _are_offsets(value: Any) -> bool:
    """Whether it is doccano's list of spans, with at least one in it."""
    if not isinstance(value, list) or not value:
        return False
    return all("start_offset" in item if isinstance(item, dict) else _is_triple(item) for item in value)


def _is_triple(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 3 and isinstance(item[0], int) and isinstance(item[2], str)


def _is_semeval(path: Path, encoding: str) -> bool:
    if not path.is_file():
        return False
    with open_text(path, encoding, newline="\n") as file:
        return SEMEVAL.match(file.readline()) is not None


def _row(number: int, record: Marked, data: DataSettings) -> Row:
    document = record.document
    raw: dict[str, Any] = {**record.rest, data.id or "id": document.id, data.text: document.text}
    if document.value is not None:
        raw[data.label] = document.value if isinstance(document.value, str) else [_listed(s) for s in record.spans]
    for column, mark in ((data.head, document.head), (data.tail, document.tail)):
        if column is not None and mark is not None:
            raw[column] = write_mark(mark)
    return Row(number, {name: _cell(value) for name, value in raw.items()}, raw)


def _listed(span: Span) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "label": span.label, "text": span.text}


def _cell(value: Any) -> str | None:
    return cell_text(value) if not isinstance(value, dict) else json.dumps(value, ensure_ascii=False, default=str)


_READERS: Mapping[Format, Callable[[Path, str], Iterator[Marked]]] = {
    "conll": read_conll,
    "tokens": read_token_lines,
    "brat": read_brat,
    "prodigy": read_prodigy,
    "tacred": read_tacred,
    "semeval": read_semeval,
    "wiki80": read_wiki80,
}
