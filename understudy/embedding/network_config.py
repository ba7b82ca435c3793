"""A model's `config.json` made into a transformers configuration from allow-listed keys; runs none of its code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, PretrainedConfig

from understudy.errors import UserError

COMMON_KEYS = frozenset({"model_type", "architectures", "id2label", "label2id", "dtype", "torch_dtype"})
"""Keys that every configuration may have beside those of its own type."""

HARMLESS_KEYS = frozenset({"transformers_version"})
"""Keys that transformers writes and that we neither need nor pass on."""


def network_config(folder: Path) -> PretrainedConfig:
    """The configuration of a model folder, built from the keys that its type is known to have; others are left out.

    Raises
    ------
    UserError
        If there is no readable ``config.json``, or its type needs code that is not part of transformers.
    """
    path = folder / "config.json"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UserError(f"`{path}` cannot be read: {exc}", "Is this the folder of a model?") from exc
    return parse_config(text, str(path), is_strict=False)


def parse_config(text: str, path: str, *, is_strict: bool) -> PretrainedConfig:
    """The configuration in the text of a ``config.json``, from allow-listed keys.

    Parameters
    ----------
    path : where the text is from, for messages.
    is_strict : refuse every other key instead of leaving it out.

    Raises
    ------
    UserError
        If it is not JSON, its type is not part of transformers, or, when strict, it has a key that is not known.
    """
    stored = _parsed(text, path)
    kind = stored.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise UserError(
            f"`{path}`: model type {kind!r} is not part of transformers.",
            "Choose a model that needs no remote code; code that comes with a model is never run.",
        )
    unknown = sorted(_unknown_keys(stored, CONFIG_MAPPING[kind]().to_dict()))
    if is_strict and unknown:
        raise UserError(
            f"`{path}` has keys that a student's configuration does not have: {', '.join(unknown)}.",
            "The folder was not written by Understudy or was altered; do not use it.",
        )
    return CONFIG_MAPPING[kind].from_dict(_without(stored, set(unknown) | HARMLESS_KEYS))


def config_text(config: PretrainedConfig) -> str:
    """A ``config.json`` that `parse_config` reads strictly."""
    stored = json.loads(config.to_json_string(use_diff=False))
    known = CONFIG_MAPPING[config.model_type]().to_dict()
    return json.dumps(_without(stored, set(_unknown_keys(stored, known)) | HARMLESS_KEYS), indent=2, ensure_ascii=False)


def _parsed(text: str, path: str) -> dict[str, Any]:
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise UserError(f"`{path}` cannot be read as JSON: {exc}", "Is this the folder of a model?") from exc
    if not isinstance(stored, dict):
        raise UserError(f"`{path}` holds {type(stored).__name__}, expected an object.", "Is this a model's folder?")
    return stored


def _unknown_keys(stored: dict[str, Any], known: dict[str, Any]) -> Iterator[str]:
    """Keys, ``outer.inner`` for nested ones, that are outside the allow-list."""
    allowed = {key for key in known if not key.startswith("_")} | COMMON_KEYS | HARMLESS_KEYS
    for key, value in stored.items():
        if key not in allowed or any(map(_is_code, _names_in(value))):
            yield key


def _names_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from map(str, value)
        for inner in value.values():
            yield from _names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names_in(inner)


def _is_code(key: str) -> bool:
    return key.startswith("_") or key in {"auto_map", "trust_remote_code", "custom_pipelines"}


def _without(stored: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in stored.items() if key not in keys}
