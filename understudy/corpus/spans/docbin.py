"""spaCy's DocBin: entities and the span group ``sc``; the only module that knows spaCy, which is an extra."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from understudy.corpus.opening import check_readable
from understudy.corpus.spans.marked import Marked, quoted, sorted_spans
from understudy.errors import UserError
from understudy.records import Document, Span

_RUNS = re.compile(r"\S+|\s+")
GROUP = "sc"
"""Where spaCy's own span categoriser looks for spans that may overlap."""


def read_docbin(path: Path) -> Iterator[Marked]:
    """The docs of a file, with their tokens; spans of ``ents`` and of the group ``sc`` together.

    Raises
    ------
    UserError
        If spaCy is missing, or the file is no DocBin.
    """
    spacy = _spacy()
    check_readable(path)
    try:
        docs = list(spacy.tokens.DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab))
    except Exception as exc:
        raise UserError(f"{path.name} is no DocBin of spaCy: {exc}.", "Save it with `DocBin.to_disk`.") from exc
    for number, doc in enumerate(docs, 1):
        marks = (*doc.ents, *doc.spans.get(GROUP, ()))
        spans = sorted_spans(quoted(doc.text, mark.start_char, mark.end_char, mark.label_) for mark in marks)
        places = tuple((token.idx, token.idx + len(token)) for token in doc)
        identifier = str(doc.user_data.get("id") or f"{path.stem}-{number}")
        yield Marked(Document(identifier, doc.text, spans), places)


def write_docbin(records: Iterable[Marked], path: Path) -> None:
    """Write docs whose tokens are words and single spaces; overlapping spans go to the group ``sc``.

    Raises
    ------
    UserError
        If spaCy is missing.
    """
    spacy = _spacy()
    vocab = spacy.blank("xx").vocab
    made = spacy.tokens.DocBin(store_user_data=True)
    for record in records:
        made.add(_doc(spacy, vocab, record))
    made.to_disk(path)


def _spacy() -> Any:
    try:
        import spacy
        import spacy.tokens
    except ImportError as exc:
        raise UserError("DocBin files need spaCy, which is not installed.", "Run `pip install spacy`.") from exc
    return spacy


def _doc(spacy: Any, vocab: Any, record: Marked) -> Any:
    text, spans = record.document.text, record.spans
    words, spaces = _pieces(text, spans)
    doc = spacy.tokens.Doc(vocab, words=words, spaces=spaces, user_data={"id": record.document.id})
    marks = [doc.char_span(span.start, span.end, label=span.label) for span in spans]
    if any(second.start < first.end for first, second in pairwise(spans)):
        doc.spans[GROUP] = marks
    else:
        doc.ents = marks
    return doc


def _pieces(text: str, spans: Sequence[Span]) -> tuple[list[str], list[bool]]:
    """Words, each with whether one space follows it; other white space is a word of its own; cut at every span."""
    starts, ends = {span.start for span in spans}, {span.end for span in spans}
    cuts = sorted({0, len(text), *starts, *ends})
    runs = [(left + run.start(), run[0]) for left, right in pairwise(cuts) for run in _RUNS.finditer(text[left:right])]
    words: list[str] = []
    spaces: list[bool] = []
    for place, run in runs:
        is_free = place not in starts and place + 1 not in ends
        if run == " " and is_free and words and not spaces[-1] and not words[-1].isspace():
            spaces[-1] = True
        else:
            words.append(run)
            spaces.append(False)
    return words, spaces
