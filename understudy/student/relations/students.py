"""Students of relations: they read a text with its head and tail marked, and answer as students of texts do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding

from understudy.codebook import Task
from understudy.embedding import Encoder, Tokens
from understudy.records import Document
from understudy.settings import RelationSettings, StudentSettings
from understudy.student.base import Report
from understudy.student.encoder import EncoderStudent
from understudy.student.fine_tuned import DEFAULTS
from understudy.student.linear import LinearStudent
from understudy.student.relations.marked import marked_text, pair_of, texts_of
from understudy.student.relations.marker_network import (
    add_markers,
    load_marker_network,
    marker_ids,
    restore_marker_network,
)

FloatArray = NDArray[np.float64]

RELATIONS = RelationSettings.model_construct()

CONTEXTS = (400, 200, 100, 50, 25, 10, 0)
"""Code points around each span that are tried until both markers stand among the tokens."""


class EncoderRelations(EncoderStudent):
    """Any Hugging Face encoder, fine-tuned to read a relation at the markers of its head and tail.

    Of a text whose markers do not fit into `max_tokens`, only the surroundings of both spans are read.

    Parameters
    ----------
    markers : see the settings.
    others : as in `FineTunedStudent`.
    """

    kind: ClassVar[str] = "encoder"

    def __init__(
        self,
        task: Task,
        model: str = DEFAULTS.model,
        learning_rate: float = DEFAULTS.learning_rate,
        batch_size: int = DEFAULTS.batch_size,
        epochs: Literal["auto"] | int = DEFAULTS.epochs,
        warmup: float = DEFAULTS.warmup,
        weight_decay: float = DEFAULTS.weight_decay,
        max_grad_norm: float = DEFAULTS.max_grad_norm,
        max_tokens: int = DEFAULTS.max_tokens,
        patience: int = DEFAULTS.patience,
        reweight: bool = DEFAULTS.reweight,
        tokens_at_once: int = DEFAULTS.tokens_at_once,
        recompute: bool = DEFAULTS.recompute,
        precision: Literal["auto", "fp32"] = "auto",
        seed: int = 0,
        markers: Literal["typed", "shared"] = RELATIONS.markers,
    ) -> None:
        super().__init__(
            task, model, learning_rate, batch_size, epochs, warmup, weight_decay, max_grad_norm, max_tokens, patience,
            reweight, tokens_at_once, recompute, precision, seed,
        )  # fmt: skip
        self.markers = markers

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:  # noqa: ARG003
        """An untrained student as the project file describes it."""
        return cls(task, **settings.encoder.model_dump(), **settings.relations.model_dump(), seed=seed)

    def encodings(self, documents: Sequence[Document]) -> list[Encoding]:
        """The tokens that the network reads of each document, all four markers among them."""
        tokens = self.learner_.tokens
        found = tokens.read([marked_text(document) for document in documents])
        wanted = set(marker_ids(tokens))
        for context in CONTEXTS:
            rows = [row for row, encoding in enumerate(found) if not wanted <= set(encoding.ids)]
            shorter = tokens.read([marked_text(documents[row], context) for row in rows])
            for row, encoding in zip(rows, shorter, strict=True):
                found[row] = encoding
        return found

    def _tokens(self, folder: Path) -> Tokens:
        return add_markers(super()._tokens(folder))

    def _network(self, folder: Path, tokens: Tokens, device: torch.device) -> Any:
        return load_marker_network(folder, self.task.labels, tokens, is_shared=self._is_shared).to(device)

    def _restored_network(self, config_json: str, arrays: dict[str, NDArray[Any]], tokens: Tokens) -> Any:
        return restore_marker_network(config_json, arrays, self.task.labels, tokens, is_shared=self._is_shared)

    @property
    def _is_shared(self) -> bool:
        return self.markers == "shared"


class LinearRelations(LinearStudent):
    """Logistic regression on three frozen vectors side by side: the marked text's, the head's and the tail's."""

    @property
    def _n_vectors(self) -> int:
        return 3

    def _vectors(self, documents: Sequence[Document], report: Report | None = None) -> FloatArray:
        pairs = [pair_of(document) for document in documents]
        texts = texts_of(self.task, documents) + [span.text for pair in zip(*pairs, strict=True) for span in pair]
        return np.concatenate(np.split(self._encode(texts, report), self._n_vectors), axis=1)
