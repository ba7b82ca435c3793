"""Writes the messages of a question; reads no files but templates, asks nobody, and never changes stored texts.

A question is a conversation: the system message (role, codebook, rules), each demonstration as a user turn with its
text and an assistant turn with its answer, then the text to judge. Demonstrations are turns rather than a block because
chat models are trained to continue turns: the wanted reply is shown in the very form and place in which it is wanted,
and servers that insist on alternating roles accept it. The system message has no random part and is byte-identical for
all texts of a codebook, so that providers can cache it.

Only `Document.text` reaches the model, with head and tail marked where a relation is asked for: no id, no metadata, no
human label of the text that is asked about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from understudy.codebook import Codebook, Label, Task
from understudy.prompts.marks import marked_text
from understudy.prompts.masking import Mask
from understudy.prompts.nonce import nonce_for
from understudy.prompts.schema import say_object
from understudy.prompts.shown import Shown, show
from understudy.prompts.spans import SpanFormat, look_alikes, say_spans, tag_of
from understudy.prompts.templating import PLAIN, fill, repair_of, template_of
from understudy.prompts.visible import visible
from understudy.prompts.vocabulary import vocabulary_of
from understudy.records import Answer, Document, Span, Value

EXCERPT_CHARACTERS = 200
UNSURE_OF_SPANS = '{"entities": [], "unsure": true}'
NO_SPANS = '{"entities": [], "unsure": false}'


@dataclass(frozen=True, slots=True)
class Form:
    """The form of answers, and what of a text is sent.

    Attributes
    ----------
    is_structured : answers are JSON as `schema.answer_schema` wants it.
    span_format : how spans are written, where spans are asked for.
    mask : what is replaced in all texts; None for nothing.
    """

    is_structured: bool = False
    span_format: SpanFormat = "tags"
    mask: Mask | None = None


AS_NAMES = Form()
"""In free text, nothing masked."""


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
    form: Form = AS_NAMES,
) -> tuple[Message, ...]:
    """The question about one document.

    Parameters
    ----------
    demonstrations : human-labelled documents in the order in which the model reads them (nearest last).
    nonce : the run's random code, at least 16 hex digits of real randomness; each text stands between
        ``<text NONCE>`` and ``</text NONCE>``. A text that contains it gets a derived one (see `nonce_for`).
    paraphrase : the usual words, or those of one of `PARAPHRASES`.
    is_narrowed : whether the task shows only some labels of a longer codebook, which the question then says.
    form : how answers are asked for and shown, and what is masked.

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
    words = words_of(task.codebook, form.is_structured, form.span_format)
    shown = [message for each in demonstrations for message in _demonstration(task, template, each, nonce, form)]
    system = Message("system", _system(task.codebook, template, is_narrowed, form.is_structured, form.span_format))
    return (system, *shown, Message("user", _user(template, "question", text_of(task, document, form), nonce, words)))


def render_repair(task: Task, answer: Answer, reply: str, form: Form = AS_NAMES) -> Message:
    """The second and last question after an unreadable reply: what was wrong, and what to answer with.

    Quotes the beginning of the reply (200 characters, as a JSON string), so it can stand without the reply's own turn.
    """
    start = visible(reply.strip()[:EXCERPT_CHARACTERS])
    values = {
        **words_of(task.codebook, form.is_structured, form.span_format),
        "is_exclusive": task.is_exclusive,
        "reason": answer.reason,
        "excerpt": json.dumps(start, ensure_ascii=False) if start else "",
    }
    return Message("user", fill(repair_of(task.codebook), "repair", values))


def shown_of(task: Task, document: Document, form: Form) -> Shown:
    """A text as it is sent, without marks of head and tail."""
    disguises = look_alikes(task.codebook) if task.codebook.kind == "entities" and form.span_format == "tags" else None
    return show(document.text, form.mask, disguises)


