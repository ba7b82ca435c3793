"""JSON lines: one object a line, read strictly; does not accept what only some JSON readers accept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from understudy.corpus.opening import open_text
from understudy.corpus.row import Row
from understudy.errors import UserError

MAX_LINE_CHARACTERS = 100_000_000
HINT = "Each line is one JSON object with string keys."


class WrittenFloat(float):
    """A number that remembers how it was written (``1.0``, ``1e5``)."""

    written: str

    def __new__(cls, written: str) -> WrittenFloat:
        """The number in `written`."""
        number = super().__new__(cls, written)
        number.written = written
        return number


def read_json_lines(path: Path, encoding: str) -> Iterator[Row]:
    """The objects of a JSON lines file, streamed; blank lines are no rows.

    Raises
    ------
    UserError
        If a line is no JSON object, holds NaN or infinity, a key twice, half a surrogate pair, or nests too deeply.
    """
    with open_text(path, encoding, newline="\n") as file:
        number = 0
        for line, text in _lines(file, path):
            if not text.isspace():
                number += 1
                record = _parsed(text, path, line)
                yield Row(number, {key: cell_text(value) for key, value in record.items()}, record, line)


def cell_text(value: Any) -> str | None:
    """A JSON value as the text of a cell: strings and null as they are, the rest as its JSON text."""
    if value is None or isinstance(value, str):
        return value
    return value.written if isinstance(value, WrittenFloat) else json.dumps(value, ensure_ascii=False)


def _lines(file: TextIO, path: Path) -> Iterator[tuple[int, str]]:
    line = 0
    while text := file.readline(MAX_LINE_CHARACTERS):
        line += 1
        if len(text) == MAX_LINE_CHARACTERS:
            raise UserError(f"{path.name} line {line} is longer than {MAX_LINE_CHARACTERS:,} characters.", HINT)
        yield line, text


def _parsed(text: str, path: Path, line: int) -> dict[str, Any]:
    try:
        value = _DECODER.decode(text.strip(" \t\r\n"))
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise UserError(f"{path.name} line {line}: {_reason(exc, text)}.", HINT) from exc
    if not isinstance(value, dict):
        raise UserError(f"{path.name} line {line}: expected an object, found `{text.strip():.40}`.", HINT)
    return value


def _reason(error: Exception, text: str) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply to read"
    if isinstance(error, UnicodeEncodeError):
        return "half a surrogate pair, which is no character"
    if isinstance(error, json.JSONDecodeError):
        torn = "" if text.endswith("\n") else "; the file ends inside this line"
        return f"not JSON at column {error.colno} ({error.msg[0].lower()}{error.msg[1:]}){torn}"
    return str(error)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is not JSON; write null for a missing number")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        repeated = next(key for position, (key, _) in enumerate(pairs) if key in dict(pairs[:position]))
        raise ValueError(f"key `{repeated}` stands twice")
    return record


_DECODER = json.JSONDecoder(
    parse_float=WrittenFloat, parse_constant=_refuse_constant, object_pairs_hook=_without_repeats
)
