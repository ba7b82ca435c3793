"""Opens files of texts: refuses what is no readable file, finds the encoding, never guesses a character.

Does not know what a row is.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from understudy.errors import UserError, nearest

BYTE_ORDER_MARKS = (  # UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
HEAD_BYTES = 4096
CHUNK_BYTES = 1 << 20
NUL_SHARE_OF_WIDE_TEXT = 0.25


def check_readable(path: Path) -> os.stat_result:
    """The file's or folder's status.

    Raises
    ------
    UserError
        If nothing is there, a link leads nowhere, it may not be read, or it is a pipe or device.
    """
    try:
        status = path.stat()
    except FileNotFoundError as exc:
        raise _missing(path) from exc
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise UserError(f"`{path}` is neither a file nor a folder but a pipe or device.", "Save the texts to a file.")
    return status


@contextmanager
def open_text(path: Path, encoding: str, newline: str) -> Iterator[TextIO]:
    """The file as characters, without its byte order mark; a mark is stronger than the declared encoding.

    Raises
    ------
    UserError
        If the encoding is unknown, or, while reading, a byte does not fit it: with line and byte.
    """
    actual = _encoding_of(path, encoding)
    try:
        with path.open(encoding=actual, newline=newline) as file:
            yield file
    except UnicodeError as exc:
        raise _undecodable(path, actual) from exc
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def _encoding_of(path: Path, declared: str) -> str:
    try:
        if not codecs.lookup(declared)._is_text_encoding:
            raise LookupError(declared)
    except LookupError as exc:
        raise UserError(
            f"`data.encoding` is `{declared}`, which is no known encoding.", "Use `utf-8`, or `windows-1252`."
        ) from exc
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    if _is_single_byte(declared) and head.count(0) > len(head) * NUL_SHARE_OF_WIDE_TEXT:
        raise UserError(
            f"{path.name} is full of NUL bytes: it looks like UTF-16 without a byte order mark.",
            f'Set `data.encoding = "{_wide_encoding(head)}"`, or save the file as UTF-8.',
        )
    return declared


def _is_single_byte(encoding: str) -> bool:
    return len("a".encode(encoding)) == 1


def _wide_encoding(head: bytes) -> str:
    return "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"


def _missing(path: Path) -> UserError:
    if path.is_symlink():
        return UserError(f"`{path}` is a link to `{path.readlink()}`, which does not exist.", "Repair the link.")
    siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, siblings)
    hint = f"Did you mean `{close}`?" if close else "Name an existing file under `[data]` in understudy.toml."
    return UserError(f"`{path}` does not exist.", hint)


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"`{path}` cannot be read: {error.strerror or error}.", "Check the path and its permissions.")


def _undecodable(path: Path, encoding: str) -> UserError:
    line, offset, found = _first_bad_byte(path, encoding)
    return UserError(
        f"{path.name} line {line}: byte {offset} of the file (0x{found:02x}) is not {encoding.removesuffix('-sig')}.",
        'Set `data.encoding` to how it was saved (Excel on Windows: "windows-1252"), or save it as UTF-8.',
    )


def _first_bad_byte(path: Path, encoding: str) -> tuple[int, int, int]:
    """1-based line, 0-based offset and value of the first byte that does not decode."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line, offset, pending = 1, 0, 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK_BYTES)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as exc:
                sane = exc.object[: exc.start].decode(encoding, "replace")
                return line + sane.count("\n"), offset - pending + exc.start, exc.object[exc.start]
            if not chunk:
                return line, offset, 0
            offset += len(chunk)
            pending = len(decoder.getstate()[0])
