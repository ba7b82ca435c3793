"""The encoder: texts in, unit vectors out, the same text never computed twice where there is a cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from tokenizers import Encoding
from transformers import AutoModel

from understudy.embedding.model_folder import BUNDLED, BUNDLED_NAME, file_sha256, model_folder, weight_files
from understudy.embedding.network_config import network_config
from understudy.embedding.pooling import read_pooling
from understudy.embedding.quiet import quiet_transformers
from understudy.embedding.store import VectorStore
from understudy.embedding.tokens import Tokens, batches_by_length, load_tokens
from understudy.errors import UserError
from understudy.settings import EmbeddingSettings

FloatArray = NDArray[np.float32]
Progress = Callable[[int, int], None]

WINDOW = 4096
"""Texts sorted, computed and stored at once: bounds memory, and what an interruption loses."""

DIGEST_VERSION = 1


class Encoder:
    """A frozen sentence encoder; the network is loaded when the first text has to be computed.

    Parameters
    ----------
    settings : model, batch size and longest text.
    folder : the model's files.
    cache : folder of the vectors kept on disk; None keeps none.

    Attributes
    ----------
    name : as reports call it.
    dimension : of a vector.
    digest : SHA-256 over weights, tokenizer, pooling and `max_tokens`; equal digests give equal vectors up to rounding.
    """

    def __init__(self, settings: EmbeddingSettings, folder: Path, cache: Path | None) -> None:
        self.settings = settings
        self.folder = folder
        self.name = BUNDLED_NAME if settings.model == BUNDLED else settings.model
        self._config = network_config(folder)
        self._pooling = read_pooling(folder)
        self.max_tokens = min(settings.max_tokens, self._pooling.max_tokens or settings.max_tokens)
        self.dimension = int(self._config.hidden_size)
        self.digest = self._digest()
        self._store = VectorStore(cache / f"{self.digest}.vectors", self.dimension) if cache else None

    def __repr__(self) -> str:
        return f"Encoder({self.name!r}, digest={self.digest[:12]!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Encoder:
        """Itself: an encoder never changes, so copies of a student share it."""
        return self

    def encode(self, texts: Sequence[str], on_progress: Progress | None = None) -> FloatArray:
        """Unit vectors, one row a text, in input order.

        Parameters
        ----------
        texts : any strings; an empty one has a vector too, and longer ones are cut at `max_tokens`.
        on_progress : called with (done, total) counting the distinct texts that are not in the cache.

        Returns
        -------
        array of shape (n, dimension), float32; equal texts have equal rows.
        """
        row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        distinct = self._encode_distinct(list(row_of), on_progress)
        return distinct[[row_of[text] for text in texts]]

    @property
    def tokens(self) -> Tokens:
        """What cuts texts into tokens, at most `max_tokens`."""
        return self._tokens

    def token_states(
        self, encodings: Sequence[Encoding], layer: int, on_progress: Progress | None = None
    ) -> list[FloatArray]:
        """The network's state of every token behind one of its layers, each of shape (tokens, dimension), uncached.

        Parameters
        ----------
        layer : 0 are the vectors of tokens alone; the last is what `encode` pools.
        on_progress : called with (done, total) counting encodings.
        """
        lengths = np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)
        found: list[FloatArray] = [np.zeros((0, self.dimension), dtype=np.float32)] * len(encodings)
        done = 0
        for rows in batches_by_length(lengths, self.settings.batch_size):
            states = self._states(self._tokens.pad([encodings[row] for row in rows]), layer)
            for row, own in zip(rows, states, strict=True):
                found[row] = own[: lengths[row]]
            done += len(rows)
            if on_progress:
                on_progress(done, len(encodings))
        return found

    @property
    def n_layers(self) -> int:
        """Layers of the network."""
        return int(self._config.num_hidden_layers)

    def _encode_distinct(self, texts: list[str], on_progress: Progress | None) -> FloatArray:
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        keys = [self._key(text) for text in texts]
        found = self._store.find(keys, vectors) if self._store is not None else np.zeros(len(texts), dtype=np.bool_)
        missing = np.flatnonzero(~found)
        for start in range(0, len(missing), WINDOW):
            rows = missing[start : start + WINDOW]
            vectors[rows] = self._compute([texts[row] for row in rows], _shifted(on_progress, start, len(missing)))
            if self._store is not None:
                self._store.append([keys[row] for row in rows], vectors[rows])
        return vectors

    def _compute(self, texts: Sequence[str], on_done: Callable[[int], None]) -> FloatArray:
        encodings = self._tokens.read([self._pooling.prepare(text) for text in texts])
        lengths = np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        done = 0
        for rows in batches_by_length(lengths, self.settings.batch_size):
            vectors[rows] = self._forward(self._tokens.pad([encodings[row] for row in rows]))
            done += len(rows)
            on_done(done)
        return vectors

    @torch.inference_mode()
    def _forward(self, batch: dict[str, torch.Tensor]) -> FloatArray:
        mask = batch["attention_mask"]
        hidden = self._network(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state
        pooled: FloatArray = self._pooling.pool(hidden, mask).numpy()
        return pooled

    @torch.inference_mode()
    def _states(self, batch: dict[str, torch.Tensor], layer: int) -> FloatArray:
        inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
        states: FloatArray = self._network(**inputs, output_hidden_states=True).hidden_states[layer].numpy()
        return states

    @cached_property
    def _network(self) -> Any:
        try:
            with quiet_transformers():
                network = AutoModel.from_pretrained(
                    self.folder, config=self._config, use_safetensors=True, local_files_only=True, dtype=torch.float32
                )
        except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
            raise UserError(f"the encoder in `{self.folder}` cannot be loaded: {exc}", "Download it again.") from exc
        return network.eval().requires_grad_(False)

    @cached_property
    def _tokens(self) -> Tokens:
        return replace(load_tokens(self.folder, self._config, self.max_tokens), pads_left=False)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(self.digest.encode() + text.encode("utf-8", "surrogatepass")).digest()

    def _digest(self) -> str:
        files = [*weight_files(self.folder), self.folder / "tokenizer.json"]
        parts = [
            DIGEST_VERSION,
            [file_sha256(file) for file in files if file.exists()],
            self._pooling.to_json(),
            self.max_tokens,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def load_encoder(settings: EmbeddingSettings, cache: Path | None) -> Encoder:
    """The encoder that the settings name, its weights checked.

    Parameters
    ----------
    settings : `model` is ``bundled``, a folder or a hub id.
    cache : folder in which vectors are kept by content; None keeps none.

    Raises
    ------
    UserError
        If the model is not there, cannot be reached, was altered, or needs code of its own.
    """
    return Encoder(settings, model_folder(settings.model), cache)


def _shifted(on_progress: Progress | None, start: int, total: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        if on_progress:
            on_progress(start + done, total)

    return report
