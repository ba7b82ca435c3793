"""What the linear tagger would decide at the words of noisy texts and of those that people labelled. Learns nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.embedding import Encoder
from understudy.records import Document
from understudy.settings import StudentSettings
from understudy.student.base import Answers, Examples, Uncertain
from understudy.student.noise.decisions import Decisions, Layers
from understudy.student.spans.linear_tagger import LinearTagger
from understudy.student.spans.shared import certain, has_whole_words
from understudy.student.spans.states import WordStates

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Labels(Protocol):
    """Texts with what was said about each."""

    @property
    def documents(self) -> Sequence[Document]:
        """The n texts."""

    @property
    def answers(self) -> Answers:
        """N sequences of values."""

    @property
    def uncertain(self) -> Uncertain:
        """N sequences of stretches from which nothing is learned."""


def word_decisions(
    settings: StudentSettings, task: Task, encoder: Encoder, noisy: Labels, human: Labels
) -> tuple[Layers | None, Layers | None]:
    """Decisions at the words of either; None where the task decides about texts as a whole."""
    if not task.marks_spans:
        return None, None
    return _Reader.from_settings(settings, task, encoder, seed=0).decisions(_examples(noisy), _examples(human))


@dataclass(frozen=True, eq=False)
class _Stated:
    """The words of n texts: states of shape (m, d), targets of shape (m, layers, tags), and the text of each."""

    states: FloatArray
    targets: FloatArray
    text: IntArray
    n_texts: int

    @property
    def length(self) -> float:
        """Of a state, in the mean; 1 without any."""
        return float(np.sqrt((self.states**2).sum(axis=1)).mean()) if len(self.states) else 1.0

    def layer(self, number: int, length: float) -> Decisions:
        """The words that count in a layer, their states divided by `length`."""
        counts = np.flatnonzero(self.targets[:, number].sum(axis=1) > 0)
        return Decisions(
            self.states[counts] / length, self.targets[counts, number], self.text[counts], self.n_texts, True
        )


class _Reader(LinearTagger):
    """A tagger that is never fitted."""

    def decisions(self, noisy: Examples, human: Examples) -> tuple[Layers, Layers]:
        """A layer of tags each; without those in which no word counts on either side.

        Words are described by the encoder's state of the word alone, of length 1 in the mean: as good a judge as with
        its neighbours, in a third of the time.
        """
        self.is_whole_ = has_whole_words(noisy)
        of_noisy, of_human = self._stated(noisy), self._stated(human)
        layers = [
            (of_noisy.layer(number, of_noisy.length), of_human.layer(number, of_noisy.length))
            for number in range(len(self.tags.layers))
        ]
        kept = [pair for pair in layers if all(len(decisions.text) for decisions in pair)]
        return [ours for ours, _ in kept], [theirs for _, theirs in kept]

    def _stated(self, examples: Examples) -> _Stated:
        read = self._read(examples, self._tokens())
        targets = certain(self._shares(examples, read)[0], self.min_share)
        text = np.repeat(np.arange(len(read)), [len(words) for words in read])
        states = np.concatenate(WordStates(self.encoder).of(read))[:, : self.encoder.dimension]
        return _Stated(states, np.concatenate(targets), text, len(read))


def _examples(labels: Labels) -> Examples:
    n = len(labels.documents)
    return Examples(labels.documents, np.zeros((n, 0)), np.ones(n), labels.answers, labels.uncertain)
