"""Puts one question about several texts, and tells from the reply which text was given which answer, or none for sure.

It does not choose which texts are asked about together, and never guesses: a text whose answer is missing, doubled or
cannot be read has none here, and is asked about alone by whoever asked. Each text has an id that nothing in another
text can know, so that no text can speak for its neighbour.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from understudy.codebook import Task
from understudy.prompts.nonce import nonce_for
from understudy.prompts.parse import parse, parse_items
from understudy.prompts.question import Wording, masked, task_showing
from understudy.prompts.render import Message, words_of
from understudy.prompts.schema import KEYS, Schema, answer_schema, say_object
from understudy.prompts.templating import PLAIN, SEVERAL, fill
from understudy.prompts.visible import visible
from understudy.prompts.vocabulary import vocabulary_of
from understudy.records import Answer, Document, Outcome

LETTERS = "bcdfghjkmnpqrstvwxz"
"""Ids are made of these: no words, no years, nothing that looks alike."""
N_LETTERS = 4


@dataclass(frozen=True)
class SeveralQuestion:
    """One question about several texts, ready to be sent, and how its answers are read.

    Attributes
    ----------
    messages, task, full, schema : as in `Question`.
    ids : of the texts in this question, in the order shown; not those of the documents.
    """

    messages: tuple[Message, ...]
    task: Task
    full: Task
    ids: tuple[str, ...]
    schema: Schema | None = None

    def read(self, reply: str) -> tuple[Answer | None, ...]:
        """The answer for each text; None where it is missing, doubled or unreadable.

        A reply that cannot be taken apart, or that answers for a text that was not shown, answers for none.
        """
        items = parse_items(reply)
        times = Counter(identifier for identifier, _ in items)
        if not times.keys() <= set(self.ids):
            return (None,) * len(self.ids)
        said = dict(items)
        return tuple(self._read_one(said[one]) if times[one] == 1 else None for one in self.ids)

    def _read_one(self, words: str) -> Answer | None:
        answer = parse(self.task, words)
        if answer.outcome is Outcome.UNPARSED:
            return None
        return answer if answer.value is None else replace(answer, value=self.full.check(answer.value))


def pose_several(
    task: Task,
    documents: Sequence[Document],
    demonstrations: Sequence[Document],
    nonce: str,
    wording: Wording,
    *,
    replicate: int = 0,
) -> SeveralQuestion:
    """The question about some documents, at least one.

    Parameters
    ----------
    demonstrations : human-labelled documents, none of them among `documents`; shown as one turn with all their
        answers, so that the wanted reply is seen in the form in which it is wanted.
    nonce : as in `render`; derived anew if one of the texts contains it.
    wording : what is masked, the order of labels, and whether JSON is asked for; there are no paraphrases.

    Raises
    ------
    UserError
        As `render`.
    ValueError
        If there is no document, a demonstration has no value or is asked about, or the wording is a paraphrase.
    """
    if not documents or wording.paraphrase != PLAIN:
        raise ValueError(f"expected texts to ask about in the usual words, found {len(documents)} and {wording}")
    if {each.id for each in documents} & {each.id for each in demonstrations}:
        raise ValueError("a document that is asked about is shown with its label")
    asked = task_showing(task, wording.order(task.labels, replicate))
    texts = [visible(masked(each, wording.mask).text) for each in documents]
    shown = [visible(masked(each, wording.mask).text) for each in demonstrations]
    code = nonce_for("\n".join((*texts, *shown)), nonce)
    ids = _ids(code, [*shown, *texts])
    vocabulary = vocabulary_of(asked.codebook)
    words = words_of(asked.codebook, wording.is_structured) | {
        "is_exclusive": asked.is_exclusive,
        "unsure": vocabulary.unsure,
        "nothing": vocabulary.nothing,
    }
    messages = (
        Message("system", fill(SEVERAL, "system", {**words, "instructions": asked.codebook.instructions})),
        *_demonstrated(asked, demonstrations, shown, ids, code, wording.is_structured),
        Message("user", _shown("question", texts, ids[len(shown) :], code)),
    )
    schema = _schema(asked) if wording.is_structured else None
    return SeveralQuestion(messages, asked, task, ids[len(shown) :], schema)


def demonstrations_for(
    documents: Sequence[Document], chosen: Sequence[Sequence[Document]], k: int
) -> tuple[Document, ...]:
    """At most `k` demonstrations for several documents: each one's nearest in turn, then each one's second, and so on.

    Parameters
    ----------
    chosen : for each of `documents` its own demonstrations, nearest last.

    Returns
    -------
    Without repeats and without any of `documents`, best last.
    """
    asked = {each.id for each in documents}
    taken: dict[str, Document] = {}
    for rank in range(max((len(row) for row in chosen), default=0)):
        for row in chosen:
            each = row[-1 - rank] if rank < len(row) else None
            if each is not None and each.id not in asked and len(taken) < k:
                taken.setdefault(each.id, each)
    return tuple(taken.values())[::-1]


def _ids(code: str, texts: Sequence[str]) -> tuple[str, ...]:
    """A short id for each text, all different; nobody who does not know the code can tell them."""
    ids: dict[str, None] = {}
    for place, text in enumerate(texts):
        attempt = 0
        while (one := _letters(f"{code}:{place}:{attempt}:{text}")) in ids:
            attempt += 1
        ids[one] = None
    return tuple(ids)


def _letters(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()
    return "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:N_LETTERS])


def _demonstrated(
    task: Task,
    demonstrations: Sequence[Document],
    texts: Sequence[str],
    ids: Sequence[str],
    code: str,
    is_structured: bool,
) -> tuple[Message, ...]:
    if not demonstrations:
        return ()
    said = dict(zip(ids, [_spoken(task, each) for each in demonstrations], strict=False))
    answers = _say_objects(task, said) if is_structured else _say_lines(task, said)
    return Message("user", _shown("demonstration", texts, ids, code)), Message("assistant", answers)


def _spoken(task: Task, document: Document) -> tuple[str, ...]:
    if document.value is None:
        raise ValueError(f"demonstration `{document.id}` has no human label")
    value = task.check(document.value)
    return (value,) if isinstance(value, str) else tuple(str(label) for label in value)


def _say_lines(task: Task, said: Mapping[str, tuple[str, ...]]) -> str:
    vocabulary = vocabulary_of(task.codebook)
    return "\n".join(f"{one}: {vocabulary.say(labels)}" for one, labels in said.items())


def _say_objects(task: Task, said: Mapping[str, tuple[str, ...]]) -> str:
    spoken = vocabulary_of(task.codebook).spoken
    entries = [
        {"id": one, **json.loads(say_object(task.codebook, [spoken[label] for label in labels]))}
        for one, labels in said.items()
    ]
    return json.dumps({"answers": entries}, ensure_ascii=False)


def _shown(block: str, texts: Sequence[str], ids: Sequence[str], code: str) -> str:
    items = [{"id": one, "text": text} for one, text in zip(ids, texts, strict=False)]
    return fill(SEVERAL, block, {"items": items, "nonce": code})


def _schema(task: Task) -> dict[str, Any] | None:
    """The same for every question about a codebook, so that servers can keep what they make of it."""
    one = answer_schema(task)
    if one is None:
        return None
    entry = {
        "type": "object",
        "properties": {"id": {"type": "string"}, **one["properties"]},
        "required": ["id", KEYS[task.codebook.kind]],
        "additionalProperties": False,
    }
    answers = {"type": "array", "items": entry}
    return {
        "type": "object",
        "properties": {"answers": answers},
        "required": ["answers"],
        "additionalProperties": False,
    }
