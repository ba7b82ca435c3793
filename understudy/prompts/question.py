"""Puts one question about one text: which labels it shows in which order, in which words, with which data masked.

It decides nothing of this itself and asks nobody: a `Wording` says it for a whole run, `labels` for one text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from understudy.codebook import Codebook, Label, Task, task_of
from understudy.prompts.marks import swapped
from understudy.prompts.masking import Mask
from understudy.prompts.parse import parse
from understudy.prompts.render import AS_NAMES, Form, Message, render, render_repair, shown_of
from understudy.prompts.schema import Schema, answer_schema, spans_schema
from understudy.prompts.shown import Shown
from understudy.prompts.spans import SpanFormat, read_spans
from understudy.prompts.templating import PLAIN
from understudy.records import Answer, Document, Outcome

WRONG_TYPES = "that relation cannot hold between spans of these types"


@dataclass(frozen=True, slots=True)
class Wording:
    """How every question of a run is put.

    Attributes
    ----------
    paraphrase : the usual words, or those of one of `templating.PARAPHRASES`.
    mask : what is replaced in all texts before they are sent; None for nothing.
    orders : label names in the order in which they are shown, one order for each replicate (then again from the
        first); empty for the codebook's order.
    is_structured : ask for JSON, as `schema.answer_schema` describes it; kinds of task without a schema are not.
    span_format : how spans are written, where spans are asked for.
    is_swapped : ask about the relation from the tail to the head.
    """

    paraphrase: str = PLAIN
    mask: Mask | None = None
    orders: tuple[tuple[str, ...], ...] = ()
    is_structured: bool = False
    span_format: SpanFormat = "tags"
    is_swapped: bool = False

    def order(self, names: tuple[str, ...], replicate: int) -> tuple[str, ...]:
        """Some labels in the order in which a replicate shows them."""
        if not self.orders:
            return names
        return tuple(name for name in self.orders[replicate % len(self.orders)] if name in names)


PLAINLY = Wording()
"""The usual words, nothing masked, labels in codebook order."""


@dataclass(frozen=True)
class Question:
    """One question, ready to be sent, and how its answer is read.

    Attributes
    ----------
    messages : what is sent.
    task : what is asked: the labels shown, in the order shown.
    full : what is labelled: all labels in codebook order.
    schema : what the answer is held to where the endpoint can do that; None for free text.
    shown : the text on which spans are laid; None where labels are asked for.
    impossible : labels that are shown and cannot hold for this document.
    """

    messages: tuple[Message, ...]
    task: Task
    full: Task
    schema: Schema | None = None
    form: Form = AS_NAMES
    shown: Shown | None = None
    impossible: frozenset[str] = frozenset()

    def read(self, reply: str) -> Answer:
        """The answer in a reply, as `parse` or `read_spans` reads it; a set of labels in codebook order."""
        if self.shown is not None:
            return read_spans(self.task, self.shown, reply, self.form.span_format)
        answer = parse(self.task, reply)
        if answer.value in self.impossible:
            return Answer(Outcome.UNPARSED, reason=WRONG_TYPES)
        return answer if answer.value is None else replace(answer, value=self.full.check(answer.value))

    def repair(self, answer: Answer, reply: str) -> Message:
        """What to ask after an unreadable reply."""
        return render_repair(self.task, answer, reply, self.form)


def pose(
    task: Task,
    document: Document,
    demonstrations: Sequence[Document],
    nonce: str,
    wording: Wording = PLAINLY,
    *,
    labels: tuple[str, ...] = (),
    replicate: int = 0,
) -> Question:
    """The question about one document.

    Parameters
    ----------
    demonstrations, nonce : as in `render`.
    labels : the labels to show, at least two where one holds; empty for all. Those of the demonstrations among them.
    replicate : 0-based number of the repetition; chooses the order of labels.
    """
    if wording.is_swapped:
        document = swapped(document)
    fitting = fitting_relations(task, document)
    shown = wording.order(_wanted(task, labels or task.labels, demonstrations, fitting), replicate)
    asked = task_showing(task, shown)
    schema = _schema(asked, wording) if wording.is_structured else None
    form = Form(schema is not None, wording.span_format, wording.mask)
    messages = render(
        asked,
        document,
        demonstrations,
        nonce,
        paraphrase=wording.paraphrase,
        is_narrowed=len(shown) < len(task.labels),
        form=form,
    )
    seen = shown_of(asked, document, form) if task.codebook.kind == "entities" else None
    impossible = frozenset(shown).difference(fitting) if fitting else frozenset[str]()
    return Question(messages, asked, task, schema, form, seen, impossible)


def fitting_relations(task: Task, document: Document) -> tuple[str, ...]:
    """The relations that the types of head and tail allow, and the null label; empty if no type rules any out.

    Only declared types of a label restrict it, and only where the document says of which type head and tail are.
    """
    book = task.codebook
    if book.kind != "relations" or not any(label.heads or label.tails for label in book.labels):
        return ()
    return tuple(label.name for label in book.labels if label.name == book.null or _fits(label, document))


def _fits(label: Label, document: Document) -> bool:
    head, tail = (span.label if span is not None else "" for span in (document.head, document.tail))
    allows_head = not label.heads or not head or head in label.heads
    return allows_head and (not label.tails or not tail or tail in label.tails)


def _wanted(
    task: Task, labels: tuple[str, ...], demonstrations: Sequence[Document], fitting: tuple[str, ...]
) -> tuple[str, ...]:
    """Some labels; of relations the null label and those that fit or that a demonstration has."""
    if task.codebook.kind != "relations":
        return labels
    shown = {each.value for each in demonstrations}
    candidates = {*labels, task.codebook.null}
    if fitting:
        candidates &= {*fitting, *shown}
    return tuple(each for each in task.labels if each in candidates)


def _schema(task: Task, wording: Wording) -> Schema | None:
    return spans_schema(task, wording.span_format) if task.codebook.kind == "entities" else answer_schema(task)


def masked(document: Document, mask: Mask | None) -> Document:
    """The document as it is sent."""
    return document if mask is None else replace(document, text=mask.apply(document.text).text)


def task_showing(task: Task, names: tuple[str, ...]) -> Task:
    """The task with some of its labels only, in this order."""
    return task if names == task.labels else _task_showing(task.codebook, names)


@lru_cache(maxsize=256)
def _task_showing(codebook: Codebook, names: tuple[str, ...]) -> Task:
    """The task with these labels only, in this order; which of them is positive is not shown to anyone."""
    by_name = {label.name: label for label in codebook.labels}
    labels = tuple(by_name[name] for name in names)
    null = codebook.null if codebook.kind == "relations" and codebook.null in names else None
    return task_of(codebook.model_copy(update={"labels": labels, "positive": None, "null": null}))