def text_of(task: Task, document: Document, form: Form) -> str:
    """What is sent of a document."""
    if task.codebook.kind == "relations":
        return marked_text(document, form.mask)
    return shown_of(task, document, form).text


def _demonstration(task: Task, template: str, document: Document, nonce: str, form: Form) -> tuple[Message, Message]:
    if document.value is None:
        raise ValueError(f"demonstration `{document.id}` has no human label")
    words = words_of(task.codebook, form.is_structured, form.span_format)
    question = _user(template, "demonstration", text_of(task, document, form), nonce, words)
    return Message("user", question), Message("assistant", _said(task, document, task.check(document.value), form))


def _said(task: Task, document: Document, value: Value, form: Form) -> str:
    """The answer that is wanted."""
    spans = [each for each in value if isinstance(each, Span)]
    if task.codebook.kind == "entities":
        shown = shown_of(task, document, form)
        return say_spans(task, shown, spans, form.span_format, is_structured=form.is_structured)
    labels = (value,) if isinstance(value, str) else tuple(str(label) for label in value)
    vocabulary = vocabulary_of(task.codebook)
    spoken = [vocabulary.spoken[each] for each in labels]
    return say_object(task.codebook, spoken) if form.is_structured else vocabulary.say(labels)


def _user(template: str, block: str, text: str, nonce: str, words: Mapping[str, Any]) -> str:
    return fill(template, block, {**words, "text": text, "nonce": nonce_for(text, nonce)})


@lru_cache(maxsize=256)
def _system(codebook: Codebook, template: str, is_narrowed: bool, is_structured: bool, span_format: SpanFormat) -> str:
    values = {"instructions": codebook.instructions, "is_narrowed": is_narrowed}
    return fill(template, "system", words_of(codebook, is_structured, span_format) | values)


def words_of(codebook: Codebook, is_structured: bool, span_format: SpanFormat = "tags") -> dict[str, Any]:
    """What every template may name; `unsure` and `nothing` are whole answers."""
    vocabulary = vocabulary_of(codebook)
    unsure, nothing = vocabulary.unsure, vocabulary.nothing
    common = {"is_json": vocabulary.is_json, "is_structured": is_structured}
    if codebook.kind == "entities":
        return _words_of_spans(codebook, is_structured, span_format) | common
    if is_structured:
        unsure = unsure and say_object(codebook, [unsure])
        nothing = say_object(codebook, [])
    words = {"labels": codebook.labels, "unsure": unsure, "nothing": nothing} | common
    return words | _words_of_relations(codebook) if codebook.kind == "relations" else words


def _words_of_spans(codebook: Codebook, is_structured: bool, span_format: SpanFormat) -> dict[str, Any]:
    vocabulary = vocabulary_of(codebook)
    unsure, nothing = vocabulary.unsure, vocabulary.nothing
    if is_structured and span_format != "tags":
        unsure, nothing = UNSURE_OF_SPANS, NO_SPANS
    elif span_format != "tags":
        nothing = '{"entities": []}' if span_format == "json" else "[]"
    return {
        "labels": codebook.labels,
        "tags": {label: tag_of(vocabulary, label) for label in vocabulary.spoken},
        "span_format": span_format,
        "is_nested": codebook.nested,
        "unsure": unsure,
        "nothing": nothing,
    }


def _words_of_relations(codebook: Codebook) -> dict[str, Any]:
    """Labels by their names, with the sentences that they stand for, and the label that means none of them."""
    spoken = vocabulary_of(codebook).spoken
    return {
        "labels": tuple(each.model_copy(update={"verbalised": spoken[each.name]}) for each in codebook.labels),
        "sentences": {each.name: _sentence(each, spoken[each.name]) for each in codebook.labels},
        "null": None if codebook.null is None else spoken[codebook.null],
    }


def _sentence(label: Label, spoken: str) -> str:
    """What the relation says, or "" if it has but a name."""
    return "" if label.spoken == spoken else label.spoken.replace("{head}", "E1").replace("{tail}", "E2")
