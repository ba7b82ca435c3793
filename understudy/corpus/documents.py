"""Rows made documents: identifiers checked, labels read, every problem gathered into one message.

Does not know what a label means: whoever reads labels arrives as a function.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from understudy.corpus.spans.marks import read_mark
from understudy.corpus.spans.reading import read_any_rows
from understudy.corpus.tables import Row, column_cell, missing_column
from understudy.errors import UserError, did_you_mean
from understudy.records import Document, Role, Span, Value
from understudy.settings import DataSettings

ReadLabel = Callable[[str], Value | None]
CheckIn = Callable[[Value, Document], Value]
MAX_EXAMPLES = 3
MAX_DUPLICATES = 5
MAX_COMPLAINTS = 20


def read_documents(
    paths: Sequence[Path], data: DataSettings, read_label: ReadLabel | None, check_in: CheckIn | None = None
) -> Iterator[Document]:
    """The documents of some files, streamed in file order.

    Problems of single rows are gathered and raised together after the last row: only a caller who has read
    everything knows that all is well.

    Parameters
    ----------
    paths : files as `read_any_rows` accepts them.
    data : which columns to read; with ``data.id = ""`` ids are ``FILE-row-N``.
    read_label : turns a label cell into a value and raises UserError if it is none; None for files without human
        labels, whose label and role columns are not read and whose group column may be missing.
    check_in : raises UserError if a value does not fit its document, such as a span that quotes another text.

    Raises
    ------
    UserError
        If a file has no rows, lacks a column, an id is missing or stands twice (unless
        ``data.allow_duplicate_ids``), or a label or role cannot be read; each wrong label once, with its count,
        up to 3 places and the nearest label.
    """
    reading = _Reading(data, read_label, check_in)
    for path in paths:
        yield from reading.file(path)
    reading.complaints.raise_any()


def read_recorded(paths: Sequence[Path], data: DataSettings, column: str) -> dict[str, tuple[str | None, ...]]:
    """What somebody else's teacher answered: document id -> its answers, in order.

    A cell is one answer or a JSON list of answers (a list in the list is one answer with several labels or spans, as
    is a list of spans alone). An explicit null, in a list or as a JSON lines value, is an answer that nobody could
    read: None. Documents with an empty cell or without the column are absent. Rows with the same id in one file add
    up; the same answers for one id in two files count once.

    Raises
    ------
    UserError
        If no file has the column, an id is missing, or two files answer differently for one id; or as `read_any_rows`.
    """
    recorded: dict[str, tuple[str | None, ...]] = {}
    columns: set[str] = set()
    for path in paths:
        for identifier, answers in _answers_in(path, data, column, columns).items():
            if recorded.setdefault(identifier, answers) != answers:
                raise UserError(f"{path.name}: `{identifier}` has other answers than in an earlier file.", "Keep one.")
    if paths and column not in columns:
        raise missing_column(column, columns, ", ".join(path.name for path in paths))
    return recorded


@dataclass
class _Complaints:
    """Problems of single rows, grouped by what is wrong."""

    places: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    duplicates: list[str] = field(default_factory=list)
    n_duplicates: int = 0

    def add(self, error: UserError, place: str) -> None:
        self.places.setdefault((error.message, error.hint), []).append(place)

    def add_duplicate(self, identifier: str, place: str, first: str) -> None:
        self.n_duplicates += 1
        if len(self.duplicates) < MAX_DUPLICATES:
            self.duplicates.append(f"`{identifier:.80}` in {place}, first in {first}")

    def raise_any(self) -> None:
        lines = [*self._duplicate_lines(), *self._grouped_lines()]
        if lines:
            raise UserError("\n".join(lines), self._hint())

    def _grouped_lines(self) -> Iterator[str]:
        by_count = sorted(self.places.items(), key=lambda item: -len(item[1]))
        for (message, hint), places in by_count[:MAX_COMPLAINTS]:
            more = ", …" if len(places) > MAX_EXAMPLES else ""
            examples = ", ".join(places[:MAX_EXAMPLES])
            yield f"{message.removesuffix('.')}: {_rows(len(places))}, {examples}{more}. {hint}".rstrip()
        if len(by_count) > MAX_COMPLAINTS:
            yield f"and {len(by_count) - MAX_COMPLAINTS} further kinds of problem."

    def _duplicate_lines(self) -> Iterator[str]:
        if self.n_duplicates:
            more = "; …" if self.n_duplicates > len(self.duplicates) else ""
            yield f"{_rows(self.n_duplicates)} with an id that stands before: {'; '.join(self.duplicates)}{more}."

    def _hint(self) -> str:
        duplicates = ("Make ids unique, or set `data.allow_duplicate_ids = true`.",) if self.n_duplicates else ()
        labels = ("Fix the rows, or the labels in understudy.toml.",) if self.places else ()
        return " ".join((*duplicates, *labels))


class _Reading:
    """One pass over the files: what has been seen, and what was wrong with it."""

    def __init__(self, data: DataSettings, read_label: ReadLabel | None, check_in: CheckIn | None) -> None:
        self.data = data
        self.read_label = read_label
        self.check_in = check_in
        self.complaints = _Complaints()
        self.first_place: dict[str, str] = {}
        self.last_number: dict[str, int] = {}

    def file(self, path: Path) -> Iterator[Document]:
        expected = {*self.data.meta, *self._gold_columns()}
        columns: dict[str, str | None] = {}
        for row in read_any_rows(path, self.data):
            columns |= dict.fromkeys(row.cells)
            yield self._fitting(self._document(row, path), row.place(path))
        if not columns:
            raise UserError(f"{path.name} has 0 rows.", "Put at least one text into it.")
        for column in sorted(expected - columns.keys()):
            raise missing_column(column, columns, path.name)

    def _gold_columns(self) -> set[str]:
        wanted = (self.data.label, self.data.role, self.data.group) if self.read_label else ()
        return {column for column in wanted if column is not None}

    def _document(self, row: Row, path: Path) -> Document:
        place = row.place(path)
        is_gold = self.read_label is not None
        text = column_cell(row, self.data.text, path) or ""
        return Document(
            id=self._unique(_identifier(row, path, self.data.id), place),
            text=text,
            value=self._value(row, place) if is_gold else None,
            group=(row.cells.get(self.data.group) if self.data.group else None) or None,
            role=self._role(row, place) if is_gold else None,
            head=self._mark(row, self.data.head, text, path),
            tail=self._mark(row, self.data.tail, text, path),
            meta={name: cell for name in self.data.meta if (cell := row.cells.get(name)) is not None},
            source=f"{path.name}:{row.number}",
        )

    def _unique(self, identifier: str, place: str) -> str:
        if not self.data.allow_duplicate_ids:
            first = self.first_place.setdefault(identifier, place)
            if first is not place:
                self.complaints.add_duplicate(identifier, place, first)
            return identifier
        return _numbered(identifier, self.last_number)

    def _value(self, row: Row, place: str) -> Value | None:
        cell = row.cells.get(self.data.label)
        try:
            return self.read_label(cell) if cell is not None and self.read_label is not None else None
        except UserError as exc:
            self.complaints.add(exc, place)
            return None

    def _mark(self, row: Row, column: str | None, text: str, path: Path) -> Span | None:
        if column is None:
            return None
        cell = column_cell(row, column, path) or ""
        try:
            return read_mark(cell, text)
        except UserError as exc:
            self.complaints.add(exc, row.place(path))
            return None

    def _fitting(self, document: Document, place: str) -> Document:
        if document.value is None or self.check_in is None:
            return document
        try:
            return replace(document, value=self.check_in(document.value, document))
        except UserError as exc:
            self.complaints.add(exc, place)
            return document

    def _role(self, row: Row, place: str) -> Role | None:
        cell = (row.cells.get(self.data.role) if self.data.role else None) or ""
        try:
            return Role(cell.strip().casefold()) if cell.strip() else None
        except ValueError:
            self.complaints.add(UserError(f"role `{cell}` is no role.", did_you_mean(cell, list(Role))), place)
            return None


def _identifier(row: Row, path: Path, column: str) -> str:
    if not column:
        return f"{path.stem}-row-{row.number}"
    identifier = column_cell(row, column, path)
    if identifier is None or not identifier.strip():
        raise UserError(
            f"{row.place(path)}: the id in column `{column}` is empty.",
            'Give every row an id, or set `data.id = ""` to number the rows.',
        )
    return identifier


def _numbered(identifier: str, last: dict[str, int]) -> str:
    """`identifier`, or the first of ``identifier#2``, ``identifier#3``, … not given yet; `last` remembers which are."""
    candidate = identifier
    while candidate in last:
        last[identifier] += 1
        candidate = f"{identifier}#{last[identifier]}"
    last[candidate] = 1
    return candidate


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def _answers_in(path: Path, data: DataSettings, column: str, columns: set[str]) -> dict[str, tuple[str | None, ...]]:
    """The answers of one file; adds the columns that it has to `columns`."""
    answers: dict[str, tuple[str | None, ...]] = {}
    last_number: dict[str, int] = {}
    for row in read_any_rows(path, data):
        columns.update(row.cells)
        identifier = _identifier(row, path, data.id)
        if data.allow_duplicate_ids:
            identifier = _numbered(identifier, last_number)
        found = _answers(row, column)
        if found:
            answers[identifier] = (*answers.get(identifier, ()), *found)
    return answers


def _answers(row: Row, column: str) -> tuple[str | None, ...]:
    cell = row.cells.get(column)
    if cell is None:
        is_json_null = column in row.cells and row.line is not None
        return (None,) if is_json_null else ()  # in a columnar file null is the only empty cell
    if not cell.strip():
        return ()
    parsed = _parsed_list(cell)
    if parsed is None or (parsed and all(isinstance(part, dict) for part in parsed)):
        return (cell,)
    return tuple(_answer_text(answer) for answer in parsed)


def _parsed_list(cell: str) -> list[Any] | None:
    if not cell.lstrip().startswith("["):
        return None
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _answer_text(answer: Any) -> str | None:
    return answer if answer is None or isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
