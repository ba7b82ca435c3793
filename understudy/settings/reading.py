"""Reads and checks `understudy.toml`, the environment and overrides; does not look at the data that the file names."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from understudy.errors import UserError, did_you_mean, nearest
from understudy.settings.table import Table
from understudy.settings.tables import SPAN_TOKENS, Settings

FILE_NAME = "understudy.toml"
ENVIRONMENT_PREFIX = "UNDERSTUDY_"


def read_settings(
    folder: Path, overrides: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings of a project folder.

    Order of strength: `overrides` (``teacher.k=3`` as ``{"teacher.k": "3"}``), environment
    (``UNDERSTUDY_TEACHER__MODEL``), file, default.

    Raises
    ------
    UserError
        If the file is missing or not TOML, a name is unknown, or a value has the wrong type or range;
        with file and line, and the nearest right name.
    """
    path = folder / FILE_NAME
    source = _read(path)
    try:
        tables = tomllib.loads(source)
    except tomllib.TOMLDecodeError as exc:
        raise UserError(f"{path.name} is not valid TOML: {exc}.", "Labels and texts need quotes around them.") from exc
    for name, text in _outside_values(overrides or {}, os.environ if environment is None else environment):
        _assign(tables, name, text)
    try:
        return _with_room_for_spans(Settings.model_validate_json(_as_json(tables, path)))
    except ValidationError as exc:
        raise UserError("\n".join(complaints(exc, source, path.name))) from exc


def _with_room_for_spans(settings: Settings) -> Settings:
    """An answer about entities may repeat the whole text."""
    if settings.codebook.kind != "entities" or "max_tokens" in settings.teacher.model_fields_set:
        return settings
    return settings.model_copy(update={"teacher": settings.teacher.model_copy(update={"max_tokens": SPAN_TOKENS})})


def complaints(error: ValidationError, source: str, file: str, root: type[Table] = Settings) -> Iterator[str]:
    """What is wrong with a TOML file that was read as `root`, each with its line and the nearest right name."""
    for item in error.errors():
        location = tuple(part for part in item["loc"] if not _is_union_branch(part))
        yield f"{file} line {_line_of(source, location)}: {_complaint(item, location, root)}"


def schema_of(location: tuple[str | int, ...], root: type[Table] = Settings) -> type[Table] | None:
    """The table class at a place in the file, such as ``("student", "linear")``; None for a plain key."""
    table: type[Table] | None = root
    for part in (part for part in location if isinstance(part, str)):
        if table is None or part not in table.model_fields:
            return None
        table = _table_in(table.model_fields[part].annotation)
    return table


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as exc:
        raise UserError(
            f"`{path.parent}` has no {path.name}.", "Run `understudy init FOLDER` to make a project."
        ) from exc
    except UnicodeDecodeError as exc:
        raise UserError(f"{path.name} is not UTF-8: byte {exc.start}.", "Save the file as UTF-8.") from exc


def _outside_values(overrides: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable, text in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and "__" in variable:
            yield variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", "."), text
    yield from overrides.items()


def _assign(tables: dict[str, Any], name: str, text: str) -> None:
    *parents, key = name.split(".")
    table = tables
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise UserError(f"`{name}` does not name a setting.", did_you_mean(parent, Settings.model_fields))
    table[key] = _toml_value(text)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _as_json(tables: dict[str, Any], path: Path) -> str:
    import json

    try:
        return json.dumps(tables)
    except TypeError as exc:
        raise UserError(f"{path.name} holds a date or time where text is expected.", "Put quotes around it.") from exc


def _table_in(annotation: Any) -> type[Table] | None:
    candidates = (annotation, *getattr(annotation, "__args__", ()))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, Table)), None)


def _is_union_branch(part: str | int) -> bool:
    return isinstance(part, str) and bool(re.search(r"[\[(]|^(int|float|str|constrained-\w+)$", part))


def _complaint(item: Any, location: tuple[str | int, ...], root: type[Table]) -> str:
    name = ".".join(str(part) for part in location)
    if item["type"] == "extra_forbidden":
        table = schema_of(location[:-1], root)
        known = list(table.model_fields) if table else []
        close = nearest(str(location[-1]), known)
        return f"unknown setting `{name}`. " + (
            f"Did you mean `{close}`?" if close else "There is: " + ", ".join(known) + "."
        )
    found = "" if item["type"] == "missing" else f", found {item['input']!r:.80}"
    return f"`{name}`: {item['msg'][0].lower()}{item['msg'][1:]}{found}."


def _line_of(source: str, location: tuple[str | int, ...]) -> int:
    """1-based line where a setting stands, or its nearest table that stands in the file."""
    best, best_depth = 1, -1
    here: tuple[str | int, ...] = ()
    seen: dict[str, int] = {}
    for number, line in enumerate(source.split("\n"), 1):
        header = re.match(r"\s*(\[\[?)\s*([\w.\-\"']+)\s*\]", line)
        key = re.match(r"\s*([\w\-\"'.]+)\s*=", line)
        if header:
            here = _header_location(header[2], header[1] == "[[", seen)
            found: tuple[str | int, ...] = here
        elif key:
            found = (*here, *key[1].replace('"', "").replace("'", "").split("."))
        else:
            continue
        if found == location[: len(found)] and len(found) > best_depth:
            best, best_depth = number, len(found)
    return best


def _header_location(dotted: str, is_array: bool, seen: dict[str, int]) -> tuple[str | int, ...]:
    parts: tuple[str | int, ...] = tuple(dotted.replace('"', "").replace("'", "").split("."))
    if not is_array:
        return parts
    index = seen.get(dotted, -1) + 1
    seen[dotted] = index
    return (*parts, index)
