"""What the faster ways to compute a fine-tuned network share: batches of similar length, several side by side.

Knows no task: what stands around the scores is the student's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding

from understudy.embedding import Tokens, batches_by_length

IntArray = NDArray[np.int64]


class OtherForm(ABC):
    """A fitted network, computed in another way; a `Scoring`.

    Parameters
    ----------
    tokens : that pad what the network reads.
    n_batches_at_once : how many batches are computed side by side, each in a thread.
    """

    texts_at_once: ClassVar[int] = 32
    tokens_at_once: ClassVar[int] = 1024
    """Small enough to stay in the cache: larger batches of long texts are slower."""

    def __init__(self, tokens: Tokens, n_batches_at_once: int = 1) -> None:
        self._tokens = tokens
        self._n_batches_at_once = n_batches_at_once

    def __call__(self, encodings: Sequence[Encoding]) -> Iterator[tuple[IntArray, torch.Tensor]]:
        """Positions and scores of batches, longest texts first; few are begun before they are asked for."""
        lengths = np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)
        begun: deque[tuple[IntArray, Future[torch.Tensor]]] = deque()
        with ThreadPoolExecutor(self._n_batches_at_once) as pool:
            for rows in batches_by_length(lengths, self.texts_at_once, self.tokens_at_once):
                begun.append((rows, pool.submit(self._logits, self._tokens.pad([encodings[row] for row in rows]))))
                if len(begun) > 2 * self._n_batches_at_once:
                    yield _next(begun)
            while begun:
                yield _next(begun)

    @abstractmethod
    def _logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Scores of one padded batch on the CPU, shape (n, K), or (n, tokens, K) where every token has its own."""


def _next(begun: deque[tuple[IntArray, Future[torch.Tensor]]]) -> tuple[IntArray, torch.Tensor]:
    rows, computed = begun.popleft()
    return rows, computed.result()
