"""A student on disk: `model.safetensors` and JSON, checked before anything is built from it; runs nothing.

Written into a private folder beside the target that takes its name at the end.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as parse_arrays
from safetensors.numpy import save as arrays_to_bytes

from understudy.errors import UserError
from understudy.settings import Codebook, EmbeddingSettings, Table
from understudy.student.choice import Choice

FILE_NAME = "understudy-student.json"
WEIGHTS = "model.safetensors"
VERSION = 1

TEXT_FILES = ("config.json", "tokenizer.json", "vocabulary.json", "adapter.json")
LARGEST_JSON_BYTES = 200_000_000
CODE_SUFFIXES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".ckpt", ".py", ".h5", ".msgpack"}


class Member(Table):
    """One of the students that answer for an `auto` student.

    Attributes
    ----------
    name : among those compared.
    kind, parameters, embedding, embedding_digest : as in `StudentFile`.
    """

    name: str
    kind: str
    parameters: dict[str, Any]
    embedding: EmbeddingSettings | None = None
    embedding_digest: str = ""


class Winner(Table):
    """What an `auto` student is: who answers for it, and what they were compared with.

    Files and arrays of the i-th member have `i.` before their names.
    """

    members: tuple[Member, ...] = Field(min_length=1, max_length=9)
    choice: Choice


class StudentFile(Table):
    """The content of `understudy-student.json`.

    Attributes
    ----------
    kind : which student.
    codebook : all of it; `labels` repeats the names in the order of the weights' rows.
    thresholds : one a label, None where it has none of its own.
    temperature : that logits are divided by.
    parameters : of the constructor, without task and encoder.
    embedding, embedding_digest : the frozen encoder that is needed, or None and "".
    winner : of the comparison, where the kind is `auto`; the files are its members'.
    sha256 : of the files beside it.
    about : provenance and metrics, as given to `save`.
    """

    version: Literal[1] = 1
    kind: str
    codebook: Codebook
    labels: tuple[str, ...]
    thresholds: tuple[float | None, ...]
    temperature: float = Field(1.0, gt=0)
    parameters: dict[str, Any]
    embedding: EmbeddingSettings | None = None
    embedding_digest: str = ""
    remarks: tuple[str, ...] = ()
    winner: Winner | None = None
    sha256: dict[str, str] = Field(default_factory=dict)
    about: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class StudentFiles:
    """What lies beside the description.

    Attributes
    ----------
    arrays : the content of `model.safetensors`.
    texts : further files by name.
    """

    arrays: dict[str, NDArray[Any]]
    texts: Mapping[str, str] = field(default_factory=dict)


def write_folder(folder: Path, files: StudentFiles, description: StudentFile) -> None:
    """Write a student's folder; what was there before is replaced in the last step.

    Raises
    ------
    UserError
        If the folder holds something else than a student, or cannot be written.
    """
    if folder.exists() and not (folder.is_dir() and (_is_empty(folder) or (folder / FILE_NAME).exists())):
        raise UserError(f"`{folder}` exists and is not a student.", "Choose another folder.")
    contents = {WEIGHTS: arrays_to_bytes({name: np.asarray(array, order="C") for name, array in files.arrays.items()})}
    contents |= {name: text.encode() for name, text in files.texts.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    described = description.model_copy(update={"sha256": hashes})
    contents[FILE_NAME] = json.dumps(described.model_dump(mode="json"), indent=2, ensure_ascii=False).encode()
    try:
        _replace(folder, contents)
    except OSError as exc:
        raise UserError(f"`{folder}` cannot be written: {exc}.", "Free space or change permissions.") from exc


def read_folder(folder: Path) -> tuple[StudentFile, StudentFiles]:
    """Description and files of a student, every file checked against its hash.

    Raises
    ------
    UserError
        If the folder is no student's, is damaged, was altered, or holds files that can run code.
    """
    _refuse_code(folder)
    description = _read_description(folder)
    contents = {name: _checked(folder / name, digest) for name, digest in description.sha256.items()}
    if WEIGHTS not in contents or not all(map(_is_known, contents)):
        raise _damaged(folder, f"{FILE_NAME} lists {sorted(contents)}")
    try:
        arrays = parse_arrays(contents.pop(WEIGHTS))
    except (SafetensorError, ValueError, KeyError) as exc:
        raise _damaged(folder, f"{WEIGHTS} is not a safetensors file ({exc})") from exc
    return description, StudentFiles(arrays, {name: content.decode() for name, content in contents.items()})


def sha256_of(path: Path) -> str:
    """SHA-256 of a file of any size, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as private:
        new, old = Path(private) / "new", Path(private) / "old"
        new.mkdir()
        for name, content in contents.items():
            (new / name).write_bytes(content)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)


def _read_description(folder: Path) -> StudentFile:
    path = folder / FILE_NAME
    if not path.is_file():
        raise UserError(f"`{folder}` holds no student: {FILE_NAME} is missing.", "Name a folder that `save` wrote.")
    try:
        stored = json.loads(_bytes(path))
    except (ValueError, RecursionError) as exc:
        raise _damaged(folder, f"{FILE_NAME} is not JSON ({exc})") from exc
    version = stored.get("version") if isinstance(stored, dict) else None
    if version != VERSION:
        raise UserError(
            f"`{path}` has version {version!r}; this version of Understudy reads {VERSION}.",
            "Update Understudy, or train the student again.",
        )
    try:
        description = StudentFile.model_validate_json(json.dumps(stored))
    except ValidationError as exc:
        first = exc.errors()[0]
        raise _damaged(folder, f"{FILE_NAME}, `{'.'.join(map(str, first['loc']))}`: {first['msg']}") from exc
    _refuse_mismatch(folder, description)
    return description


def _refuse_mismatch(folder: Path, description: StudentFile) -> None:
    if description.labels != description.codebook.names:
        raise _damaged(folder, f"its weights are for the labels {description.labels}, not the codebook's")
    if len(description.thresholds) != len(description.labels):
        raise _damaged(folder, f"{len(description.thresholds)} thresholds for {len(description.labels)} labels")


def _refuse_code(folder: Path) -> None:
    found = sorted(path.name for path in folder.glob("*") if path.suffix.lower() in CODE_SUFFIXES)
    if found:
        raise UserError(
            f"`{folder}` holds files that can run code when read: {', '.join(found)}.",
            "A student is safetensors and JSON only. Do not use this folder, or remove these files.",
        )


def _is_known(name: str) -> bool:
    """Whether a student has a file of that name; members of a joint one have their number before it."""
    return name == WEIGHTS or re.sub(r"\A[0-9]\.", "", name) in TEXT_FILES


def _checked(path: Path, digest: str) -> bytes:
    if not _is_known(path.name) or not path.is_file():
        raise _damaged(path.parent, f"`{path.name}` is missing or no file of a student")
    content = _bytes(path)
    if hashlib.sha256(content).hexdigest() != digest:
        raise _damaged(path.parent, f"`{path.name}` was altered or cut after it was written")
    return content


def _bytes(path: Path) -> bytes:
    if path.suffix == ".json" and path.stat().st_size > LARGEST_JSON_BYTES:
        raise _damaged(path.parent, f"`{path.name}` is larger than any student's")
    return path.read_bytes()


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


def _damaged(folder: Path, what: str) -> UserError:
    return UserError(f"the student in `{folder}` cannot be used: {what}.", "Train it again, or restore the folder.")
