"""How words and those beside them are spelt, as sparse features: what an encoder that ignores case cannot know.

The usual features of sequence taggers (Ratinov and Roth 2009, Design challenges and misconceptions in named entity
recognition): the word, its beginning and end, its shape, its neighbours, each pair of neighbours, which is what tells
apart words of scripts without spaces, and the known spans it stands in.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby, repeat
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from understudy.errors import UserError
from understudy.student.ngrams import FILE
from understudy.student.spans.lexicon import Entry, Lexicon, learn_lexicon, restored_lexicon
from understudy.student.spans.words import Words

AFFIXES = (1, 2, 3, 4)
"""Characters of beginnings and ends."""

BESIDE = (-2, -1, 1, 2)
"""Places, from a word, of the neighbours whose spelling it has too."""

FEWEST = 2
"""Words that must have a feature, or it is not learned from."""

NOBODY = ""
"""Stands beside the first and the last word."""


@dataclass(frozen=True)
class Spelling:
    """The features that are known.

    Attributes
    ----------
    names : d of them, sorted.
    weight : > 0, the value of a feature that a word has.
    lexicon : of the training texts' spans.
    """

    names: tuple[str, ...]
    weight: float = 1.0
    lexicon: Lexicon = field(default_factory=Lexicon)

    @property
    def width(self) -> int:
        """Number of columns, d."""
        return len(self.names)

    def features(self, read: Sequence[Words], own: Sequence[Set[Entry]] = ()) -> Any:
        """CSR array of shape (words of all texts, d), `weight` where a word has a feature.

        Parameters
        ----------
        own : what each of the texts contributed to the lexicon; nothing where they are new.
        """
        indices: list[int] = []
        ends = [0]
        for words, entries in zip(read, own or repeat(frozenset()), strict=False):
            for found in _features(words, self.lexicon, entries):
                indices += [self._column[name] for name in found if name in self._column]
                ends.append(len(indices))
        shape = (len(ends) - 1, self.width)
        values = np.full(len(indices), self.weight)
        return csr_array((values, np.array(indices, dtype=np.int64), np.array(ends)), shape=shape)

    def balanced(self, read: Sequence[Words], own: Sequence[Set[Entry]], length: float) -> Spelling:
        """The same features with the weight that makes the rows of these texts as long as `length`, in the mean.

        Regularisation then costs neither the features nor what stands beside them more.
        """
        lengths = np.sqrt(replace(self, weight=1.0).features(read, own).sum(axis=1))
        mean = float(lengths.mean()) if len(lengths) else 0.0
        return replace(self, weight=length / mean if mean > 0 and length > 0 else 1.0)

    def to_json(self) -> str:
        """Everything; ASCII, so that lone surrogates survive."""
        return json.dumps({"weight": self.weight, "names": self.names, "known": self.lexicon.to_data()})

    @cached_property
    def _column(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}


def learn_spelling(read: Sequence[Words], own: Sequence[Set[Entry]], most: int) -> Spelling:
    """The features that at least `FEWEST` words have, the `most` frequent ones.

    Parameters
    ----------
    own : what each text contributes to the lexicon.
    """
    lexicon = learn_lexicon(own)
    frequency = Counter(
        name
        for words, entries in zip(read, own, strict=True)
        for found in _features(words, lexicon, entries)
        for name in found
    )
    frequent = sorted((-count, name) for name, count in frequency.items() if count >= FEWEST)[:most]
    return Spelling(tuple(sorted(name for _, name in frequent)), lexicon=lexicon)


def restored_spelling(text: str) -> Spelling:
    """The features that `to_json` kept.

    Raises
    ------
    UserError
        If they are damaged.
    """
    try:
        stored = json.loads(text)
        names, weight, lexicon = stored["names"], stored["weight"], restored_lexicon(stored["known"])
    except (ValueError, RecursionError, TypeError, KeyError) as exc:
        raise _damaged(f"cannot be read ({exc})") from exc
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or names != sorted(set(names)):
        raise _damaged("has no sorted list of different names")
    if not isinstance(weight, float) or not 0 < weight < math.inf:
        raise _damaged("has no weight above 0")
    return Spelling(tuple(names), weight, lexicon)


def _damaged(what: str) -> UserError:
    return UserError(f"{FILE} {what}.", "The student's folder is damaged; train it again.")


def _features(words: Words, lexicon: Lexicon, own: Set[Entry]) -> Iterator[set[str]]:
    """The features of each word; `own` is what the text has contributed to the lexicon."""
    known = lexicon.features(words, own)
    spelt = [words.text[start:end] for start, end in zip(words.starts, words.ends, strict=True)]
    small, shapes = [word.lower() for word in spelt], [_shape(word) for word in spelt]
    for place, word in enumerate(small):
        found = {f"word {word}", f"shape {shapes[place]}"}
        found |= {f"begins {word[:n]}" for n in AFFIXES if n < len(word)}
        found |= {f"ends {word[-n:]}" for n in AFFIXES if n < len(word)}
        for step in BESIDE:
            found |= {f"{step} word {_at(small, place + step)}", f"{step} shape {_at(shapes, place + step)}"}
        found |= {f"{step} pair {_at(small, place + step)} {_at(small, place + step + 1)}" for step in (-1, 0)}
        yield found | known[place]


def _at(values: Sequence[str], place: int) -> str:
    return values[place] if 0 <= place < len(values) else NOBODY


def _shape(word: str) -> str:
    """Runs of large and small letters, other letters and digits by one sign each; other characters as they are."""
    return "".join(sign for sign, _ in groupby(map(_sign, word)))


def _sign(character: str) -> str:
    if character.isupper():
        return "X"
    if character.islower():
        return "x"
    if character.isalpha():
        return "o"
    return "0" if character.isdigit() else character
