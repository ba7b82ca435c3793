"""Frozen states of words: a middle layer of the encoder, each word beside its neighbours. Learns nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from understudy.embedding import Encoder, Tokens
from understudy.student.spans.words import Words, with_windows

FloatArray = NDArray[np.float64]
Progress = Callable[[int, int], None]

DEPTH = 2 / 3
"""Of the layer, as a share of all: the last ones of a sentence encoder know the text and forget the word."""

NEIGHBOURS = (0, -1, 1)
"""Whose states stand side by side, the word's own first; 0 outside of the text."""


class WordStates:
    """The states of words as an encoder has them.

    Attributes
    ----------
    tokens : how texts must be read.
    width : of a word's state.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @cached_property
    def tokens(self) -> Tokens:
        """What reads texts, with windows."""
        return with_windows(self._encoder.tokens)

    @property
    def width(self) -> int:
        """Of a word's state."""
        return self._encoder.dimension * len(NEIGHBOURS)

    def of(self, read: Sequence[Words], on_progress: Progress | None = None) -> list[FloatArray]:
        """Each text's states, shape (words, width); `on_progress` counts windows."""
        layer = round(DEPTH * self._encoder.n_layers)
        windows = [window for words in read for window in words.windows]
        found = iter(self._encoder.token_states(windows, layer, on_progress))
        return [_beside(_at_words(words, [next(found) for _ in words.windows])) for words in read]


def _at_words(words: Words, states: Sequence[NDArray[np.float32]]) -> FloatArray:
    rows = [states[window][place] for window, place in zip(words.window, words.position, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), states[0].shape[1])


def _beside(states: FloatArray) -> FloatArray:
    n, width = states.shape
    padded = np.concatenate([np.zeros((1, width)), states, np.zeros((1, width))])
    return np.concatenate([padded[1 + step : 1 + step + n] for step in NEIGHBOURS], axis=1)
