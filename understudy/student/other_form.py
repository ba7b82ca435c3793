"""What the faster forms of an encoder student share: its texts, objective and thresholds around other logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding

from understudy.codebook import Task
from understudy.embedding import batches_by_length
from understudy.records import Document, Value
from understudy.student.encoder import EncoderStudent

FloatArray = NDArray[np.float64]


class OtherForm(ABC):
    """A fitted encoder student whose logits are computed in another way; answers like any student.

    Parameters
    ----------
    student : fitted; it is left as it is.
    n_batches_at_once : how many batches are computed side by side, each in a thread.
    """

    texts_at_once: ClassVar[int] = 32
    tokens_at_once: ClassVar[int] = 1024
    """Small enough to stay in the cache: larger batches of long texts are slower."""

    def __init__(self, student: EncoderStudent, n_batches_at_once: int = 1) -> None:
        self._student = student
        self._n_batches_at_once = n_batches_at_once

    @property
    def task(self) -> Task:
        """What it labels."""
        return self._student.task

    def predict_proba(self, documents: Sequence[Document]) -> FloatArray:
        """Probabilities of shape (n, K), columns in codebook order."""
        found = self._student.learner_.objective.probabilities(self._scores(self._student.encodings(documents)))
        return self._student.tempered(found.numpy())

    def decode(self, probabilities: FloatArray) -> list[Value]:
        """Values from probabilities, decided with the student's thresholds."""
        return self._student.decode(probabilities)

    def _scores(self, encodings: Sequence[Encoding]) -> torch.Tensor:
        """Logits of texts, shape (n, K), whose batches are of similar length, longest first."""
        tokens = self._student.learner_.tokens
        lengths = np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)
        batches = list(batches_by_length(lengths, self.texts_at_once, self.tokens_at_once))
        found = torch.empty((len(encodings), len(self.task.labels)))
        with ThreadPoolExecutor(self._n_batches_at_once) as pool:
            padded = (tokens.pad([encodings[row] for row in rows]) for rows in batches)
            for rows, logits in zip(batches, pool.map(self._logits, padded), strict=True):
                found[rows] = logits
        return found

    @abstractmethod
    def _logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits of one padded batch on the CPU, shape (n, K)."""
