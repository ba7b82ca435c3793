"""The encoder student's network: loaded from a model folder with a new head, or restored from a student's files."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import AutoModelForSequenceClassification

from understudy.embedding import network_config, parse_config, quiet_transformers
from understudy.errors import UserError

Tensors = dict[str, torch.Tensor]


def load_network(folder: Path, labels: Sequence[str], pad_id: int) -> Any:
    """A pretrained encoder with a new classification head, one output a label in codebook order.

    The head is drawn from torch's global generator; the caller seeds it.

    Raises
    ------
    UserError
        If the folder's model cannot classify sequences or its weights cannot be read.
    """
    config = network_config(folder)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: column for column, label in enumerate(labels)}
    config.pad_token_id = pad_id
    try:
        with quiet_transformers():
            return AutoModelForSequenceClassification.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                local_files_only=True,
                ignore_mismatched_sizes=True,
                dtype=torch.float32,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        raise UserError(
            f"the model in `{folder}` cannot be fine-tuned: {exc}", "Choose an encoder such as BERT or RoBERTa."
        ) from exc


def restore_network(config_json: str, arrays: dict[str, NDArray[Any]], labels: Sequence[str]) -> Any:
    """The network from a student's configuration and weights; draws nothing from torch's global generator.

    Raises
    ------
    UserError
        If configuration, weights and labels do not fit together.
    """
    config = parse_config(config_json, "config.json", is_strict=True)
    if list(config.id2label.values()) != list(labels):
        raise _misfit(f"config.json is for the labels {list(config.id2label.values())}, expected {list(labels)}")
    not_finite = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if not_finite:
        raise _misfit(f"model.safetensors: {', '.join(not_finite[:3])} holds values that are not finite")
    try:
        with torch.random.fork_rng(devices=[]), quiet_transformers():
            network = AutoModelForSequenceClassification.from_config(config)
        network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
    except (ValueError, RuntimeError, TypeError) as exc:
        raise _misfit(f"config.json and model.safetensors do not fit together: {exc}") from exc
    return network


def weights_of(network: Any) -> dict[str, NDArray[Any]]:
    """The network's weights as arrays, by name."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def logits(network: Any, batch: Tensors) -> torch.Tensor:
    """Scores of shape (n, K) as float32, computed where the network is."""
    accepted = inspect.signature(network.forward).parameters
    inputs = {name: tensor.to(network.device) for name, tensor in batch.items() if name in accepted}
    scores: torch.Tensor = network(**inputs).logits
    return scores.float()


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _misfit(what: str) -> UserError:
    return UserError(f"the student cannot be used: {what}.", "Train it again, or restore its folder.")
