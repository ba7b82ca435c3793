"""Asks a model to write labelled texts, and reads what it wrote; what breaks the task's rules is dropped and counted.

The baselines ZeroGen and FewGen: without and with examples. Asks nobody, and does not know what else has been written.

References
----------
Ye et al. (2022), ZeroGen, EMNLP; Zhang et al. (2023), LLMaAA, EMNLP Findings (the prompts' outline).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.codebook import Task
from understudy.corpus import is_blank
from understudy.errors import UserError
from understudy.prompts.render import Message, words_of
from understudy.prompts.templating import WRITE, fill, template_files_digest
from understudy.prompts.vocabulary import vocabulary_of
from understudy.records import Document, Span, Value

NOT_JSON = "no JSON object"
NO_TEXT = "no text"
UNKNOWN_LABEL = "a label that the codebook does not have"
NOT_THERE = "a span that does not stand in its text"
AMBIGUOUS = "a span that stands more than once in its text"
AGAINST_RULES = "against the rules of the task"


@dataclass(frozen=True, slots=True)
class Written:
    """What one reply holds.

    Attributes
    ----------
    documents : with the value that the model meant; ids are the numbers of their lines.
    dropped : lines that were left out, by reason.
    """

    documents: tuple[Document, ...]
    dropped: Mapping[str, int]


class _Dropped(Exception):  # noqa: N818  # no error: a line that is left out
    """Why a line is left out."""


def ask_to_write(task: Task, k: int, examples: Sequence[Document] = ()) -> tuple[Message, ...]:
    """The question for `k` labelled texts.

    Parameters
    ----------
    examples : human-labelled documents to show, gold role `demo` only; empty for ZeroGen.

    Raises
    ------
    ValueError
        If an example has no value.
    """
    words = words_of(task.codebook, is_structured=False)
    system = fill(WRITE, "system", words | {"instructions": task.codebook.instructions, "kind": task.codebook.kind})
    lines = [json.dumps(_as_line(task, each), ensure_ascii=False) for each in examples]
    return Message("system", system), Message("user", fill(WRITE, "question", {"k": k, "examples": lines}))


def writing_digest() -> str:
    """SHA-256, as 64 hex digits, over the templates that questions are made of."""
    return template_files_digest(WRITE)


def read_written(task: Task, reply: str) -> Written:
    """The texts in a reply, line by line; lines of a code fence and blank ones are no texts and do not count."""
    documents, dropped = [], Counter[str]()
    for number, line in enumerate(reply.splitlines()):
        if not line.strip() or line.strip().startswith("```"):
            continue
        try:
            documents.append(_document(task, str(number), line))
        except _Dropped as reason:
            dropped[str(reason)] += 1
    return Written(tuple(documents), dict(dropped))


def _document(task: Task, number: str, line: str) -> Document:
    try:
        found = json.loads(line.strip().rstrip(","))
    except (ValueError, RecursionError) as exc:
        raise _Dropped(NOT_JSON) from exc
    if not isinstance(found, dict):
        raise _Dropped(NOT_JSON)
    text = found.get("text")
    if not isinstance(text, str) or is_blank(text):
        raise _Dropped(NO_TEXT)
    try:
        return _checked(task, _READERS[task.codebook.kind](task, Document(number, text), found))
    except UserError as exc:
        raise _Dropped(AGAINST_RULES) from exc


def _checked(task: Task, document: Document) -> Document:
    if document.value is None:
        raise _Dropped(UNKNOWN_LABEL)
    task.check_in(document.value, document)
    return document


def _one(task: Task, document: Document, found: Mapping[str, Any]) -> Document:
    return _with(document, _label(task, found.get("label")))


def _many(task: Task, document: Document, found: Mapping[str, Any]) -> Document:
    labels = found.get("labels")
    if not isinstance(labels, list):
        raise _Dropped(UNKNOWN_LABEL)
    return _with(document, task.check(tuple(_label(task, label) for label in labels)))


def _spans(task: Task, document: Document, found: Mapping[str, Any]) -> Document:
    entities = found.get("entities")
    if not isinstance(entities, list) or not all(isinstance(each, dict) for each in entities):
        raise _Dropped(NOT_THERE)
    spans = tuple(_span(document.text, each.get("name"), _label(task, each.get("type"))) for each in entities)
    return _with(document, task.check(spans))


def _relation(task: Task, document: Document, found: Mapping[str, Any]) -> Document:
    return Document(
        document.id,
        document.text,
        _label(task, found.get("relation")),
        head=_span(document.text, found.get("subject"), ""),
        tail=_span(document.text, found.get("object"), ""),
    )


_READERS: dict[str, Callable[[Task, Document, Mapping[str, Any]], Document]] = {
    "classification": _one,
    "multilabel": _many,
    "entities": _spans,
    "relations": _relation,
}


def _with(document: Document, value: Value) -> Document:
    return Document(document.id, document.text, value)


def _label(task: Task, word: object) -> str:
    label = vocabulary_of(task.codebook).label_of(word) if isinstance(word, str) else None
    if label is None:
        raise _Dropped(UNKNOWN_LABEL)
    return label


def _span(text: str, name: object, label: str) -> Span:
    if not isinstance(name, str) or not name.strip() or name not in text:
        raise _Dropped(NOT_THERE)
    start = text.index(name)
    if text.find(name, start + 1) >= 0:
        raise _Dropped(AMBIGUOUS)
    return Span(start, start + len(name), label, name)


def _as_line(task: Task, document: Document) -> dict[str, Any]:
    """A human-labelled document in the form that is asked for."""
    if document.value is None:
        raise ValueError(f"example `{document.id}` has no human label")
    spoken, value, line = vocabulary_of(task.codebook).spoken, task.check(document.value), {"text": document.text}
    if task.codebook.kind == "entities":
        names = [{"name": each.text, "type": spoken[each.label]} for each in value if isinstance(each, Span)]
        return line | {"entities": names}
    if task.codebook.kind == "relations" and document.head is not None and document.tail is not None:
        ends = {"subject": document.head.text, "object": document.tail.text}
        return line | ends | {"relation": spoken[str(value)]}
    if isinstance(value, str):
        return line | {"label": spoken[value]}
    return line | {"labels": [spoken[str(label)] for label in value]}
