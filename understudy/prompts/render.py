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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from understudy.codebook import Codebook, Task
from understudy.prompts.nonce import nonce_for
from understudy.prompts.schema import say_object
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
    is_structured: bool = False,
) -> tuple[Message, ...]:
    """The question about one document.

    Parameters
    ----------
    demonstrations : human-labelled documents in the order in which the model reads them (nearest last).
    nonce : the run's random code, at least 16 hex digits of real randomness; each text stands between
        ``<text NONCE>`` and ``</text NONCE>``. A text that contains it gets a derived one (see `nonce_for`).
    paraphrase : the usual words, or those of one of `PARAPHRASES`.
    is_narrowed : whether the task shows only some labels of a longer codebook, which the question then says.
    is_structured : ask for, and show, answers as `schema.answer_schema` wants them.

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
    words = words_of(task.codebook, is_structured)
    shown = [message for each in demonstrations for message in _demonstration(task, template, each, nonce, words)]
    system = Message("system", _system(task.codebook, template, is_narrowed, is_structured))
    return (system, *shown, Message("user", _user(template, "question", document, nonce, words)))


def render_repair(task: Task, answer: Answer, reply: str, *, is_structured: bool = False) -> Message:
    """The second and last question after an unreadable reply: what was wrong, and what to answer with.

    Quotes the beginning of the reply (200 characters, as a JSON string), so it can stand without the reply's own turn.
    """
    start = visible(reply.strip()[:EXCERPT_CHARACTERS])
    values = {
        **words_of(task.codebook, is_structured),
        "is_exclusive": task.is_exclusive,
        "reason": answer.reason,
        "excerpt": json.dumps(start, ensure_ascii=False) if start else "",
    }
    return Message("user", fill(REPAIR, "repair", values))


def _demonstration(
    task: Task, template: str, document: Document, nonce: str, words: Mapping[str, Any]
) -> tuple[Message, Message]:
    if document.value is None:
        raise ValueError(f"demonstration `{document.id}` has no human label")
    value = task.check(document.value)
    labels = (value,) if isinstance(value, str) else tuple(str(label) for label in value)
    vocabulary = vocabulary_of(task.codebook)
    spoken = [vocabulary.spoken[each] for each in labels]
    answer = say_object(task.codebook, spoken) if words["is_structured"] else vocabulary.say(labels)
    return Message("user", _user(template, "demonstration", document, nonce, words)), Message("assistant", answer)


def _user(template: str, block: str, document: Document, nonce: str, words: Mapping[str, Any]) -> str:
    text = visible(document.text)
    return fill(template, block, {**words, "text": text, "nonce": nonce_for(text, nonce)})


@lru_cache(maxsize=256)
def _system(codebook: Codebook, template: str, is_narrowed: bool, is_structured: bool) -> str:
    values = {"instructions": codebook.instructions, "is_narrowed": is_narrowed}
    return fill(template, "system", words_of(codebook, is_structured) | values)


def words_of(codebook: Codebook, is_structured: bool) -> dict[str, Any]:
    """What every template may name; `unsure` and `nothing` are whole answers."""
    vocabulary = vocabulary_of(codebook)
    unsure, nothing = vocabulary.unsure, vocabulary.nothing
    if is_structured:
        unsure = unsure and say_object(codebook, [unsure])
        nothing = say_object(codebook, [])
    return {
        "labels": codebook.labels,
        "unsure": unsure,
        "nothing": nothing,
        "is_json": vocabulary.is_json,
        "is_structured": is_structured,
    }
