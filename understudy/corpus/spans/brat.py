"""brat standoff: ``NAME.txt`` and ``NAME.ann`` beside it, offsets in code points, line breaks in quotes as spaces.

A folder is all of its pairs. Spans of several pieces are refused; what is no span (relations, events, notes) stays in
`rest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from understudy.corpus.opening import check_readable
from understudy.corpus.spans.marked import Marked, quoted, sorted_spans
from understudy.errors import UserError
from understudy.records import Document, Span


def read_brat(path: Path, encoding: str = "utf-8") -> Iterator[Marked]:
    """The texts of a folder, or of one ``.ann`` file, by name; `rest` holds ``ids`` of the spans and other ``lines``.

    Raises
    ------
    UserError
        If a text is missing, a line is no standoff, or a span has several pieces or another quote than its text.
    """
    check_readable(path)
    files = sorted(path.glob("*.ann")) if path.is_dir() else [path]
    for file in files:
        text = _contents(file.with_suffix(".txt"), encoding)
        lines = [line for line in _contents(file, encoding).split("\n") if line.strip()]
        found = [(line.split("\t")[0], _span(line, text, file)) for line in lines if line.startswith("T")]
        spans = sorted_spans(span for _, span in found)
        ids = {(span.start, span.end, span.label): name for name, span in found}
        rest = {"ids": ids, "lines": [line for line in lines if not line.startswith("T")]}
        yield Marked(Document(file.stem, text, spans), None, rest)


def write_brat(records: Iterable[Marked], folder: Path) -> None:
    """Write a pair of files for each text, named by its id.

    Raises
    ------
    UserError
        If an id is no file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        name = record.document.id
        if not name or name.startswith(".") or any(character in name for character in '/\\\0:*?"<>|\n\r'):
            raise UserError(f"`{name!r:.60}` cannot name a file.", "Give the texts ids of letters and digits.")
        (folder / f"{name}.txt").write_text(record.document.text, encoding="utf-8", newline="")
        lines = "".join(f"{line}\n" for line in _lines(record))
        (folder / f"{name}.ann").write_text(lines, encoding="utf-8", newline="")


def _contents(path: Path, encoding: str) -> str:
    """The whole file; a byte order mark is a character of the text, as brat counts it."""
    check_readable(path)
    try:
        return path.read_bytes().decode(encoding)
    except (UnicodeDecodeError, LookupError) as exc:
        raise UserError(f"{path.name} is not {encoding}: {exc}.", "Set `data.encoding` to how it was saved.") from exc


def _span(line: str, text: str, file: Path) -> Span:
    parts = line.rstrip("\r").split("\t", 2)
    fields = parts[1].split(" ") if len(parts) > 1 else []
    if len(fields) != 3 or not all(number.isdecimal() for number in fields[1:]):
        raise UserError(
            f"{file.name}: `{line:.60}` is no span of one piece.",
            "Write `T1<TAB>LABEL START END<TAB>QUOTE`; spans of several pieces are not read.",
        )
    span = quoted(text, int(fields[1]), int(fields[2]), fields[0])
    quote = parts[2] if len(parts) > 2 else span.text
    if _flat(span.text) != _flat(quote):
        raise UserError(
            f"{file.name}: `{line:.60}`: the text there is `{span.text:.40}`.", "Export text and annotation together."
        )
    return span


def _flat(quote: str) -> str:
    return quote.replace("\r", " ").replace("\n", " ").rstrip(" ")


def _lines(record: Marked) -> Iterator[str]:
    ids = record.rest.get("ids", {})
    taken = set(ids.values())
    free = (name for name in (f"T{number}" for number in range(1, 2 + len(record.spans) + len(taken))) if name not in taken)  # fmt: skip  # noqa: E501
    named = [(ids.get((span.start, span.end, span.label)) or next(free), span) for span in record.spans]
    for name, span in sorted(named, key=lambda item: (len(item[0]), item[0])):
        quote = span.text.replace("\r", " ").replace("\n", " ")
        yield f"{name}\t{span.label} {span.start} {span.end}\t{quote}"
    yield from record.rest.get("lines", ())
