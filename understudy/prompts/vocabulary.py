"""The words of the exchange: how a label is spoken to the model, and which label a word in its answer means.

Knows nothing of sentences; `parse` takes a reply apart, `render` puts the words into a prompt.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

from understudy.codebook.lint import fold
from understudy.errors import UserError
from understudy.prompts.visible import visible
from understudy.settings import Codebook, Label

UNSURE = "unsure"
SEPARATOR = "|"


@dataclass(frozen=True)
class Vocabulary:
    """The words of one codebook.

    Attributes
    ----------
    spoken : the name that the model reads, for each label.
    meanings : the label that a folded word means; a spoken name wins over another label's stored name.
    unsure : the word for abstaining, or None if a label is called so.
    nothing : the word for the empty set of labels.
    is_json : whether sets of labels are written as JSON lists, because a name contains ``|``.
    """

    spoken: Mapping[str, str]
    meanings: Mapping[str, str]
    unsure: str | None
    nothing: str
    is_json: bool

    def label_of(self, word: str) -> str | None:
        """The label that the word means, or None."""
        return self.meanings.get(key_of(word))

    def is_unsure(self, word: str) -> bool:
        """Whether the word abstains."""
        return self.unsure is not None and key_of(word) == self.unsure

    def is_nothing(self, word: str) -> bool:
        """Whether the word means the empty set."""
        return key_of(word) == self.nothing

    def say(self, labels: Sequence[str]) -> str:
        """The answer that a model should give for these labels."""
        words = [self.spoken[label] for label in labels]
        if not words:
            return self.nothing
        return json.dumps(words, ensure_ascii=False) if self.is_json else f" {SEPARATOR} ".join(words)


def key_of(word: str) -> str:
    """A word without case, outer white space, Unicode form and invisible controls: words with one key are one word."""
    return fold(visible(word))


@lru_cache(maxsize=256)
def vocabulary_of(codebook: Codebook) -> Vocabulary:
    """The words of a codebook.

    Raises
    ------
    UserError
        If a name has nothing visible in it, or two names differ only in what a model cannot see.
    """
    spoken = {label.name: visible(_spoken(codebook, label)) for label in codebook.labels}
    stored = {key_of(name): name for name in codebook.names}
    meanings = stored | {key_of(word): name for name, word in spoken.items()}
    _refuse_invisible(spoken, stored)
    return Vocabulary(
        spoken=spoken,
        meanings=meanings,
        unsure=None if UNSURE in meanings else UNSURE,
        nothing=next(word for word in _words_for_nothing() if word not in meanings),
        is_json=codebook.kind == "multilabel" and any(SEPARATOR in word for word in spoken.values()),
    )


def _spoken(codebook: Codebook, label: Label) -> str:
    """The name that the model reads; a sentence about head and tail is no name."""
    is_sentence = codebook.kind == "relations" and ("{head}" in label.verbalised or "{tail}" in label.verbalised)
    return label.name if is_sentence else label.spoken


def _words_for_nothing() -> Iterator[str]:
    yield from ("none", "no label")
    yield from (f"no label {number}" for number in count(2))


def _refuse_invisible(spoken: Mapping[str, str], stored: Mapping[str, str]) -> None:
    for name, word in spoken.items():
        if not key_of(word):
            raise UserError(f"label {name!r} has no visible name.", "Give it a `verbalised` name.")
    if len(stored) < len(spoken) or _has_repeats(map(key_of, spoken.values())):
        raise UserError("two labels differ only in case, outer spaces or invisible characters.", "Rename one of them.")


def _has_repeats(words: Iterable[str]) -> bool:
    words = list(words)
    return len(set(words)) < len(words)
