"""Puts one question about one text: which labels it shows in which order, in which words, with which data masked.

It decides nothing of this itself and asks nobody: a `Wording` says it for a whole run, `labels` for one text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from understudy.codebook import Codebook, Task, task_of
from understudy.prompts.masking import Mask
from understudy.prompts.parse import parse
from understudy.prompts.render import Message, render, render_repair
from understudy.prompts.schema import Schema, answer_schema
from understudy.prompts.templating import PLAIN
from understudy.records import Answer, Document


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
    """

    paraphrase: str = PLAIN
    mask: Mask | None = None
    orders: tuple[tuple[str, ...], ...] = ()
    is_structured: bool = False

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
    """

    messages: tuple[Message, ...]
    task: Task
    full: Task
    schema: Schema | None = None

    def read(self, reply: str) -> Answer:
        """The answer in a reply, as `parse` reads it; a set of labels in codebook order."""
        answer = parse(self.task, reply)
        return answer if answer.value is None else replace(answer, value=self.full.check(answer.value))

    def repair(self, answer: Answer, reply: str) -> Message:
        """What to ask after an unreadable reply."""
        return render_repair(self.task, answer, reply, is_structured=self.schema is not None)


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
    shown = wording.order(labels or task.labels, replicate)
    asked = task_showing(task, shown)
    schema = answer_schema(asked) if wording.is_structured else None
    messages = render(
        asked,
        masked(document, wording.mask),
        [masked(each, wording.mask) for each in demonstrations],
        nonce,
        paraphrase=wording.paraphrase,
        is_narrowed=len(shown) < len(task.labels),
        is_structured=schema is not None,
    )
    return Question(messages, asked, task, schema)


def masked(document: Document, mask: Mask | None) -> Document:
    """The document as it is sent."""
    return document if mask is None else replace(document, text=mask.apply(document.text).text)


def task_showing(task: Task, names: tuple[str, ...]) -> Task:
    """The task with some of its labels only, in this order."""
    return task if names == task.labels else _task_showing(task.codebook, names)


@lru_cache(maxsize=256)
def _task_showing(codebook: Codebook, names: tuple[str, ...]) -> Task:
    """The task with these labels only, in this order; which of them is positive or null is not shown to anyone."""
    by_name = {label.name: label for label in codebook.labels}
    labels = tuple(by_name[name] for name in names)
    return task_of(codebook.model_copy(update={"labels": labels, "positive": None, "null": None}))
