"""Writes the messages of a question; reads no files but templates, asks nobody, and never changes stored texts.

A question is a conversation: the system message (role, codebook, rules), each demonstration as a user turn with its
text and an assistant turn with its answer, then the text to judge. Demonstrations are turns rather than a block because
chat models are trained to continue turns: the wanted reply is shown in the very form and place in which it is wanted,
and servers that insist on alternating roles accept it. The system message has no random part and is byte-identical for
all texts of a codebook, so that providers can cache it.

Only `Document.text` reaches the model: no id, no metadata, no human label of the text that is asked about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from understudy.codebook import Codebook, Task
from understudy.prompts.nonce import nonce_for
from understudy.prompts.templating import PLAIN, REPAIR, fill, template_of
from understudy.prompts.visible import visible
from understudy.prompts.vocabulary import vocabulary_of
from understudy.records import Answer, Document

EXCERPT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: str


def render(
    task: Task,
    document: Document,
    demonstrations: Sequence[Document],
    nonce: str,
    *,
    paraphrase: str = PLAIN,
    is_narrowed: bool = False,
) -> tuple[Message, ...]:
    """The question about one document.

    Parameters
    ----------
    demonstrations : human-labelled documents in the order in which the model reads them (nearest last).
    nonce : the run's random code, at least 16 hex digits of real randomness; each text stands between
        ``<text NONCE>`` and ``</text NONCE>``. A text that contains it gets a derived one (see `nonce_for`).
    paraphrase : the usual words, or those of one of `PARAPHRASES`.
    is_narrowed : whether the task shows only some labels of a longer codebook, which the question then says.

    Returns
    -------
    system, then user and assistant for each demonstration, then user.

    Raises
    ------
    UserError
        If a demonstration's value is none of the task's, or the codebook's names cannot be told apart.
    ValueError
        If a demonstration has no value.
    """
    template = template_of(task.codebook, paraphrase)
    shown = [message for each in demonstrations for message in _demonstration(task, template, each, nonce)]
    system = Message("system", _system(task.codebook, template, is_narrowed))
    return (system, *shown, Message("user", _user(task.codebook, template, "question", document, nonce)))


def render_repair(task: Task, answer: Answer, reply: str) -> Message:
    """The second and last question after an unreadable reply: what was wrong, and what to answer with.

    Quotes the beginning of the reply (200 characters, as a JSON string), so it can stand without the reply's own turn.
    """
    start = visible(reply.strip()[:EXCERPT_CHARACTERS])
    values = {
        **_words(task.codebook),
        "is_exclusive": task.is_exclusive,
        "reason": answer.reason,
        "excerpt": json.dumps(start, ensure_ascii=False) if start else "",
    }
    return Message("user", fill(REPAIR, "repair", values))


def _demonstration(task: Task, template: str, document: Document, nonce: str) -> tuple[Message, Message]:
    if document.value is None:
        raise ValueError(f"demonstration `{document.id}` has no human label")
    value = task.check(document.value)
    labels = (value,) if isinstance(value, str) else tuple(str(label) for label in value)
    answer = vocabulary_of(task.codebook).say(labels)
    return Message("user", _user(task.codebook, template, "demonstration", document, nonce)), Message(
        "assistant", answer
    )


def _user(codebook: Codebook, template: str, block: str, document: Document, nonce: str) -> str:
    text = visible(document.text)
    return fill(template, block, {**_words(codebook), "text": text, "nonce": nonce_for(text, nonce)})


@lru_cache(maxsize=256)
def _system(codebook: Codebook, template: str, is_narrowed: bool) -> str:
    values = {**_words(codebook), "instructions": codebook.instructions, "is_narrowed": is_narrowed}
    return fill(template, "system", values)


def _words(codebook: Codebook) -> dict[str, Any]:
    vocabulary = vocabulary_of(codebook)
    return {
        "labels": codebook.labels,
        "unsure": vocabulary.unsure,
        "nothing": vocabulary.nothing,
        "is_json": vocabulary.is_json,
    }
