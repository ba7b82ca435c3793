"""What students of spans share: answers to targets at words, probabilities at words to spans. Trains nothing."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.embedding import Tokens
from understudy.errors import UserError
from understudy.records import Document, Span, Value
from understudy.student.base import Examples, Labelled, Student
from understudy.student.spans.tags import TaggedSpan, TagScheme
from understudy.student.spans.words import Words, cuts_a_word, read_words

FloatArray = NDArray[np.float64]

MOST_BORDERS_INSIDE_WORDS = 0.01
"""Share of training spans' borders; above it words are cut wherever tokens end."""

WHOLE = "understudy.whole_words"
"""Name, among the weights, of `is_whole_`."""

TEXTS_AT_ONCE = 256
"""Bounds the memory that predictions at words take."""


class SpanStudent(Student):
    """A student that decides about every word and says spans.

    Attributes
    ----------
    is_whole_ : whether words are never cut inside, as training spans say.
    lenience_ : what O loses in log-odds before tags are decoded.
    """

    is_whole_: bool
    lenience_: float = 0.0

    @property
    def tags(self) -> TagScheme:
        """The tags that its words can have."""
        return TagScheme(self.task.labels, self.task.codebook.nested)

    def label(self, documents: Sequence[Document]) -> Labelled:
        """Spans, and the probability that a text has one of each label.

        Spans of a label whose probability is below its threshold are left out.
        """
        self._refuse_unfitted()
        tags, values = self.tags, list[Value]()
        present = np.zeros((len(documents), len(self.task.labels)))
        for first in range(0, len(documents), TEXTS_AT_ONCE):
            part = documents[first : first + TEXTS_AT_ONCE]
            for document, words, found in zip(part, *self._found(part), strict=True):
                present[len(values)] = _presence(tags, found)
                values.append(self._spans(document, words, tags.decode(found, self.lenience_), present[len(values)]))
        return Labelled(values, present)

    def token_scores(self, documents: Sequence[Document]) -> list[FloatArray]:
        """Per text, the distribution over tags at each word, shape (words x layers, tags); rows sum to 1."""
        self._refuse_unfitted()
        found: list[FloatArray] = []
        for first in range(0, len(documents), TEXTS_AT_ONCE):
            _, probabilities = self._found(documents[first : first + TEXTS_AT_ONCE])
            found += [each.reshape(-1, self.tags.n_tags) for each in probabilities]
        return found

    def score(self, documents: Sequence[Document], targets: FloatArray) -> float:  # noqa: ARG002
        """Share of documents whose predicted spans are those that they carry; nan without documents."""
        agreed = [ours == d.value for ours, d in zip(self.predict(documents), documents, strict=True)]
        return float(np.mean(agreed)) if agreed else float("nan")

    @abstractmethod
    def _tokens(self) -> Tokens:
        """What reads the texts, with windows."""

    @abstractmethod
    def _word_probabilities(self, read: Sequence[Words]) -> list[FloatArray]:
        """Per text, shape (words, layers, tags)."""

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        return self.label(documents).probabilities

    def _found(self, documents: Sequence[Document]) -> tuple[list[Words], list[FloatArray]]:
        read = read_words(self._tokens(), [document.text for document in documents], is_whole=self.is_whole_)
        return read, self._word_probabilities(read)

    def _spans(self, document: Document, words: Words, found: Sequence[TaggedSpan], present: FloatArray) -> Value:
        is_likely = ~(present < self.thresholds_)
        spans = [
            (int(words.starts[first]), int(words.ends[last - 1]), column)
            for first, last, column in found
            if is_likely[column]
        ]
        labels = self.task.labels
        return self.task.check(
            tuple(Span(start, end, labels[column], document.text[start:end]) for start, end, column in spans)
        )

    def _read(self, examples: Examples, tokens: Tokens) -> list[Words]:
        return read_words(tokens, [document.text for document in examples.documents], is_whole=self.is_whole_)

    def _shares(self, examples: Examples, read: Sequence[Words]) -> tuple[list[FloatArray], int]:
        """Targets at the words of each text, shape (words, layers, tags), and the spans that found no words.

        All 0 at words that an uncertain stretch touches: they count for nothing.
        """
        found, lost = [], 0
        for words, answers, uncertain in zip(read, examples.answers, examples.uncertain, strict=True):
            shares, without_place = self.tags.shares([self._tagged(words, said) for said in answers], len(words))
            for stretch in uncertain:
                shares[slice(*words.covered(stretch.start, stretch.end))] = 0
            found.append(shares)
            lost += without_place
        return found, lost

    def _tagged(self, words: Words, said: Value) -> list[TaggedSpan]:
        column = {label: number for number, label in enumerate(self.task.labels)}
        return [(*words.covered(span.start, span.end), column[span.label]) for span in _spans_of(said)]


def _presence(tags: TagScheme, found: FloatArray) -> FloatArray:
    """Shape (K,): ``1 - prod(1 - p)``, p the probability that a span of that label starts at a word."""
    return np.asarray(1 - np.prod(1 - np.clip(tags.starts(found), 0, 1), axis=0))


def has_whole_words(examples: Examples) -> bool:
    """Whether the examples' spans begin and end where words do, but for `MOST_BORDERS_INSIDE_WORDS` of them."""
    borders = [
        cuts_a_word(document.text, place)
        for document, answers in zip(examples.documents, examples.answers, strict=True)
        for said in answers
        for span in _spans_of(said)
        for place in (span.start, span.end)
    ]
    return not borders or float(np.mean(borders)) <= MOST_BORDERS_INSIDE_WORDS


def certain(shares: Sequence[FloatArray], min_share: float) -> list[FloatArray]:
    """The shares, 0 at words where no tag has at least `min_share` of the answers: they count for nothing."""
    return [np.where(each.max(axis=2, keepdims=True) < min_share, 0.0, each) for each in shares]


def state_array(*, is_whole: bool) -> dict[str, NDArray[Any]]:
    """What of `is_whole_` stands among a student's arrays."""
    return {WHOLE: np.array([is_whole], dtype=np.int64)}


def read_state(arrays: dict[str, NDArray[Any]]) -> bool:
    """Take `is_whole_` from among stored arrays; raises UserError if it is not there."""
    stored = arrays.pop(WHOLE, None)
    if stored is None or stored.shape != (1,) or stored[0] not in (0, 1):
        raise UserError("model.safetensors does not say how texts are cut into words.", "Train the student again.")
    return bool(stored[0])


def _spans_of(said: Value) -> list[Span]:
    return [span for span in said if isinstance(span, Span)]
