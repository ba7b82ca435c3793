"""What a LoRA student keeps beside the contract: a small folder, its base's version, a frozen base."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import UserError
from understudy.records import Document
from understudy.student import DecoderStudent, load_student
from understudy.student.decoder import _loading

pytest.importorskip("peft", reason="the extra `lora` is not installed")

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
DOCUMENTS = [Document(str(i), f"the film was {('good', 'bad')[i % 2]}") for i in range(8)]
TARGETS = np.eye(2)[np.arange(8) % 2]


@pytest.fixture
def base(tiny_bert, tmp_path):
    from transformers import MistralConfig, MistralModel

    config = MistralConfig(
        vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=64, pad_token_id=0, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    MistralModel(config).save_pretrained(tmp_path / "base")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_bert / name, tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def student(base):
    return DecoderStudent(TASK, str(base), rank=2, epochs=1, learning_rate=1e-2).fit(DOCUMENTS, TARGETS)


def test_only_adapter_head_and_a_reference_to_the_base_are_kept(student, tmp_path):
    student.save(tmp_path / "s")
    names = set(load_file(tmp_path / "s" / "model.safetensors"))
    assert {name for name in names if "lora_" not in name} == {"score.weight", "understudy.columns"}
    assert sum("q_proj.lora_A" in name for name in names) == 1
    assert set(json.loads((tmp_path / "s" / "adapter.json").read_text())["sha256"]) == {"model.safetensors"}


def test_the_base_stays_as_it_was(student, base):
    trained = dict(student.learner_.network.named_parameters())
    for name, weights in load_file(base / "model.safetensors").items():
        kept = trained.get(f"model.{name}", trained.get(f"model.{name}".replace(".weight", ".base_layer.weight")))
        np.testing.assert_array_equal(kept.detach().numpy(), weights)


def test_another_version_of_the_base_is_refused(student, base, tmp_path):
    from safetensors.numpy import save_file

    student.save(tmp_path / "s")
    weights = load_file(base / "model.safetensors")
    save_file({name: array + 0.01 for name, array in weights.items()}, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="another version of the model"):
        load_student(tmp_path / "s")


def test_on_a_cpu_nothing_is_quantised():
    assert _loading(torch.device("cpu")) == {}
