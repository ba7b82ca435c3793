"""The records of JSON files: one object a line, or one list of objects. Does not know what is in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.corpus.json_lines import read_json_lines
from understudy.corpus.opening import open_text
from understudy.errors import UserError


def read_records(path: Path, encoding: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of a file with their 1-based numbers; a suffix of ``.json`` means one list of them.

    Raises
    ------
    UserError
        If the file is not JSON, or not a list of objects; or as `read_json_lines`.
    """
    if path.suffix.lower() != ".json":
        for row in read_json_lines(path, encoding):
            yield row.number, row.raw
        return
    with open_text(path, encoding, newline="") as file:
        records = _parsed(file.read(), path)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise UserError(f"{path.name}: expected a list of objects.", "Export it as JSON again.")
    yield from enumerate(records, 1)


def write_records(records: Iterable[Mapping[str, Any]], path: Path) -> None:
    """One object a line, or one list of objects where the suffix is ``.json``."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        if path.suffix.lower() == ".json":
            json.dump([dict(record) for record in records], file, ensure_ascii=False, indent=1)
            file.write("\n")
        else:
            file.writelines(json.dumps(dict(record), ensure_ascii=False) + "\n" for record in records)


def without(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The fields of a record but these."""
    return {name: value for name, value in record.items() if name not in names}


def named(record: Mapping[str, Any], path: Path, number: int) -> str:
    """The record's id as text; numbered where it has none."""
    identifier = record.get("id")
    return f"{path.stem}-{number}" if identifier is None else str(identifier)


def identified(identifier: str, rest: Mapping[str, Any]) -> dict[str, Any]:
    """The field `id` of a record that is written again: none where none was read, a number where one was."""
    if "id" not in rest:
        return {"id": identifier}
    was = rest["id"]
    if was is None:
        return {}
    return {"id": was if str(was) == identifier else identifier}


def malformed(path: Path, number: int, what: str) -> UserError:
    """The error for a record that is not of its format."""
    return UserError(f"{path.name} record {number}: {what}.", "Set `data.format` if the file is of another format.")


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise UserError(f"{path.name} is no JSON: {exc}.", "Export it again.") from exc
