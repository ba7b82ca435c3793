import hashlib
import json

import numpy as np
import pytest
import torch

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import UserError
from understudy.records import Document
from understudy.student import EncoderStudent, load_student
from understudy.student.fine_tuned import enough
from understudy.student.training import has_fast_bf16

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
WORDS = (["good", "great"], ["bad", "awful"])
COLUMNS = np.arange(40) % 2
DOCUMENTS = [Document(str(i), f"the film was {'very ' * (i % 5)}{WORDS[i % 2][i % 4 // 2]}") for i in range(40)]
TARGETS = np.eye(2)[COLUMNS]


def student(tiny_bert, **parameters):
    return EncoderStudent(TASK, **{"model": str(tiny_bert), "learning_rate": 2e-3, "epochs": 6} | parameters)


@pytest.fixture
def folder(tiny_bert, tmp_path):
    student(tiny_bert, epochs=1).fit(DOCUMENTS, TARGETS).save(tmp_path / "s")
    return tmp_path / "s"


def test_padding_changes_nothing(tiny_bert):
    fitted = student(tiny_bert).fit(DOCUMENTS, TARGETS)
    short, long = Document("a", "good"), Document("b", "the film was not " * 12)
    beside = fitted.predict_proba([short, long])[0]
    np.testing.assert_allclose(fitted.predict_proba([short])[0], beside, atol=1e-6)


def test_without_dev_every_epoch_is_run(tiny_bert):
    fitted = student(tiny_bert, patience=1).fit(DOCUMENTS, TARGETS)
    assert [epoch.number for epoch in fitted.epochs_] == [1, 2, 3, 4, 5, 6]
    assert {epoch.dev_loss for epoch in fitted.epochs_} == {None}


def test_stops_when_dev_gets_worse_and_keeps_the_best_epoch(tiny_bert):
    """Dev contradicts training, so its loss grows with every epoch that learns."""
    dev = (DOCUMENTS, 1 - TARGETS)
    fitted = student(tiny_bert, epochs=20, patience=2, precision="fp32").fit(DOCUMENTS, TARGETS, dev=dev)
    losses = [epoch.dev_loss for epoch in fitted.epochs_]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 2 < 20
    found = fitted.predict_proba(DOCUMENTS)
    loss_of_kept = -np.log(found[np.arange(40), 1 - COLUMNS]).mean()
    assert loss_of_kept == pytest.approx(losses[best], abs=1e-5)
    assert loss_of_kept < losses[-1]


def test_an_empty_dev_is_no_dev(tiny_bert):
    fitted = student(tiny_bert, epochs=1).fit(DOCUMENTS, TARGETS, dev=([], np.zeros((0, 2))))
    assert fitted.epochs_[0].dev_loss is None


def test_seeds_differ(tiny_bert):
    ours, other = (
        student(tiny_bert, seed=s, epochs=1).fit(DOCUMENTS, TARGETS).predict_proba(DOCUMENTS) for s in (0, 1)
    )
    assert np.abs(ours - other).max() > 1e-3


def test_divergence_is_said_and_not_hidden(tiny_bert):
    with pytest.raises(UserError, match="training diverged") as caught:
        student(tiny_bert, learning_rate=1e30, warmup=0.0).fit(DOCUMENTS, TARGETS)
    assert "learning_rate" in caught.value.hint


def test_half_precision_learns_what_full_precision_learns(tiny_bert, monkeypatch):
    monkeypatch.setattr("understudy.student.fine_tuned.has_fast_bf16", lambda device: True)
    for precision in ("auto", "fp32"):
        fitted = student(tiny_bert, precision=precision, epochs=20, batch_size=8).fit(DOCUMENTS, TARGETS)
        assert fitted.score(DOCUMENTS, TARGETS) == 1.0
        assert {tensor.dtype for tensor in fitted.learner_.network.state_dict().values()} <= {torch.float32}


def test_bf16_is_probed_without_a_gpu():
    assert has_fast_bf16(torch.device("cpu")) in (True, False)


def test_a_model_that_cannot_classify_is_refused(tmp_path, tiny_bert):
    import shutil

    folder = shutil.copytree(tiny_bert, tmp_path / "m")
    stored = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(stored | {"model_type": "clip"}))
    with pytest.raises(UserError):
        student(folder).fit(DOCUMENTS, TARGETS)


def change(folder, name, update):
    """Alter a JSON file and its recorded hash, as an attacker would."""
    content = json.dumps(json.loads((folder / name).read_text()) | update).encode()
    (folder / name).write_bytes(content)
    path = folder / "understudy-student.json"
    stored = json.loads(path.read_text())
    stored["sha256"][name] = hashlib.sha256(content).hexdigest()
    path.write_text(json.dumps(stored))


@pytest.mark.parametrize(
    "update",
    [
        {"auto_map": {"AutoModelForSequenceClassification": "evil--repo.modeling.Evil"}},
        {"trust_remote_code": True},
        {"_attn_implementation_internal": "evil/repo"},
        {"attn_implementation": "evil/repo"},
        {"id2label": {"0": {"auto_map": "evil.Evil"}}},
        {"quantization_config": {"quant_method": "evil"}},
    ],
)
def test_t07_keys_that_name_code_are_refused_before_transformers_sees_them(folder, update, monkeypatch):
    change(folder, "config.json", update)
    monkeypatch.setattr("transformers.PretrainedConfig.from_dict", lambda *a, **k: pytest.fail("was given the keys"))
    with pytest.raises(UserError, match=f"does not have: {next(iter(update))}"):
        load_student(folder)


@pytest.mark.parametrize(
    ("update", "complaint"),
    [
        ({"model_type": "evil"}, "model type 'evil' is not part of transformers"),
        ({"id2label": {"0": "minus", "1": "plus"}}, "is for the labels"),
        ({"id2label": {"0": "plus"}}, "is for the labels"),
        ({"hidden_size": 16}, "do not fit together"),
        ({"num_hidden_layers": 1}, "do not fit together"),
    ],
)
def test_t16_a_configuration_of_another_model_is_refused(folder, update, complaint):
    change(folder, "config.json", update)
    with pytest.raises(UserError, match=complaint):
        load_student(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"`{name}` is missing"):
        load_student(folder)


def test_loading_draws_nothing_from_the_global_generator(folder):
    torch.manual_seed(3)
    expected = torch.rand(1).item()
    torch.manual_seed(3)
    load_student(folder)
    assert torch.rand(1).item() == expected


def test_others_can_open_the_folder(folder):
    from transformers import AutoModelForSequenceClassification

    from understudy.embedding import quiet_transformers

    with quiet_transformers():
        network = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True)
    assert network.config.id2label == {0: "plus", 1: "minus"}


@pytest.mark.parametrize(
    ("n", "expected"),
    [(10_000, (5, 2)), (1280, (5, 2)), (1000, (7, 3)), (288, (23, 10)), (160, (40, 16)), (3, (40, 16))],
)
def test_few_texts_are_gone_through_more_often(n, expected):
    assert enough(n, batch_size=16, patience=2) == expected


def test_epochs_that_are_given_are_kept(tiny_bert):
    assert len(student(tiny_bert, epochs=2).fit(DOCUMENTS, TARGETS).epochs_) == 2
    assert len(student(tiny_bert, epochs="auto").fit(DOCUMENTS[:16], TARGETS[:16]).epochs_) == 40
