"""What the faster forms of an encoder student share: its texts, objective and thresholds around other logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

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
    """

    texts_at_once: ClassVar[int] = 32
    tokens_at_once: ClassVar[int] = 1024
    """Small enough to stay in the cache: larger batches of long texts are slower."""

    def __init__(self, student: EncoderStudent) -> None:
        self._student = student

    @property
    def task(self) -> Task:
        """What it labels."""
        return self._student.task

    def predict_proba(self, documents: Sequence[Document]) -> FloatArray:
        """Probabilities of shape (n, K), columns in codebook order."""
        learner = self._student.learner_
        encodings = self._student.encodings(documents)
        lengths = np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)
        found = torch.empty((len(encodings), len(self.task.labels)))
        for rows in batches_by_length(lengths, self.texts_at_once, self.tokens_at_once):
            found[rows] = self._logits(learner.tokens.pad([encodings[row] for row in rows]))
        return self._student.tempered(learner.objective.probabilities(found).numpy())

    def decode(self, probabilities: FloatArray) -> list[Value]:
        """Values from probabilities, decided with the student's thresholds."""
        return self._student.decode(probabilities)

    @abstractmethod
    def _logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits of one padded batch on the CPU, shape (n, K)."""
