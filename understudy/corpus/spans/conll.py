"""CoNLL columns: one token a line, its tag last, an empty line after each sentence.

Text and id that the columns cannot hold stand in comments, ``# text = "…"`` and ``# id = "…"``, as JSON strings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from understudy.corpus.opening import open_text
from understudy.corpus.spans.marked import (
    Marked,
    needs_text,
    place_tokens,
    quoted,
    sorted_spans,
    token_places,
    token_range,
)
from understudy.corpus.spans.schemes import Detected, Scheme, detect_scheme, is_tag, read_tags, write_tags
from understudy.errors import UserError
from understudy.records import Document

COMMENT = re.compile(r"# (\S+) = (.*)", re.DOTALL)
DOCUMENT_START = "-DOCSTART-"
BYTE_ORDER_MARK = "\ufeff"
"""At the beginning of a file it would be none of the text."""


@dataclass
class _Sentence:
    """The lines of one sentence, read."""

    columns: list[list[str]] = field(default_factory=list)
    comments: list[tuple[str, str]] = field(default_factory=list)
    start: str | None = None

    @property
    def tags(self) -> list[str]:
        return [columns[-1] for columns in self.columns]

    def comment(self, name: str) -> str | None:
        found = next((value for key, value in self.comments if key == name), None)
        return None if found is None else _string(found)


def read_conll(path: Path, encoding: str = "utf-8") -> Iterator[Marked]:
    """The sentences of a file in any of IOB1, BIO, BIOES, BMES and BILOU.

    `rest` holds ``scheme``, ``separator``, ``columns`` (those between token and tag), ``comments``, ``start`` (a line
    -DOCSTART- before the sentence) and ``document`` (how many of those came before, to group sentences by).

    Raises
    ------
    UserError
        If a line has no tag, or its last column is none.
    """
    separator, sentences = _sentences(path, encoding)
    scheme = detect_scheme([sentence.tags for sentence in sentences]).scheme
    document = 0
    for number, sentence in enumerate(sentences, 1):
        document += sentence.start is not None
        rest = {
            "scheme": scheme,
            "separator": separator,
            "columns": [columns[1:-1] for columns in sentence.columns],
            "comments": [(name, value) for name, value in sentence.comments if name not in ("text", "id")],
            "start": sentence.start,
            "document": document,
        }
        yield _marked(sentence, f"{path.stem}-{number}", rest)


def conll_scheme(path: Path, encoding: str = "utf-8") -> Detected:
    """The scheme of a file."""
    return detect_scheme([sentence.tags for sentence in _sentences(path, encoding)[1]])


def write_conll(records: Iterable[Marked], path: Path, scheme: Scheme | None = None) -> None:
    """Write sentences; in the scheme that each was read in, BIO without one.

    Raises
    ------
    UserError
        If spans overlap, or begin or end with white space: columns cannot say so.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number, record in enumerate(records, 1):
            file.writelines(f"{line}\n" for line in _lines(record, f"{path.stem}-{number}", scheme))
            file.write("\n")


def _sentences(path: Path, encoding: str) -> tuple[str, list[_Sentence]]:
    sentences: list[_Sentence] = []
    current = _Sentence()
    separator = ""
    with open_text(path, encoding, newline="\n") as file:
        for number, raw in enumerate(file, 1):
            line = raw.rstrip("\r\n")
            comment = COMMENT.fullmatch(line) if not current.columns else None
            if not line.strip():
                current = _closed(current, sentences)
            elif comment:
                current.comments.append((comment[1], comment[2]))
            elif line.startswith(DOCUMENT_START):
                current.start = line
            else:
                separator = separator or ("\t" if "\t" in line else " ")
                current.columns.append(_columns(line, separator, path, number))
    _closed(current, sentences)
    return separator or " ", sentences


def _closed(sentence: _Sentence, sentences: list[_Sentence]) -> _Sentence:
    """A new sentence to fill; the one before is kept if it has tokens or a text without any."""
    if not sentence.columns and sentence.comment("text") is None:
        return sentence
    sentences.append(sentence)
    return _Sentence()


def _columns(line: str, separator: str, path: Path, number: int) -> list[str]:
    columns = line.split(separator)
    if len(columns) < 2 or not is_tag(columns[-1]):
        raise UserError(
            f"{path.name} line {number}: expected a token and its tag, such as `Anna{separator}B-PER`, found "
            f"`{line:.60}`.",
            "The tag stands last: O, or B, I, E, S, M, L or U with a label.",
        )
    return columns


def _marked(sentence: _Sentence, name: str, rest: dict[str, Any]) -> Marked:
    identifier = sentence.comment("id") or name
    tokens = [columns[0] for columns in sentence.columns]
    text, places = place_tokens(tokens, sentence.comment("text"), identifier)
    found = read_tags(sentence.tags)
    spans = sorted_spans(quoted(text, places[first][0], places[last - 1][1], label) for first, last, label in found)
    return Marked(Document(identifier, text, spans), places, rest)


def _lines(record: Marked, name: str, scheme: Scheme | None) -> Iterator[str]:
    spans = record.spans
    text = record.document.text
    places = token_places(record, spans)
    tokens = [text[start:end] for start, end in places]
    separator = record.rest.get("separator", " ")
    _refuse_unfit(tokens, record.document.id)
    if record.rest.get("start") is not None:
        yield from (record.rest["start"], "")
    if record.document.id != name:
        yield f"# id = {json.dumps(record.document.id, ensure_ascii=False)}"
    if needs_text(text, tokens) or not tokens or text.startswith(BYTE_ORDER_MARK):
        yield f"# text = {json.dumps(text, ensure_ascii=False)}"
    yield from (f"# {key} = {value}" for key, value in record.rest.get("comments", ()))
    ranges = [(*token_range(places, span), span.label) for span in spans]
    tags = _tags(ranges, len(tokens), scheme or record.rest.get("scheme", "bio"), record.document.id)
    between = _between(record, len(tokens))
    for token, middle, tag in zip(tokens, between, tags, strict=True):
        yield separator.join((token, *middle, tag))


def _between(record: Marked, n_tokens: int) -> Sequence[Sequence[str]]:
    columns: Sequence[Sequence[str]] = record.rest.get("columns", ())
    return columns if len(columns) == n_tokens else [()] * n_tokens


def _tags(spans: list[tuple[int, int, str]], n_tokens: int, scheme: Scheme, name: str) -> list[str]:
    try:
        return write_tags(spans, n_tokens, scheme)
    except ValueError as exc:
        raise UserError(f"`{name}` has overlapping spans, which columns cannot hold.", "Use JSON lines.") from exc


def _refuse_unfit(tokens: Sequence[str], name: str) -> None:
    unfit = next((t for t in tokens if not t or re.search(r"\s", t) or t.startswith(DOCUMENT_START)), None)
    if unfit is not None:
        raise UserError(
            f"`{name}`: `{unfit:.40}` is empty, holds white space or begins a new document, which a column cannot.",
            "Use JSON lines.",
        )


def _string(value: str) -> str:
    """A comment's value: a JSON string, or the words as they stand (as in CoNLL-U)."""
    try:
        parsed = json.loads(value)
    except ValueError:
        return value
    return parsed if isinstance(parsed, str) else value
