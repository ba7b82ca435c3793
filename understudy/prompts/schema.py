"""The JSON schema that an answer is held to, where the server can do that; it reads no reply (`parse` does)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.codebook import Task
from understudy.prompts.vocabulary import vocabulary_of

Schema = Mapping[str, Any]
"""A JSON schema, as JSON."""

ONE, MANY = "label", "labels"
KINDS = ("classification", "multilabel")


def answer_schema(task: Task) -> Schema | None:
    """The answers that a codebook allows, an object with one label or with a list of labels; None for other kinds.

    The names are those that the model reads, in codebook order, and `unsure` last, so that nobody is forced to guess;
    no label at all is the empty list. Every property is required and no other is allowed, as strict servers want it.

    Examples
    --------
    ``{"label": "complaint"}``, ``{"label": "unsure"}``, ``{"labels": ["noise", "heat"]}``, ``{"labels": []}``.
    """
    if task.codebook.kind not in KINDS:
        return None
    vocabulary = vocabulary_of(task.codebook)
    words = [*vocabulary.spoken.values(), *filter(None, [vocabulary.unsure])]
    word = {"type": "string", "enum": words}
    name, answer = (ONE, word) if task.is_exclusive else (MANY, {"type": "array", "items": word})
    return {"type": "object", "properties": {name: answer}, "required": [name], "additionalProperties": False}


def say_object(task: Task, labels: Sequence[str]) -> str:
    """The answer that a model should give for these labels, as the schema wants it."""
    spoken = vocabulary_of(task.codebook).spoken
    words = [spoken[label] for label in labels]
    return json.dumps({ONE: words[0]} if task.is_exclusive else {MANY: words}, ensure_ascii=False)
