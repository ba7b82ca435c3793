"""A network that reads a relation at its markers: the states of the two opening ones, side by side, to scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from numpy.typing import NDArray
from tokenizers import AddedToken
from transformers import AutoModel

from understudy.embedding import Tokens
from understudy.errors import UserError
from understudy.student.network import config_for, labelled, load_body, restored
from understudy.student.relations.marked import MARKERS


class MarkerNetwork(torch.nn.Module):
    """An encoder, dropout and a linear layer on the states at the head's and the tail's opening marker.

    Parameters
    ----------
    body : the encoder; its configuration names the labels.
    markers : ids of what stands before and behind the head, before and behind the tail.
    is_shared : whether the encoder sees the same markers around both, as LLMaAA's code does.

    References
    ----------
    Baldini Soares et al. (2019), ACL (entity markers, entity start).
    """

    def __init__(self, body: Any, markers: Sequence[int], *, is_shared: bool) -> None:
        super().__init__()
        self.body = body
        self.markers = tuple(markers)
        self.is_shared = is_shared
        self.dropout = torch.nn.Dropout(getattr(body.config, "hidden_dropout_prob", None) or 0.1)
        self.head = torch.nn.Linear(2 * body.config.hidden_size, body.config.num_labels)
        self.head.weight.data.normal_(std=getattr(body.config, "initializer_range", 0.02))
        self.head.bias.data.zero_()

    @property
    def config(self) -> Any:
        """The encoder's."""
        return self.body.config

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self.head.weight.device

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """`logits` of shape (n, K)."""
        before_head, behind_head, before_tail, behind_tail = self.markers
        places = [(input_ids == marker).int().argmax(dim=1) for marker in (before_head, before_tail)]
        if self.is_shared:
            input_ids = torch.where(input_ids == before_tail, before_head, input_ids)
            input_ids = torch.where(input_ids == behind_tail, behind_head, input_ids)
        states = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        rows = torch.arange(states.shape[0], device=states.device)
        pair = torch.cat([states[rows, place] for place in places], dim=1)
        return SimpleNamespace(logits=self.head(self.dropout(pair)))

    def set_attn_implementation(self, name: str) -> None:
        """How the encoder computes its attention."""
        self.body.set_attn_implementation(name)

    def gradient_checkpointing_enable(self, arguments: Any) -> None:
        """Keep few activations of the encoder."""
        self.body.gradient_checkpointing_enable(arguments)

    def gradient_checkpointing_disable(self) -> None:
        """Keep all activations again."""
        self.body.gradient_checkpointing_disable()


def add_markers(tokens: Tokens) -> Tokens:
    """The same tokens, to whose vocabulary the markers are added."""
    tokens.tokenizer.add_special_tokens([AddedToken(marker, special=True, normalized=False) for marker in MARKERS])
    return tokens


def load_marker_network(folder: Path, labels: Sequence[str], tokens: Tokens, *, is_shared: bool) -> MarkerNetwork:
    """A pretrained encoder with new markers and a new head, drawn from torch's global generator.

    Raises
    ------
    UserError
        If its weights cannot be read.
    """
    body = load_body(folder)
    size = tokens.tokenizer.get_vocab_size(with_added_tokens=True)
    if size > body.get_input_embeddings().num_embeddings:
        body.resize_token_embeddings(size, mean_resizing=False)
    labelled(body.config, labels, tokens.pad_id)
    return MarkerNetwork(body, marker_ids(tokens), is_shared=is_shared)


def restore_marker_network(
    config_json: str, arrays: dict[str, NDArray[Any]], labels: Sequence[str], tokens: Tokens, *, is_shared: bool
) -> MarkerNetwork:
    """The network from a student's configuration and weights.

    Raises
    ------
    UserError
        If configuration, weights, tokens and labels do not fit together.
    """

    def make(config: Any) -> MarkerNetwork:
        return MarkerNetwork(AutoModel.from_config(config), marker_ids(tokens), is_shared=is_shared)

    network: MarkerNetwork = restored(make, config_for(labels, config_json), arrays)
    return network


def marker_ids(tokens: Tokens) -> list[int]:
    """Ids of the four markers; raises UserError if the vocabulary lacks one."""
    found = [tokens.tokenizer.token_to_id(marker) for marker in MARKERS]
    known = [marker for marker in found if marker is not None]
    if len(known) < len(MARKERS):
        raise UserError("the student cannot be used: its tokenizer knows no markers.", "Train the student again.")
    return known
