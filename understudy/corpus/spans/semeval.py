"""SemEval-2010 Task 8: number and sentence with ``<e1>`` and ``<e2>``, the relation on the next line, a comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from understudy.corpus.opening import open_text
from understudy.corpus.spans.marked import Marked, pair_of, quoted
from understudy.errors import UserError
from understudy.records import Document, Span

SENTENCE = re.compile(r'(\S+)\t"(.*)"', re.DOTALL)
TAG = re.compile(r"</?e[12]>")
COMMENT = "Comment:"


def read_semeval(path: Path, encoding: str = "utf-8") -> Iterator[Marked]:
    """The sentences of a file: e1 as head, e2 as tail, the relation with its direction as label.

    `rest` holds ``comment``, the line after the relation, or None.

    Raises
    ------
    UserError
        If a block is not of this form, or a mark is missing or stands twice.
    """
    for line, block in _blocks(path, encoding):
        found = SENTENCE.fullmatch(block[0])
        if found is None or len(block) < 2:
            raise _malformed(path, line, block[0])
        text, head, tail = _unmarked(found[2], path, line)
        comment = block[2] if len(block) > 2 else None
        yield Marked(Document(found[1], text, block[1].strip(), head=head, tail=tail), None, {"comment": comment})


def write_semeval(records: Iterable[Marked], path: Path) -> None:
    """Write sentences with their marks.

    Raises
    ------
    UserError
        If a text has a line break or the marks in it, the two spans overlap, or an id holds white space.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            head, tail, relation = pair_of(record.document)
            _refuse(record.document, head, tail)
            text = _marked(record.document.text, head, tail)
            comment = record.rest.get("comment", COMMENT)
            lines = [f'{record.document.id}\t"{text}"', relation, *([] if comment is None else [comment])]
            file.write("\n".join(lines) + "\n\n")


def _blocks(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    block: list[str] = []
    number = 0
    with open_text(path, encoding, newline="\n") as file:
        for number, raw in enumerate(file, 1):
            line = raw.removesuffix("\n").removesuffix("\r")
            if line.strip():
                block.append(line)
            elif block:
                yield number - len(block), block
                block = []
    if block:
        yield number - len(block) + 1, block


def _unmarked(marked: str, path: Path, line: int) -> tuple[str, Span, Span]:
    """The sentence without its marks, and what stood between them."""
    places: dict[str, int] = {}
    pieces: list[str] = []
    length = end = 0
    for tag in TAG.finditer(marked):
        if tag[0] in places:
            raise _malformed(path, line, marked)
        pieces.append(marked[end : tag.start()])
        length += len(pieces[-1])
        places[tag[0]] = length
        end = tag.end()
    text = "".join((*pieces, marked[end:]))
    if len(places) != 4:
        raise _malformed(path, line, marked)
    head, tail = (quoted(text, places[f"<e{n}>"], places[f"</e{n}>"], "") for n in (1, 2))
    return text, head, tail


def _marked(text: str, head: Span, tail: Span) -> str:
    marks = ((head.start, "<e1>"), (head.end, "</e1>"), (tail.start, "<e2>"), (tail.end, "</e2>"))
    for place, mark in sorted(marks, key=lambda item: (item[0], item[1][1] == "/"), reverse=True):
        text = text[:place] + mark + text[place:]
    return text


def _refuse(document: Document, head: Span, tail: Span) -> None:
    reasons = {
        "a line break": re.search(r"[\r\n]", document.text),
        "one of the marks": TAG.search(document.text),
        "an id with white space": not document.id or re.search(r"\s", document.id),
        "overlapping spans": head.start < tail.end and tail.start < head.end,
    }
    for reason, is_so in reasons.items():
        if is_so:
            raise UserError(f"`{document.id}` has {reason}, which this format cannot hold.", "Use JSON lines.")


def _malformed(path: Path, line: int, found: str) -> UserError:
    return UserError(
        f"{path.name} line {line}: expected a number, a tab and a quoted sentence with <e1> and <e2>, then the "
        f"relation; found `{found:.60}`.",
        "Set `data.format` if the file is of another format.",
    )
