"""Datasets of the Hugging Face hub, through the extra `hub`; runs no loading script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from understudy.corpus.columnar import cell_text
from understudy.corpus.row import Row
from understudy.errors import UserError, did_you_mean

PREFIX = "hub:"


def hub_id(path: Path) -> str | None:
    """``owner/name[:split]`` if `path` names a hub dataset (also below a project folder), else None."""
    for position, part in enumerate(path.parts):
        if part.startswith(PREFIX):
            return "/".join((part.removeprefix(PREFIX), *path.parts[position + 1 :]))
    return None


def read_hub(identifier: str) -> Iterator[Row]:
    """The rows of one split, streamed; class numbers become class names.

    Raises
    ------
    UserError
        If the extra is not installed, the dataset cannot be loaded, or it has several splits and none is named.
    """
    name, _, split = identifier.partition(":")
    dataset = _one_split(_loaded(name), name, split)
    names = {column: feature.names for column, feature in (dataset.features or {}).items() if _is_class(feature)}
    for number, record in enumerate(dataset, 1):
        values = {column: _named(value, names.get(column)) for column, value in record.items()}
        yield Row(number, {column: cell_text(value) for column, value in values.items()}, values)


def _loaded(name: str) -> Any:
    try:
        import datasets
    except ImportError as exc:
        raise UserError(
            f"`hub:{name}` needs the library `datasets`.", 'Install it: pip install "understudy[hub]"'
        ) from exc
    try:
        return datasets.load_dataset(name, streaming=True)
    except Exception as exc:  # the library raises whatever its backends raise
        raise UserError(f"`hub:{name}` cannot be loaded: {exc}", "Check the name, the network and the login.") from exc


def _one_split(splits: Any, name: str, split: str) -> Any:
    if not split and len(splits) == 1:
        return next(iter(splits.values()))
    if split not in splits:
        found = f"has no split `{split}`" if split else "has several splits"
        raise UserError(f"`hub:{name}` {found}. {did_you_mean(split, splits)}", f"Write `hub:{name}:SPLIT`.")
    return splits[split]


def _is_class(feature: Any) -> bool:
    return type(feature).__name__ == "ClassLabel" and bool(feature.names)


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None
