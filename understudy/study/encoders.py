"""The encoders of a task, shared by its arms and runs, which read the same texts again and again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from understudy.embedding import Encoder
from understudy.embedding.encoder import Progress
from understudy.embedding.model_folder import model_folder
from understudy.settings import EmbeddingSettings

MOST_BYTES = 2**30

FloatArray = NDArray[np.float32]


class Encoders:
    """Encoders by their settings, each made once.

    Parameters
    ----------
    cache : folder in which vectors of texts are kept by content.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._made: dict[str, Encoder] = {}

    def get(self, settings: EmbeddingSettings) -> Encoder:
        """The encoder that the settings name."""
        name = settings.model_dump_json()
        if name not in self._made:
            self._made[name] = RememberingEncoder(settings, model_folder(settings.model), self._cache)
        return self._made[name]


class RememberingEncoder(Encoder):
    """An encoder that keeps the states of tokens in memory, up to a GiB of them.

    Students of spans that learn from frozen states ask for those of the same texts after every round.
    """

    def __init__(self, settings: EmbeddingSettings, folder: Path, cache: Path | None) -> None:
        super().__init__(settings, folder, cache)
        self._known: dict[tuple[int, tuple[int, ...]], FloatArray] = {}
        self._n_bytes = 0

    def token_states(
        self, encodings: Sequence[Encoding], layer: int, on_progress: Progress | None = None
    ) -> list[FloatArray]:
        """As `Encoder.token_states`; only unknown texts are computed and reported."""
        keys = [(layer, tuple(encoding.ids)) for encoding in encodings]
        unknown = {key: encoding for key, encoding in zip(keys, encodings, strict=True) if key not in self._known}
        computed = dict(zip(unknown, super().token_states(list(unknown.values()), layer, on_progress), strict=True))
        states = [computed[key] if key in computed else self._known[key] for key in keys]
        for key, found in computed.items():
            self._keep(key, found)
        return states

    def _keep(self, key: tuple[int, tuple[int, ...]], states: FloatArray) -> None:
        if self._n_bytes + states.nbytes <= MOST_BYTES:
            self._known[key] = states.copy()  # a batch is padded; the copy lets the rest of it go
            self._n_bytes += states.nbytes
