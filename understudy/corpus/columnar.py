"""Parquet files and saved Hugging Face datasets, batch by batch; runs no loading script and opens no pickle."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc, parquet

from understudy.corpus.row import Row
from understudy.errors import UserError

BATCH_ROWS = 1024
PICKLED_TYPE = b"arrow.py_extension_type"
Names = Mapping[str, tuple[str, ...]]
"""Columns whose integers stand for names, as a dataset's features declare them."""


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file, streamed.

    Raises
    ------
    UserError
        If the file is no Parquet, is damaged, repeats a column, or holds bytes or pickled objects.
    """
    with _translated(path), parquet.ParquetFile(path) as file:
        _check_schema(file.schema_arrow, path)
        yield from _rows(file.iter_batches(batch_size=BATCH_ROWS), {})


def read_dataset_folder(folder: Path) -> Iterator[Row]:
    """The rows of a folder written by ``Dataset.save_to_disk``; class numbers become class names.

    Raises
    ------
    UserError
        If the folder holds several splits, only a loading script, or no Arrow files; or as `read_parquet`.
    """
    files = _data_files(folder)
    names = _class_names(folder / "dataset_info.json")
    with _translated(folder):
        yield from _rows(_stream_batches(files, folder), names)


def _stream_batches(files: list[Path], folder: Path) -> Iterator[Any]:
    for file in files:
        with pa.OSFile(str(file)) as source, ipc.open_stream(source) as stream:
            _check_schema(stream.schema, folder)
            yield from stream


def _rows(batches: Iterable[Any], names: Names) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for record in batch.to_pylist():
            number += 1
            named = {column: _named(value, names.get(column)) for column, value in record.items()}
            yield Row(number, {column: cell_text(value) for column, value in named.items()}, named)


def cell_text(value: Any) -> str | None:
    """A columnar value as the text of a cell; null and NaN are None, lists and structures their JSON text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False, default=str)


def _named(value: Any, names: tuple[str, ...] | None) -> Any:
    if names is None or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None


def _check_schema(schema: Any, path: Path) -> None:
    repeated = [name for name, count in Counter(schema.names).items() if count > 1]
    if repeated:
        raise UserError(f"{path.name}: column `{repeated[0]}` stands more than once.", "Give each column its own name.")
    for field in schema:
        if _holds_bytes(field.type) or (field.metadata or {}).get(b"ARROW:extension:name") == PICKLED_TYPE:
            raise UserError(
                f"{path.name}: column `{field.name}` holds bytes or pickled objects, which are never opened.",
                "Save the file again without that column.",
            )


def _holds_bytes(kind: Any) -> bool:
    is_bytes: Callable[[Any], bool] = pa.types.is_binary
    if is_bytes(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return True
    if isinstance(kind, pa.BaseExtensionType):
        return _holds_bytes(kind.storage_type)
    return pa.types.is_nested(kind) and any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as exc:
        reason = str(exc).split("\n", 1)[0]
        raise UserError(f"`{path}` cannot be read: {reason}.", "The file is damaged or of another kind.") from exc


def _data_files(folder: Path) -> list[Path]:
    names = _listed_files(folder / "state.json") or sorted(path.name for path in folder.glob("data-*.arrow"))
    if not names:
        raise _no_dataset(folder)
    outside = [name for name in names if Path(name).name != name]
    if outside:
        raise UserError(f"`{folder}`: state.json names `{outside[0]}`, which is outside of the folder.")
    return [folder / name for name in names]


def _no_dataset(folder: Path) -> UserError:
    if (folder / "dataset_dict.json").exists():
        splits = ", ".join(f"`{path.name}`" for path in sorted(folder.iterdir()) if path.is_dir())
        return UserError(f"`{folder}` holds several splits: {splits}.", "Name the folder of one split.")
    if any(folder.glob("*.py")):
        return UserError(f"`{folder}` has a loading script, which is never run.", "Save the data as Parquet or CSV.")
    return UserError(
        f"`{folder}` is a folder without a saved dataset (state.json and data-*.arrow).",
        "Name a CSV, TSV, JSONL or Parquet file, or a folder written by `save_to_disk`.",
    )


def _listed_files(state: Path) -> list[str]:
    return [str(entry["filename"]) for entry in _json_object(state).get("_data_files") or ()]


def _class_names(info: Path) -> Names:
    features = _json_object(info).get("features") or {}
    return {
        column: tuple(feature["names"])
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def _json_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        raise UserError(f"`{path}` cannot be read: {exc}.", "The dataset folder is damaged: save it again.") from exc
    return value if isinstance(value, dict) else {}
