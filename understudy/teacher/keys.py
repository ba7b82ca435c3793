"""Finds and keeps API keys: environment, the system's keyring, or a file that only its owner can read.

A key is never an argument of a command, a setting, or part of a message: whoever finds one tells `errors.keep_secret`,
and every error of this package leaves it out.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from understudy.errors import UserError, keep_secret

SERVICE = "understudy"
FILE = Path(".config") / "understudy" / "keys.toml"
OWNER_ONLY = 0o600
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AROUND = "\ufeff \t\r\n'\""
_PLACEHOLDER = re.compile(r"(?:sk-)?(?:\.{3,}|…|x{3,}|<.*>|\*+|your.*|key|todo)", re.IGNORECASE)
_KEY_LIKE = re.compile(r"\b(?:sk|pk|gsk|xai|hf|AIza|r8)[-_]?[A-Za-z0-9_-]{20,}")


def find_key(name: str, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> str:
    """The key stored under a name such as ``OPENAI_API_KEY``: from the environment, the keyring, or the key file.

    Parameters
    ----------
    environment : the process's by default.
    folder : home folder, for the key file.

    Returns
    -------
    str
        Without white space and quotes around it; "" if there is none.

    Raises
    ------
    UserError
        If what is stored is no key, or the key file cannot be read or may be read by others.
    """
    environment = os.environ if environment is None else environment
    key = environment.get(name) or _from_keyring(name) or read_keys(folder).get(name, "")
    return clean_key(key) if key else ""


def clean_key(key: str) -> str:
    """A key as it is sent, kept out of every message from now on; raises `UserError` if it is none."""
    cleaned = key.strip(_AROUND)
    if not cleaned.isascii() or not cleaned.isprintable() or " " in cleaned:
        raise UserError("the API key holds characters that no key has.", "Copy it again; it is one word.")
    if cleaned and _PLACEHOLDER.fullmatch(cleaned):
        raise UserError("the API key is a placeholder from an example.", "Copy the real one from your provider's page.")
    keep_secret(cleaned)
    return cleaned


def read_keys(folder: Path | None = None) -> dict[str, str]:
    """The keys of the key file by name; empty if there is no file.

    Raises
    ------
    UserError
        If the file cannot be read, is not TOML with text values, or others than its owner may read it.
    """
    path = key_file(folder)
    try:
        with path.open("rb") as file:
            _refuse_others(path, os.fstat(file.fileno()).st_mode)
            keys = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise UserError(
            f"`{path}` cannot be read: {type(exc).__name__}.", "Repair or remove it; it was not changed."
        ) from None
    if not all(isinstance(key, str) for key in keys.values()):
        raise UserError(f"`{path}` holds something that is no text.", 'A line reads NAME = "key".')
    return keys


def store_key(name: str, key: str, folder: Path | None = None) -> Path:
    """Write a key to the key file, made with mode 0600 in a folder of mode 0700; the other keys stay.

    Raises
    ------
    UserError
        If the name or the key is none, or the present file cannot be read: then it is not overwritten.
    """
    _refuse_name(name)
    cleaned = clean_key(key)
    if not cleaned:
        raise UserError("the key is empty.", "Nothing was changed.")
    keys = read_keys(folder) | {name: cleaned}
    path = key_file(folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(path, "".join(f"{each} = {_quoted(keys[each])}\n" for each in sorted(keys)))
    return path


def store_in_keyring(name: str, key: str) -> None:
    """Hand a key to the system's keyring; raises `UserError` if there is none."""
    _refuse_name(name)
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as exc:
        raise UserError("the keyring library is not installed.", "pip install 'understudy[keyring]'") from exc
    try:
        keyring.set_password(SERVICE, name, clean_key(key))
    except KeyringError as exc:
        raise UserError(f"the keyring refuses: {type(exc).__name__}.", "Leave out `--keyring` to use a file.") from None


def key_file(folder: Path | None = None) -> Path:
    """Where the key file is, or would be."""
    try:
        return (folder or Path.home()) / FILE
    except RuntimeError as exc:
        raise UserError("there is no home folder for the key file.", "Set the environment variable instead.") from exc


def looks_like_key(text: str) -> bool:
    """Whether something in a text has the form of a provider's key."""
    return bool(_KEY_LIKE.search(text))


def _from_keyring(name: str) -> str:
    try:
        import keyring
    except ImportError:
        return ""
    try:
        return keyring.get_password(SERVICE, name) or ""
    except keyring.errors.KeyringError:
        return ""


def _refuse_others(path: Path, mode: int) -> None:
    if os.name == "posix" and mode & 0o077:
        raise UserError(f"`{path}` may be read by others (mode {mode & 0o777:o}).", f"chmod 600 {path}")


def _refuse_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(
            "the name of a key is letters, digits and `_`, such as OPENAI_API_KEY.",
            "The key itself is asked for afterwards and is never part of a command.",
        )


def _replace(path: Path, content: str) -> None:
    """Write beside and rename, so that the file is never half there and never readable by others."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
