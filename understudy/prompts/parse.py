"""Reads a model's reply; strict, with the few declared liberties below, and never guesses or raises on any reply.

A reply is read whole. What is forgiven, in this order, each at most once:

1. case, outer white space, Unicode form (NFC) and invisible controls (see `vocabulary.key_of`);
2. reasoning before the answer: closed blocks ``<think>``, ``<thinking>``, ``<thought>`` or ``<reasoning>`` (also in
   square brackets), or everything up to the closing mark where the server has swallowed the opening one;
3. one Markdown fence around the whole answer, with or without a language;
4. one pair of quotation marks, backticks or (one or two) asterisks around a name or around the whole answer;
5. a JSON object instead of the plain form: ``{"label": NAME}``, for sets ``{"labels": [NAME, ...]}`` or a bare JSON
   list; a number between 0 and 1 under ``"confidence"`` is kept, other keys are ignored.

Names are matched whole, never by prefix; spoken and stored names are both understood, and where the spoken name of one
label is the stored name of another, the spoken one wins. In sets, names stand between ``|``.

Everything else is `unparsed` with one of the reasons below, so that the repair round can ask once more: also a full
stop after the name, ``label: NAME``, prose around the answer, single-quoted JSON, trailing commas, repeated keys, two
JSON objects, two labels where one holds, reasoning without an end. A label survives a bad confidence (out of range,
NaN, no number): the confidence is then None and the reason says so. `unsure` abstains unless a label is called so.
Refusals in prose are not guessed here: that is the provider's word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from understudy.codebook import Task
from understudy.errors import UserError
from understudy.prompts.vocabulary import SEPARATOR, Vocabulary, vocabulary_of
from understudy.records import Answer, Outcome

EMPTY = "the answer is empty"
ONLY_REASONING = "there is no answer after the reasoning"
OPEN_REASONING = "the reasoning does not end"
NOT_A_LABEL = "it is not a label of the codebook"
NOT_ALL_LABELS = "it holds something that is not a label of the codebook"
SEVERAL_LABELS = "it names several labels where exactly one holds"
BAD_JSON = "it is not one valid JSON value"
REPEATED_KEY = "a JSON key stands twice"
NO_LABEL_KEY = "the JSON holds no label, or not in the expected form"
TEACHER_UNSURE = "the teacher is unsure"
BAD_CONFIDENCE = "the stated confidence is not a number between 0 and 1"

_REASONING_NAME = r"(?:think|thinking|thought|reasoning)"
_REASONING_START = re.compile(rf"(?:<{_REASONING_NAME}>|\[{_REASONING_NAME}\])", re.IGNORECASE)
_REASONING_END = re.compile(rf"(?:</{_REASONING_NAME}>|\[/{_REASONING_NAME}\])", re.IGNORECASE)
_FENCE = re.compile(r"```(?:[\w+-]*[ \t]*\r?\n)?((?:(?!```).)*)```", re.DOTALL)
_PAIRS = ("**", "**"), ("*", "*"), ('"', '"'), ("'", "'"), ("`", "`"), ("“", "”"), ("‘", "’"), ("„", "“"), ("«", "»")
_BETWEEN_LABELS = re.compile(r"[|,;/\n]| and ")


class UnreadableError(Exception):
    """A reply that cannot be read, with the reason."""


def parse(task: Task, reply: str) -> Answer:
    r"""The answer in a reply, as this module's opening says.

    Returns
    -------
    `labelled` with a value of the task (a label, or a tuple of labels in codebook order, possibly empty),
    `abstained`, or `unparsed` with the reason.

    Raises
    ------
    UserError
        If the task is about spans (see `prompts.spans`), or names cannot be told apart; never because of the reply.
    """
    if task.codebook.kind == "entities":
        raise UserError("an answer about entities is read beside its text, not alone.")
    vocabulary = vocabulary_of(task.codebook)
    try:
        return _read(task, vocabulary, reply)
    except UnreadableError as exc:
        return Answer(Outcome.UNPARSED, reason=str(exc))


def parse_items(reply: str) -> list[tuple[str, str]]:
    """A reply about several texts, as pairs of an id and the words said for it; empty if it cannot be taken apart.

    Reasoning and one fence are peeled off as in `parse`. What is left is ``{"answers": [{"id": ID, ...}, ...]}``, the
    bare list of it, or lines ``ID: WORDS``; one line of another form, and nothing is taken for certain.
    """
    try:
        body = _without_fence(_without_reasoning(reply.strip()))
        return _objects(body) if body.startswith(("{", "[")) else _lines(body)
    except UnreadableError:
        return []


def _objects(body: str) -> list[tuple[str, str]]:
    found = loaded(body)
    entries = found.get("answers") if isinstance(found, dict) else found
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return []
    return [
        (str(entry.get("id", "")), json.dumps({key: each for key, each in entry.items() if key != "id"}))
        for entry in entries
    ]


def _lines(body: str) -> list[tuple[str, str]]:
    pairs = [line.partition(":") for line in body.split("\n") if line.strip()]
    return [(one.strip(), words.strip()) for one, colon, words in pairs] if all(p[1] for p in pairs) else []


def _read(task: Task, vocabulary: Vocabulary, reply: str) -> Answer:
    """The answer at the first layer that can be read; the reason comes from the innermost one."""
    body = ""
    for body in layers(reply):
        answer = _plain_answer(task, vocabulary, body) or _json_answer(task, vocabulary, body)
        if answer is not None:
            return answer
    raise UnreadableError(_why_not(task, vocabulary, body))


def layers(reply: str) -> Iterator[str]:
    """The reply without outer white space, then without reasoning before the answer, then without a fence around it.

    Raises
    ------
    UnreadableError
        Where nothing would be left, or reasoning does not end.
    """
    body = reply
    for peel in (str.strip, _without_reasoning, _without_fence):
        body = peel(body)
        yield body


def _without_reasoning(reply: str) -> str:
    if not reply:
        raise UnreadableError(EMPTY)
    rest = _after_swallowed_start(reply)
    while _REASONING_START.match(rest):
        end = _REASONING_END.search(rest)
        if end is None:
            raise UnreadableError(OPEN_REASONING)
        rest = rest[end.end() :].strip()
    if not rest:
        raise UnreadableError(ONLY_REASONING)
    return rest


def _after_swallowed_start(reply: str) -> str:
    """What follows the first closing mark, if no opening one stands before it."""
    end = _REASONING_END.search(reply)
    if end is None or _REASONING_START.search(reply, 0, end.start()):
        return reply
    return reply[end.end() :].strip()


def _without_fence(body: str) -> str:
    fenced = _FENCE.fullmatch(body)
    if fenced is None:
        return body
    if not fenced[1].strip():
        raise UnreadableError(EMPTY)
    return fenced[1].strip()


def _without_quotes(text: str) -> str:
    text = text.strip()
    for left, right in _PAIRS:
        if text.startswith(left) and text.endswith(right) and len(text) > len(left) + len(right):
            return text[len(left) : -len(right)]
    return text


def _plain_answer(task: Task, vocabulary: Vocabulary, body: str) -> Answer | None:
    if not body:
        return None
    readings = _readings_of_one if task.is_exclusive else _readings_of_set
    answers = (_meaning(task, vocabulary, words) for words in readings(body))
    return next((answer for answer in answers if answer is not None), None)


def _readings_of_one(body: str) -> Iterator[list[str]]:
    yield [body]
    yield [_without_quotes(body)]


def _readings_of_set(body: str) -> Iterator[list[str]]:
    yield [body]
    words = body.split(SEPARATOR)
    yield words
    yield [_without_quotes(word) for word in words]
    yield _without_quotes(body).split(SEPARATOR)


def _meaning(task: Task, vocabulary: Vocabulary, words: Sequence[str]) -> Answer | None:
    """What a list of words means; None if one of them means nothing here or they do not go together."""
    if len(words) == 1 and vocabulary.is_unsure(words[0]):
        return Answer(Outcome.ABSTAINED, reason=TEACHER_UNSURE)
    if not task.is_exclusive and (not words or (len(words) == 1 and vocabulary.is_nothing(words[0]))):
        return Answer(Outcome.LABELLED, ())
    labels = [label for word in words if (label := vocabulary.label_of(word)) is not None]
    if len(labels) < len(words) or (task.is_exclusive and len(labels) != 1):
        return None
    return Answer(Outcome.LABELLED, task.check(labels[0] if task.is_exclusive else tuple(labels)))


def _json_answer(task: Task, vocabulary: Vocabulary, body: str) -> Answer | None:
    if not body.startswith(("{", "[")):
        return None
    found = loaded(body)
    if found is None:
        return None
    words = _words_of(found, task.is_exclusive)
    answer = None if words is None else _meaning(task, vocabulary, words)
    if answer is None or answer.outcome is not Outcome.LABELLED or not isinstance(found, dict):
        return answer
    return _with_confidence(answer, found.get("confidence"))


def loaded(body: str) -> Any:
    """The JSON value, or None if it is none."""
    try:
        return json.loads(body, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise UnreadableError(REPEATED_KEY)
    return dict(pairs)


def _words_of(found: Any, is_exclusive: bool) -> list[str] | None:
    """The names in a JSON value; None if they do not stand where they are expected."""
    if isinstance(found, dict):
        keys = found.keys() & ({"label"} if is_exclusive else {"label", "labels"})
        if len(keys) != 1:
            return None
        found = found[keys.pop()]
    if isinstance(found, list):
        words = [_word(item) for item in found]
        return None if is_exclusive or None in words else [word for word in words if word is not None]
    word = _word(found)
    return None if word is None else [word]


def _word(item: Any) -> str | None:
    """A JSON string, or a whole number or truth value as it is written; None for anything else."""
    if isinstance(item, str):
        return item
    return json.dumps(item) if isinstance(item, int) else None


def _with_confidence(answer: Answer, stated: Any) -> Answer:
    if stated is None:
        return answer
    is_number = isinstance(stated, int | float) and not isinstance(stated, bool)
    if is_number and 0 <= stated <= 1:
        return replace(answer, confidence=float(stated))
    return replace(answer, reason=BAD_CONFIDENCE)


def _why_not(task: Task, vocabulary: Vocabulary, body: str) -> str:
    if body.startswith(("{", "[")):
        return BAD_JSON if loaded(body) is None else NO_LABEL_KEY
    if not task.is_exclusive:
        return NOT_ALL_LABELS
    named = {vocabulary.label_of(_without_quotes(part)) for part in _BETWEEN_LABELS.split(body)}
    return SEVERAL_LABELS if len(named - {None}) > 1 else NOT_A_LABEL
