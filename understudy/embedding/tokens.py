"""Texts to padded token tensors, in batches of similar length; knows no model weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from transformers import AutoTokenizer, PretrainedConfig

from understudy.errors import UserError

NO_LIMIT = 1_000_000
"""Tokenizers without a length limit state an astronomic one."""

VOCABULARY_FILES = ("tokenizer.json", "vocab.*", "*.model")
"""One of them is needed: transformers makes an empty tokenizer from nothing."""

TOKENS_IN_BATCH = 4096
"""Padded tokens computed at once; more is slower on a CPU (cache) and not faster on small GPUs."""


@dataclass(frozen=True)
class Tokens:
    """A tokenizer with what is needed to pad its output.

    Attributes
    ----------
    tokenizer : without padding, cutting at `max_tokens`.
    max_tokens : longer texts are cut, special tokens included.
    pad_id : what padding is filled with.
    pads_left : whether padding goes before the text (XLNet and causal models).
    """

    tokenizer: Tokenizer
    max_tokens: int
    pad_id: int
    pads_left: bool = False

    def read(self, texts: Sequence[str]) -> list[Encoding]:
        """Each text's tokens; lone surrogates become U+FFFD."""
        return list(self.tokenizer.encode_batch([_well_formed(text) for text in texts]))

    def pad(self, encodings: Sequence[Encoding]) -> dict[str, torch.Tensor]:
        """Tensors ``input_ids``, ``attention_mask`` and ``token_type_ids`` of shape (n, longest), int64."""
        longest = max(len(encoding.ids) for encoding in encodings)
        shape = (len(encodings), longest)
        ids = np.full(shape, self.pad_id, dtype=np.int64)
        mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, encoding in enumerate(encodings):
            n = len(encoding.ids)
            place = slice(longest - n, longest) if self.pads_left else slice(0, n)
            ids[row, place], mask[row, place], types[row, place] = encoding.ids, 1, encoding.type_ids
        arrays = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def to_json(self) -> str:
        """A ``tokenizer.json`` that `parse_tokens` and other libraries read."""
        copy = Tokenizer.from_str(self.tokenizer.to_str())
        token = copy.id_to_token(self.pad_id) or "[PAD]"
        copy.enable_padding(direction="left" if self.pads_left else "right", pad_id=self.pad_id, pad_token=token)
        return str(copy.to_str())


def parse_tokens(text: str) -> Tokens:
    """The tokens that `Tokens.to_json` wrote.

    Raises
    ------
    ValueError
        If it is no tokenizer, or one without padding or truncation.
    """
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as exc:  # the tokenizers library raises nothing narrower
        raise ValueError(f"not a tokenizer: {exc}") from exc
    padding, truncation = tokenizer.padding, tokenizer.truncation
    if padding is None or truncation is None:
        raise ValueError("a tokenizer without padding or truncation")
    pads_left = padding["direction"] == "left"
    return make_tokens(tokenizer, truncation["max_length"], padding["pad_id"], pads_left=pads_left)


def load_tokens(folder: Path, config: PretrainedConfig, max_tokens: int) -> Tokens:
    """The tokenizer of a model folder, cut at the smallest of `max_tokens` and what tokenizer and model can take.

    Raises
    ------
    UserError
        If the folder has no tokenizer that works without the model's own code.
    """
    if not any(any(folder.glob(pattern)) for pattern in VOCABULARY_FILES):
        raise UserError(f"`{folder}` has no tokenizer.", "Choose a model with a `tokenizer.json`.")
    try:
        loaded = AutoTokenizer.from_pretrained(folder, config=config, trust_remote_code=False, local_files_only=True)
        tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
    except (OSError, ValueError, AttributeError, ImportError) as exc:
        raise UserError(
            f"`{folder}` has no tokenizer that can be used: {exc}", "Choose a model with a `tokenizer.json`."
        ) from exc
    pad_id = loaded.pad_token_id if loaded.pad_token_id is not None else (loaded.eos_token_id or 0)
    return make_tokens(
        tokenizer,
        min(max_tokens, _limit(loaded.model_max_length, config, pad_id)),
        pad_id,
        pads_left=loaded.padding_side == "left",
    )


def make_tokens(tokenizer: Tokenizer, max_tokens: int, pad_id: int, *, pads_left: bool) -> Tokens:
    """Tokens that cut at `max_tokens` and leave padding to `Tokens.pad`; alters `tokenizer`."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=max_tokens)
    return Tokens(tokenizer, max_tokens, pad_id, pads_left)


def batches_by_length(
    lengths: NDArray[np.int64], batch_size: int, tokens_in_batch: int = TOKENS_IN_BATCH
) -> Iterator[NDArray[np.int64]]:
    """Positions in `lengths`, longest first, in batches of at most `batch_size` texts and `tokens_in_batch` tokens.

    Padded tokens count; a single text may exceed the budget.
    """
    order = np.argsort(-lengths, kind="stable").astype(np.int64)
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        stop = start + max(1, min(batch_size, tokens_in_batch // longest))
        yield order[start:stop]
        start = stop


def _limit(stated: int, config: PretrainedConfig, pad_id: int) -> int:
    positions = getattr(config, "max_position_embeddings", None)
    if stated < NO_LIMIT:
        return min(stated, positions) if isinstance(positions, int) and positions > 0 else stated
    if not isinstance(positions, int) or positions <= 0:
        return NO_LIMIT
    return positions - pad_id - 1 if pad_id else positions


def _well_formed(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
