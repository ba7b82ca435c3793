"""The JSON that an answer is held to, where the server can do that: its schema and its words; `parse` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.codebook import Codebook, Task
from understudy.prompts.vocabulary import vocabulary_of

Schema = Mapping[str, Any]
"""A JSON schema, as JSON."""

KEYS = {"classification": "label", "multilabel": "labels"}
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
    return {"type": "object", "properties": {key: answer}, "required": [key], "additionalProperties": False}


def say_object(codebook: Codebook, words: Sequence[str]) -> str:
    """The answer with these names, as the schema wants it; without names the empty list, or "" where one must hold."""
    if codebook.kind == "classification":
        return json.dumps({KEYS[codebook.kind]: words[0]}, ensure_ascii=False) if words else ""
    return json.dumps({KEYS[codebook.kind]: list(words)}, ensure_ascii=False)
