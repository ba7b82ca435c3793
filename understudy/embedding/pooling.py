"""How token vectors become one vector: what sentence-transformers' configuration files say, and doing it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from understudy.errors import UserError

SMALLEST_NORM = 1e-12
LEGACY_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
KNOWN_MODULES = {"Transformer", "Pooling", "Normalize"}


@dataclass(frozen=True)
class Pooling:
    """What happens before and after the network.

    Attributes
    ----------
    mode : ``mean`` over the text's tokens, or ``cls``, the first one.
    max_tokens : where the model's authors cut texts; None if they do not say.
    lowers_case : whether texts are lower-cased first.
    prefix : put before every text.
    """

    mode: Literal["mean", "cls"] = "mean"
    max_tokens: int | None = None
    lowers_case: bool = False
    prefix: str = ""

    def to_json(self) -> dict[str, Any]:
        """A JSON form, for digests."""
        return asdict(self)

    def prepare(self, text: str) -> str:
        """The text as the tokenizer reads it."""
        return self.prefix + (text.lower() if self.lowers_case else text)

    def pool(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Unit rows of shape (n, d) from token vectors (n, t, d) and their mask (n, t), padding on the right."""
        if self.mode == "cls":
            pooled = hidden[:, 0]
        else:
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)
        return torch.nn.functional.normalize(pooled, dim=1, eps=SMALLEST_NORM)


def read_pooling(folder: Path) -> Pooling:
    """What the sentence-transformers files of a folder say; mean pooling where there are none.

    Raises
    ------
    UserError
        If the model needs a step that is neither mean or cls pooling nor normalisation.
    """
    modules = _read(folder / "modules.json") or []
    types = [str(module.get("type", "")).rsplit(".", 1)[-1] for module in modules]
    if unknown := sorted(set(types) - KNOWN_MODULES):
        raise _unsupported(folder, f"the module {', '.join(unknown)}")
    at = next((module["path"] for module, kind in zip(modules, types, strict=True) if kind == "Pooling"), None)
    pooling = (_read(folder / at / "config.json") if at else None) or {}
    if pooling.get("include_prompt") is False:
        raise _unsupported(folder, "pooling without the prompt")
    sentences = _read(folder / "sentence_bert_config.json") or {}
    return Pooling(
        _mode(folder, pooling),
        sentences.get("max_seq_length"),
        bool(sentences.get("do_lower_case", False)),
        _prefix(_read(folder / "config_sentence_transformers.json") or {}),
    )


def averages_tokens(folder: Path) -> bool:
    """Whether a folder holds a sentence encoder whose vectors are the mean of its tokens' states."""
    if not (folder / "modules.json").is_file():
        return False
    try:
        return read_pooling(folder).mode == "mean"
    except UserError:  # pooled in a way that is not computed here
        return False


def _mode(folder: Path, pooling: dict[str, Any]) -> Literal["mean", "cls"]:
    mode = pooling.get("pooling_mode") or [name for key, name in LEGACY_MODES.items() if pooling.get(key)] or "mean"
    if isinstance(mode, list) and len(mode) == 1:
        mode = mode[0]
    if mode == "mean":
        return "mean"
    if mode == "cls":
        return "cls"
    raise _unsupported(folder, f"pooling `{mode}`")


def _prefix(config: dict[str, Any]) -> str:
    name = config.get("default_prompt_name")
    return str((config.get("prompts") or {}).get(name, "")) if name else ""


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as exc:
        raise UserError(f"`{path}` is not JSON: {exc}", "Download the model again.") from exc


def _unsupported(folder: Path, what: str) -> UserError:
    return UserError(
        f"the encoder in `{folder}` needs {what}, which Understudy does not compute.",
        "Choose a model with mean or cls pooling, or use `bundled`.",
    )
