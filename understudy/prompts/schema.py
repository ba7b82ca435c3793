"""The JSON that an answer is held to, where the server can do that: its schema and its words; `parse` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.codebook import Codebook, Task
from understudy.prompts.vocabulary import UNSURE, vocabulary_of

Schema = Mapping[str, Any]
"""A JSON schema, as JSON."""

KEYS = {"classification": "label", "multilabel": "labels", "relations": "label"}
"""Under which key the answer stands, for each kind of task that has a schema."""


def answer_schema(task: Task) -> Schema | None:
    """The answers that a codebook allows, an object with one label or with a list of labels; None for other kinds.

    The names are those that the model reads, in codebook order, and `unsure` last, so that nobody is forced to guess;
    no label at all is the empty list. Every property is required and no other is allowed, as strict servers want it.

    Examples
    --------
    ``{"label": "complaint"}``, ``{"label": "unsure"}``, ``{"labels": ["noise", "heat"]}``, ``{"labels": []}``.
    """
    key = KEYS.get(task.codebook.kind)
    if key is None:
        return None
    vocabulary = vocabulary_of(task.codebook)
    word = {"type": "string", "enum": [*vocabulary.spoken.values(), *filter(None, [vocabulary.unsure])]}
    answer = word if task.is_exclusive else {"type": "array", "items": word}
    return _strict_object({key: answer})


def spans_schema(task: Task, span_format: str) -> Schema | None:
    """The answers in a JSON form of spans, and whether the teacher is unsure; None for inline tags."""
    if span_format == "tags":
        return None
    word = {"type": "string", "enum": [*vocabulary_of(task.codebook).spoken.values()]}
    string = {"type": "string"}
    if span_format == "json":
        item = _strict_object({"text": string, "type": word, "occurrence": {"type": "integer"}})
    else:
        item = _strict_object({"span": string, "type": word})
    return _strict_object({"entities": {"type": "array", "items": item}, UNSURE: {"type": "boolean"}})


def _strict_object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def say_object(codebook: Codebook, words: Sequence[str]) -> str:
    """The answer with these names, as the schema wants it; without names the empty list, or "" where one must hold."""
    if KEYS[codebook.kind] == "label":
        return json.dumps({KEYS[codebook.kind]: words[0]}, ensure_ascii=False) if words else ""
    return json.dumps({KEYS[codebook.kind]: list(words)}, ensure_ascii=False)
