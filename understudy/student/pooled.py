"""A network that reads a text as a sentence encoder does: the mean of its tokens' states, to scores.

Sentence encoders were trained by that mean; the head that their architecture would bring reads one token's state, which
nothing has taught to stand for the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from numpy.typing import NDArray
from transformers import AutoModel

from understudy.embedding import averages_tokens
from understudy.student.network import (
    config_for,
    labelled,
    load_body,
    load_network,
    restore_network,
    restored,
    switch_recomputing,
)

HEAD = "scores.weight"
"""Name of a weight that no network of transformers has."""


class PooledNetwork(torch.nn.Module):
    """An encoder, the mean of its tokens' states, dropout and a linear layer.

    Parameters
    ----------
    body : the encoder; its configuration names the labels.

    References
    ----------
    Reimers and Gurevych (2019), EMNLP (mean pooling).
    """

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body
        self.dropout = torch.nn.Dropout(getattr(body.config, "hidden_dropout_prob", None) or 0.1)
        self.scores = torch.nn.Linear(body.config.hidden_size, body.config.num_labels)
        self.scores.weight.data.normal_(std=getattr(body.config, "initializer_range", 0.02))
        self.scores.bias.data.zero_()

    @property
    def config(self) -> Any:
        """The encoder's."""
        return self.body.config

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self.scores.weight.device

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """`logits` of shape (n, K)."""
        states = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        counts = attention_mask[..., None].to(states.dtype)
        mean = (states * counts).sum(dim=1) / counts.sum(dim=1).clamp(min=1)
        return SimpleNamespace(logits=self.scores(self.dropout(mean)))

    def set_attn_implementation(self, name: str) -> None:
        """Compute attention in another way."""
        self.body.set_attn_implementation(name)

    def activation_checkpointing_enable(self, arguments: Any) -> None:
        """Keep few activations of the encoder."""
        switch_recomputing(self.body, "enable", arguments)

    def activation_checkpointing_disable(self) -> None:
        """Keep all activations again."""
        switch_recomputing(self.body, "disable")


def load_text_network(folder: Path, labels: Sequence[str], pad_id: int) -> Any:
    """A pretrained network with a new head: `PooledNetwork` of a sentence encoder, else its architecture's own.

    The head is drawn from torch's global generator; the caller seeds it.

    Raises
    ------
    UserError
        If the folder's model cannot classify sequences or its weights cannot be read.
    """
    if not averages_tokens(folder):
        return load_network(folder, labels, pad_id)
    body = load_body(folder)
    labelled(body.config, labels, pad_id)
    return PooledNetwork(body)


def restore_text_network(config_json: str, arrays: dict[str, NDArray[Any]], labels: Sequence[str]) -> Any:
    """The network of `load_text_network` from a student's configuration and weights; as `restore_network`."""
    if HEAD not in arrays:
        return restore_network(config_json, arrays, labels)
    return restored(
        lambda config: PooledNetwork(AutoModel.from_config(config)), config_for(labels, config_json), arrays
    )
