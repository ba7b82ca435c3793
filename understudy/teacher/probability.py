"""How probable a model found the label that it gave, among all labels: from the log-probabilities of its tokens.

Computed for one label per text, written alone or as ``{"label": NAME}``; nothing is guessed for any other answer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from understudy.codebook import Task
from understudy.prompts.vocabulary import vocabulary_of
from understudy.records import Answer
from understudy.teacher.provider import Completion, Token

MOST_UNCLEAR = 0.01
"""So large a share of the labels' probability may fall on tokens that could still become this label or another."""

_OBJECT = re.compile(r'\{\s*"label"\s*:\s*"')


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the label stands in the answer.

    Attributes
    ----------
    start : first character of the label, relative to all tokens' texts joined and case-folded.
    words : what could stand there, case-folded: every label's name and `unsure`, with the quote that ends it in JSON.
    chosen : the one that stands there.
    """

    start: int
    words: tuple[str, ...]
    chosen: str


@dataclass(slots=True)
class _Mass:
    """Probability of the chosen label, of others, and of what could still become either."""

    own: float = 0.0
    others: float = 0.0
    unclear: float = 0.0


def label_probability(task: Task, answer: Answer, completion: Completion) -> float | None:
    """Probability of the given label, renormalised over the labels and `unsure`.

    Tokens are followed from the label's first one to the one from which on only this label is possible. Let ``p`` be
    the product of their probabilities. At each of them, every alternative that begins another label (or `unsure`)
    adds its probability, times that of the tokens before it, to ``q``; another spelling of the same label adds to
    ``p``; what writes nothing of a label (white space before it, the end of the text) counts nowhere. The result is
    ``p / (p + q)``. Labels with a common beginning are thus told apart where they part, not by their first token.

    Returns
    -------
    float in (0, 1]; None if the answer is no single label written as it was asked for, the server gives no
    alternatives, one name continues another outside JSON, or more than `MOST_UNCLEAR` of the labels' probability is on
    tokens that fit this label and another one. Alternatives that the server does not list (beyond 20) count as 0.
    """
    if not isinstance(answer.value, str) or not task.is_exclusive or not completion.tokens:
        return None
    texts = [token.text.casefold() for token in completion.tokens]
    place = _place(task, answer.value, "".join(texts), completion.text.strip().casefold())
    return None if place is None else _share(_follow(place, completion.tokens, texts))


def _place(task: Task, label: str, joined: str, said: str) -> _Place | None:
    vocabulary = vocabulary_of(task.codebook)
    spoken = {name: word.casefold() for name, word in vocabulary.spoken.items()}
    words = [*spoken.values(), *filter(None, [vocabulary.unsure])]
    start = joined.rfind(said)
    if start < 0:
        return None
    opening = _OBJECT.match(said)
    if opening is not None:
        quoted = tuple(_in_json(word) for word in words)
        chosen = _in_json(spoken[label])
        return _Place(start + opening.end(), quoted, chosen) if said.startswith(chosen, opening.end()) else None
    is_nested = any(word != said and (word.startswith(said) or said.startswith(word)) for word in words)
    return _Place(start, tuple(words), said) if said == spoken[label] and not is_nested else None


def _in_json(word: str) -> str:
    """As it stands in a JSON string, with the quote that ends it."""
    return json.dumps(word, ensure_ascii=False)[1:]


def _follow(place: _Place, tokens: Sequence[Token], texts: Sequence[str]) -> _Mass | None:
    mass, before = _Mass(), 1.0
    for token, head, written in _steps(place, tokens, texts):
        if not token.alternatives:
            return None
        _weigh(place, token, head, written, before, mass)
        before *= math.exp(min(0.0, token.logprob))
        if _fitting(place, written + token.text.casefold()[len(head) :]) == {place.chosen}:
            mass.own += before
            return mass
    return None


def _steps(place: _Place, tokens: Sequence[Token], texts: Sequence[str]) -> Iterator[tuple[Token, str, str]]:
    """The tokens that the label is written with; of each what stands before the label, and what is written already."""
    end, position = place.start + len(place.chosen), 0
    joined = "".join(texts)
    for token, text in zip(tokens, texts, strict=True):
        if position < end and position + len(text) > place.start:
            first = max(position, place.start)
            yield token, joined[position:first], joined[place.start : first]
        position += len(text)


def _weigh(place: _Place, token: Token, head: str, written: str, before: float, mass: _Mass) -> None:
    for text, logprob in token.alternatives:
        rest = _after(head, written, text.casefold())
        if text == token.text or rest is None or not (written + rest):
            continue
        fitting = _fitting(place, written + rest)
        probability = before * math.exp(min(0.0, logprob))
        if fitting == {place.chosen}:
            mass.own += probability
        elif place.chosen in fitting:
            mass.unclear += probability
        elif fitting:
            mass.others += probability


def _after(head: str, written: str, text: str) -> str | None:
    """What an alternative writes of a label; None if it does not begin as the chosen token does."""
    if not head.strip():
        return text if written else text.lstrip()
    return text[len(head) :] if text.startswith(head) else None


def _fitting(place: _Place, written: str) -> set[str]:
    """The words that begin like this, or that this is."""
    return {word for word in place.words if word.startswith(written) or _is_whole(word, written)}


def _is_whole(word: str, written: str) -> bool:
    return written.startswith(word) and (word.endswith('"') or not written[len(word) :].strip())


def _share(mass: _Mass | None) -> float | None:
    if mass is None:
        return None
    known = mass.own + mass.others
    if known <= 0.0 or mass.unclear > MOST_UNCLEAR * (known + mass.unclear):
        return None
    return mass.own / known
