"""What a fine-tuned tagger minimises, and its examples: windows of tokens with the shares of tags at their words.

Knows no network, no loop and no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from understudy.student.objective import Objective
from understudy.student.spans.words import Words
from understudy.student.training import Encoded

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

UNSEEN = -1e9
"""Score of a tag that no example has."""


@dataclass(frozen=True)
class TagObjective(Objective):
    """Cross-entropy against soft targets at words; tokens whose targets are all 0 count for nothing.

    A text counts by its words, as in a mean over the words of all texts; `is_exclusive` is true within a layer.

    Attributes
    ----------
    columns : the tags that have examples, of all layers side by side.
    n_layers : sequences of tags, each with a softmax of its own.
    words_per_text : what the sum over a text's words is divided by.
    """

    n_layers: int
    words_per_text: float

    def losses(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,), from scores of shape (n, tokens, tags) and targets that may end before them."""
        logs = torch.log_softmax(self._scores(scores[:, : targets.shape[1]]), dim=3)
        sums = (targets.to(scores.device).reshape(logs.shape) * logs).sum(dim=(1, 2, 3))
        return -sums / (self.words_per_text * self.n_layers)

    def sizes(self, targets: torch.Tensor) -> torch.Tensor:
        """Decisions that count in each example, at least 1, shape (n,)."""
        n, n_tokens, n_tags = targets.shape
        layers = targets.reshape(n, n_tokens, self.n_layers, n_tags // self.n_layers)
        return (layers.sum(dim=3) > 0).sum(dim=(1, 2)).clamp(min=1)

    def probabilities(self, scores: torch.Tensor) -> torch.Tensor:
        """Shape (n, tokens, layers, tags of a layer), float64; 0 for tags without an example."""
        return torch.softmax(self._scores(scores.double()), dim=3)

    def _scores(self, scores: torch.Tensor) -> torch.Tensor:
        is_unseen = torch.ones(scores.shape[2], dtype=torch.bool, device=scores.device)
        is_unseen[self.columns.to(scores.device)] = False
        n, n_tokens, n_tags = scores.shape
        return scores.masked_fill(is_unseen, UNSEEN).reshape(n, n_tokens, self.n_layers, n_tags // self.n_layers)


@dataclass(frozen=True)
class WindowTargets:
    """The targets of windows of different length.

    Attributes
    ----------
    words : of each window, the places of the words it decides about and their targets, shape (words, tags).
    width : tags.
    """

    words: Sequence[tuple[IntArray, FloatArray]]
    width: int

    def __getitem__(self, rows: IntArray) -> torch.Tensor:
        """Shape (rows, tokens, tags), 0 where no word is decided about; as long as the last word asks for."""
        chosen = [self.words[row] for row in rows]
        longest = max((int(places.max()) + 1 for places, _ in chosen if len(places)), default=0)
        targets = np.zeros((len(chosen), longest, self.width), dtype=np.float32)
        for row, (places, shares) in enumerate(chosen):
            targets[row, places] = shares
        return torch.from_numpy(targets)

    def numpy(self) -> NDArray[Any]:
        """All places and targets, one after the other."""
        return np.concatenate(
            [part.ravel().astype(np.float64) for pair in self.words for part in pair] or [np.zeros(0)]
        )


def encoded_windows(
    ids: Sequence[str], read: Sequence[Words], targets: Sequence[FloatArray], weights: FloatArray
) -> Encoded:
    """Every window of every text as an example with its text's id and weight.

    Parameters
    ----------
    targets : of each text, shape (words, tags).
    """
    windows = [(row, number) for row, words in enumerate(read) for number in range(len(words.windows))]
    decided = [
        (words.position[words.window == number], targets[row][words.window == number])
        for row, words in enumerate(read)
        for number in range(len(words.windows))
    ]
    return Encoded(
        [ids[row] for row, _ in windows],
        [read[row].windows[number] for row, number in windows],
        WindowTargets(decided, targets[0].shape[1]),
        torch.tensor([weights[row] for row, _ in windows], dtype=torch.float32),
    )
