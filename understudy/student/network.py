"""The encoder student's network: loaded from a model folder with a new head, or restored from a student's files."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification

from understudy.embedding import network_config, parse_config, quiet_transformers
from understudy.errors import UserError

Tensors = dict[str, torch.Tensor]


def load_network(folder: Path, labels: Sequence[str], pad_id: int, **how: Any) -> Any:
    """A pretrained encoder with a new classification head, one output a label in codebook order.

    The head is drawn from torch's global generator; the caller seeds it.

    Parameters
    ----------
    how : further arguments of `from_pretrained`, such as the precision; float32 without any.

    Raises
    ------
    UserError
        If the folder's model cannot classify sequences or its weights cannot be read.
    """
    return _loaded(AutoModelForSequenceClassification, folder, labelled(network_config(folder), labels, pad_id), **how)


def load_tagger(folder: Path, tags: Sequence[str], pad_id: int) -> Any:
    """A pretrained encoder with a new head that scores every tag at every token; as `load_network`."""
    return _loaded(AutoModelForTokenClassification, folder, labelled(network_config(folder), tags, pad_id))


def load_body(folder: Path) -> Any:
    """A pretrained encoder without a head.

    Raises
    ------
    UserError
        If its weights cannot be read.
    """
    return _loaded(AutoModel, folder, network_config(folder))


def restore_network(config_json: str, arrays: dict[str, NDArray[Any]], labels: Sequence[str]) -> Any:
    """The network from a student's configuration and weights; draws nothing from torch's global generator.

    Raises
    ------
    UserError
        If configuration, weights and labels do not fit together.
    """
    return restored(AutoModelForSequenceClassification.from_config, config_for(labels, config_json), arrays)


def restore_tagger(config_json: str, arrays: dict[str, NDArray[Any]], tags: Sequence[str]) -> Any:
    """The network of `load_tagger` from a student's configuration and weights; as `restore_network`."""
    return restored(AutoModelForTokenClassification.from_config, config_for(tags, config_json), arrays)


def restore_body(config_json: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """The encoder without a head from a student's configuration and weights; as `restore_network`."""
    return restored(AutoModel.from_config, parse_config(config_json, "config.json", is_strict=True), arrays)


def refuse_not_finite(arrays: dict[str, NDArray[Any]]) -> None:
    """Raise UserError if a stored array holds nan or infinity."""
    not_finite = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if not_finite:
        raise _misfit(f"model.safetensors: {', '.join(not_finite[:3])} holds values that are not finite")


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
    """The GPU where there is one, of several processes each its own; else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ["LOCAL_RANK"])) if "LOCAL_RANK" in os.environ else torch.device("cuda")


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators inside the block and restore them afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def recomputing(network: Any) -> Iterator[None]:
    """Keep few activations for the backward pass and compute the others twice, inside the block.

    Raises
    ------
    UserError
        If the architecture cannot.
    """
    try:
        switch_recomputing(network, "enable", {"use_reentrant": False})
    except ValueError as exc:
        raise UserError(f"activations cannot be computed again: {exc}", "Set `recompute` to false.") from exc
    try:
        yield
    finally:
        switch_recomputing(network, "disable")


def switch_recomputing(network: Any, what: Literal["enable", "disable"], *arguments: Any) -> None:
    """Turn the switch of transformers, which was renamed during its fifth version."""
    renamed = getattr(network, f"activation_checkpointing_{what}", None)
    (renamed or getattr(network, f"gradient_checkpointing_{what}"))(*arguments)


def config_for(labels: Sequence[str], config_json: str) -> Any:
    """The configuration in a stored ``config.json``; raises UserError if it is for other labels, or none."""
    config = parse_config(config_json, "config.json", is_strict=True)
    if list(config.id2label.values()) != list(labels):
        raise _misfit(f"config.json is for the labels {list(config.id2label.values())}, expected {list(labels)}")
    return config


def labelled(config: Any, labels: Sequence[str], pad_id: int) -> Any:
    """The configuration, altered: for these labels."""
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: column for column, label in enumerate(labels)}
    config.pad_token_id = pad_id
    return config


def _loaded(kind: Any, folder: Path, config: Any, **how: Any) -> Any:
    how = {"dtype": torch.float32} | how
    try:
        with quiet_transformers():
            return kind.from_pretrained(
                folder, config=config, use_safetensors=True, local_files_only=True, ignore_mismatched_sizes=True, **how
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        raise UserError(
            f"the model in `{folder}` cannot be fine-tuned: {exc}", "Choose an encoder such as BERT or RoBERTa."
        ) from exc


def restored(make: Callable[[Any], Any], config: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """The network that `make` makes of a configuration, with these weights; raises UserError if they do not fit."""
    refuse_not_finite(arrays)
    try:
        with torch.random.fork_rng(devices=[]), quiet_transformers():
            network = make(config)
        network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
    except (ValueError, RuntimeError, TypeError) as exc:
        raise _misfit(f"config.json and model.safetensors do not fit together: {exc}") from exc
    return network


def _misfit(what: str) -> UserError:
    return UserError(f"the student cannot be used: {what}.", "Train it again, or restore its folder.")
