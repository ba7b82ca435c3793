"""The student that adapts a causal language model with LoRA: small matrices beside frozen weights, and a new head.

Needs the extra `lora`. A folder holds the adapter and names its base model, which must be there to predict.

References
----------
Hu et al. (2022), LoRA; Dettmers et al. (2023), QLoRA (4-bit base weights).
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from numpy.typing import NDArray

from understudy.codebook import Task
from understudy.embedding import Encoder, Tokens, model_folder
from understudy.errors import UserError
from understudy.settings import DecoderSettings, StudentSettings
from understudy.student.encoder import EncoderStudent, columns_of, tokens_of
from understudy.student.extras import extra
from understudy.student.folder import StudentFile, StudentFiles, sha256_of
from understudy.student.network import best_device, load_network, own_randomness, refuse_not_finite
from understudy.student.objective import Objective
from understudy.student.training import Learner

DEFAULTS = DecoderSettings.model_construct()
FILE = "adapter.json"
HEADS = ("score", "classifier")
"""Names of the classification head in transformers' causal models."""


class DecoderStudent(EncoderStudent):
    """A causal language model such as Mistral, adapted by LoRA to classify.

    Parameters
    ----------
    model : a folder or a hub id.
    rank, alpha, dropout : of LoRA, on every linear layer; updates are scaled by alpha / rank.
    others : as in `EncoderStudent`.

    Attributes
    ----------
    base_ : SHA-256 of each weight file of the base model, by name.
    """

    kind: ClassVar[str] = "decoder-lora"

    base_: dict[str, str]

    def __init__(
        self,
        task: Task,
        model: str = DEFAULTS.model,
        rank: int = DEFAULTS.rank,
        alpha: float = DEFAULTS.alpha,
        dropout: float = DEFAULTS.dropout,
        learning_rate: float = DEFAULTS.learning_rate,
        batch_size: int = DEFAULTS.batch_size,
        epochs: int = DEFAULTS.epochs,
        warmup: float = DEFAULTS.warmup,
        weight_decay: float = DEFAULTS.weight_decay,
        max_grad_norm: float = DEFAULTS.max_grad_norm,
        max_tokens: int = DEFAULTS.max_tokens,
        patience: int = DEFAULTS.patience,
        reweight: bool = DEFAULTS.reweight,
        tokens_at_once: int = DEFAULTS.tokens_at_once,
        recompute: bool = DEFAULTS.recompute,
        precision: Literal["auto", "fp32"] = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__(
            task, model, learning_rate, batch_size, epochs, warmup, weight_decay, max_grad_norm, max_tokens, patience,
            reweight, tokens_at_once, recompute, precision, seed,
        )  # fmt: skip
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:  # noqa: ARG003
        """An untrained student as the project file describes it."""
        return cls(task, **settings.decoder.model_dump(), seed=seed)

    def _network(self, folder: Path, tokens: Tokens, device: torch.device) -> Any:
        self.base_ = _weights_of_base(folder)
        return self._adapted(load_network(folder, self.task.labels, tokens.pad_id, **_loading(device)), device)

    def _adapted(self, network: Any, device: torch.device) -> Any:
        peft = extra("peft", "lora")
        shape = peft.LoraConfig(
            task_type="SEQ_CLS", r=self.rank, lora_alpha=self.alpha, lora_dropout=self.dropout,
            target_modules="all-linear",
        )  # fmt: skip
        network = peft.inject_adapter_in_model(shape, network)
        head = _head_of(network)
        head.to(torch.float32).requires_grad_(True)
        return network if getattr(network, "is_loaded_in_4bit", False) else network.to(device)

    def _files(self) -> StudentFiles:
        network = self.learner_.network
        arrays = {name: p.detach().float().cpu().numpy() for name, p in network.named_parameters() if p.requires_grad}
        base = json.dumps({"model": self.model, "sha256": self.base_}, indent=2)
        return StudentFiles(
            arrays | self._columns_array(), {FILE: base, "tokenizer.json": self.learner_.tokens.to_json()}
        )

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:  # noqa: ARG003
        """The student from its checked files and its base model, without thresholds."""
        student = cls(task, **stored.parameters)
        arrays, device = dict(files.arrays), best_device()
        objective = Objective(torch.from_numpy(columns_of(arrays, len(task.labels))), task.is_exclusive)
        refuse_not_finite(arrays)
        tokens = tokens_of(files.texts.get("tokenizer.json", ""))
        folder = model_folder(student.model)
        _refuse_other_base(folder, files.texts.get(FILE, ""))
        with own_randomness(0, device):
            network = student._network(folder, tokens, device)
        _put(arrays, network)
        student.learner_ = Learner(network.eval(), tokens, objective)
        student.epochs_, student.history_ = (), None
        return student


def _loading(device: torch.device) -> dict[str, Any]:
    """How the base is held: float32 on a CPU; on a GPU in 4 bits where bitsandbytes is installed, else bfloat16."""
    if device.type != "cuda":
        return {}
    if find_spec("bitsandbytes") is None:
        return {"dtype": torch.bfloat16}
    from transformers import BitsAndBytesConfig

    four_bit = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=list(HEADS),
    )  # fmt: skip
    return {"quantization_config": four_bit, "device_map": {"": 0}, "dtype": torch.bfloat16}


def _head_of(network: Any) -> Any:
    for name in HEADS:
        if (head := getattr(network, name, None)) is not None:
            return head
    raise UserError("the model has no classification head that can be trained.", "Choose a model such as Mistral.")


def _weights_of_base(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(folder.glob("*.safetensors"))}


def _refuse_other_base(folder: Path, text: str) -> None:
    try:
        expected = json.loads(text)["sha256"]
    except (ValueError, TypeError, KeyError) as exc:
        raise UserError(f"the student cannot be used: {FILE} cannot be read ({exc}).", "Train it again.") from exc
    if _weights_of_base(folder) != expected:
        raise UserError(
            f"the student adapts another version of the model in `{folder}`.",
            "Bring back the model's files as they were, or train the student again.",
        )


def _put(arrays: dict[str, NDArray[Any]], network: Any) -> None:
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    if {name: tuple(p.shape) for name, p in trained.items()} != {name: a.shape for name, a in arrays.items()}:
        raise UserError("the student cannot be used: its adapter does not fit its base model.", "Train it again.")
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(torch.from_numpy(arrays[name].copy()))
