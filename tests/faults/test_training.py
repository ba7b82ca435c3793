"""Cases T-..: checkpoints and model folders that are damaged, forged or too large, memory that runs out, no texts."""

import errno
import hashlib
import json
import os
import shutil
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import UserError
from understudy.records import Document
from understudy.student import EncoderStudent, load_student
from understudy.student import checkpoint as checkpoint_module
from understudy.student.checkpoint import Checkpoints
from understudy.student.network import best_device

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
WORDS = ("good", "bad", "great", "awful")
DOCUMENTS = [Document(str(i), f"the film was {'very ' * (i % 5)}{WORDS[i % 4]}") for i in range(24)]
TARGETS = np.eye(2)[np.arange(24) % 2]
PAYLOAD = b"\x80\x04cposix\nsystem\n(S'touch PWNED'\ntR."


class StopTraining(Exception):
    """Raised by a test in the middle of a training."""


def fit(model, workspace, stop_after=0, task=TASK, **parameters):
    """Train three epochs of three steps, or as far as asked; the student and the steps that were taken."""
    student = EncoderStudent(task, str(model), **{"learning_rate": 2e-3, "epochs": 3, "batch_size": 8} | parameters)
    done = []

    def on_progress(step):
        done.append(step)
        if step.done == stop_after:
            raise StopTraining

    with suppress(StopTraining):
        student.fit(DOCUMENTS, TARGETS, on_progress=on_progress, workspace=workspace)
    return student, done


def checkpoint_every_step(patch):
    patch.setattr("understudy.student.fine_tuned.Checkpoints", lambda path: Checkpoints(path, every_s=0.0))


@pytest.fixture
def every_step(monkeypatch):
    checkpoint_every_step(monkeypatch)


@pytest.fixture(scope="module")
def stopped(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        checkpoint_every_step(patch)
        fit(tiny_bert, folder, stop_after=5)
    assert [path.name for path in folder.iterdir()] == ["step-000000004"]
    return folder


@pytest.fixture
def workspace(stopped, tmp_path, every_step):
    """The folder of a training that stopped after five of nine steps; its newest checkpoint is that of the fourth."""
    return shutil.copytree(stopped, tmp_path / "work")


@pytest.fixture(scope="module")
def saved(tiny_bert, tmp_path_factory):
    student, _ = fit(tiny_bert, None, epochs=1)
    folder = tmp_path_factory.mktemp("saved") / "student"
    student.save(folder)
    return folder


@pytest.fixture
def trained(saved, tmp_path):
    """A student's folder to damage."""
    return shutil.copytree(saved, tmp_path / "student")


def alter(workspace, change):
    """Change a checkpoint's tensors and put their right hash beside them, as an attacker would."""
    folder = next(workspace.iterdir())
    tensors = load_file(folder / "tensors.safetensors")
    change(tensors)
    content = save(tensors)
    (folder / "tensors.safetensors").write_bytes(content)
    state = json.loads((folder / "state.json").read_text())
    state["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "state.json").write_text(json.dumps(state))


def without_moments(tensors):
    for name in [name for name in tensors if name.startswith("moments.")]:
        del tensors[name]


def with_a_smaller_head(tensors):
    tensors["weights.classifier.weight"] = tensors["weights.classifier.weight"][:1].clone()


def without_the_head(tensors):
    del tensors["weights.classifier.weight"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_moments, "moments are missing"),
        (with_a_smaller_head, "not those of this network"),
        (without_the_head, "not those of this network"),
    ],
)
def test_t02_a_checkpoint_that_lacks_something_is_passed_over_with_the_reason(
    tiny_bert, workspace, tmp_path, change, reason
):
    alter(workspace, change)
    student, done = fit(tiny_bert, workspace)
    assert done[0].done == 1
    assert reason in student.remarks_[0]
    whole, _ = fit(tiny_bert, tmp_path / "other")
    np.testing.assert_array_equal(student.predict_proba(DOCUMENTS), whole.predict_proba(DOCUMENTS))


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json"])
@pytest.mark.parametrize("size", [0, 8, 100])
def test_t02_a_cut_checkpoint_is_passed_over(tiny_bert, workspace, name, size):
    path = next(workspace.iterdir()) / name
    path.write_bytes(path.read_bytes()[:size])
    student, done = fit(tiny_bert, workspace)
    assert done[0].done == 1
    assert student.remarks_[0].startswith("The checkpoint step-000000004 was not used: ")


@pytest.mark.parametrize("state", [b"[]", b"null", b"[" * 100_000, b'{"version": 2}', b'{"version": 1}'])
def test_t02_a_state_that_is_none_is_passed_over(tiny_bert, workspace, state):
    (next(workspace.iterdir()) / "state.json").write_bytes(state)
    assert fit(tiny_bert, workspace)[1][0].done == 1


@pytest.mark.parametrize("other", ["labels", "rate", "seed"])
def test_t02_a_checkpoint_of_another_training_is_passed_over(tiny_bert, workspace, other):
    turned = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"), Label(name="none"))))
    targets = np.eye(3)[np.arange(24) % 3]
    student = EncoderStudent(
        turned if other == "labels" else TASK, str(tiny_bert), epochs=1 if other == "labels" else 3, batch_size=8,
        learning_rate=1e-3 if other == "rate" else 2e-3, seed=int(other == "seed"),
    )  # fmt: skip
    student.fit(DOCUMENTS, targets if other == "labels" else TARGETS, workspace=workspace)
    assert "other texts, labels, settings or weights" in student.remarks_[0]


def test_t03_a_full_disk_leaves_the_older_checkpoint(tiny_bert, workspace, monkeypatch):
    before = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file()}

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint_module.os, "fsync", full)
        with pytest.raises(UserError, match="No space left") as caught:
            fit(tiny_bert, workspace)
    assert "Free space" in caught.value.hint
    assert {path: path.read_bytes() for path in before} == before
    student, done = fit(tiny_bert, workspace)
    assert done[0].done == 5
    assert "went on after step 4 of 9" in student.remarks_[0]


def test_t04_the_loss_sequence_goes_on_and_no_data_is_replayed(tiny_bert, workspace, tmp_path):
    _, whole = fit(tiny_bert, tmp_path / "whole")
    _, rest = fit(tiny_bert, workspace)
    assert rest == whole[4:]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "x.pt", "x.pkl", "model.joblib", "x.npy"])
def test_t05_a_student_folder_with_pickles_is_refused(trained, name, monkeypatch):
    (trained / name).write_bytes(PAYLOAD)
    with pytest.raises(UserError, match="can run code when read"):
        load_student(trained)
    assert not Path("PWNED").exists()


def test_t06_a_pickle_named_safetensors_has_no_fallback(trained, tiny_bert):
    (trained / "model.safetensors").write_bytes(PAYLOAD)
    put_hash(trained, "model.safetensors")
    with pytest.raises(UserError, match="is not a safetensors file"):
        load_student(trained)
    assert not Path("PWNED").exists()


def put_hash(folder, name):
    path = folder / "understudy-student.json"
    stored = json.loads(path.read_text())
    stored["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(stored))


def test_t08_a_chat_template_is_never_rendered(tiny_bert, tmp_path):
    model = shutil.copytree(tiny_bert, tmp_path / "model")
    config = json.loads((model / "tokenizer_config.json").read_text())
    evil = "{{ cycler.__init__.__globals__.os.system('touch PWNED') }}{{ raise_exception('rendered') }}"
    (model / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": evil}))
    student, _ = fit(model, None, epochs=1)
    student.save(tmp_path / "student")
    assert "PWNED" not in (tmp_path / "student" / "tokenizer.json").read_text()
    shutil.copy(model / "tokenizer_config.json", tmp_path / "student")
    loaded = load_student(tmp_path / "student")
    np.testing.assert_array_equal(loaded.predict_proba(DOCUMENTS), student.predict_proba(DOCUMENTS))
    assert not Path("PWNED").exists()


@pytest.mark.parametrize("content", ["[" * 100_000, '{"model": null}', '{"model": {"type": "BPE", "merges": 5}}'])
def test_t08_a_tokenizer_that_is_none_is_refused(trained, content):
    (trained / "tokenizer.json").write_text(content)
    put_hash(trained, "tokenizer.json")
    with pytest.raises(UserError, match=r"tokenizer\.json is not a tokenizer"):
        load_student(trained)


def test_t08_a_huge_tokenizer_is_refused_before_it_is_read(trained, monkeypatch):
    with (trained / "tokenizer.json").open("r+b") as file:
        file.truncate(200_000_001)
    monkeypatch.setattr(Path, "read_bytes", reading_all_but("tokenizer.json"))
    with pytest.raises(UserError, match="larger than any student's"):
        load_student(trained)


def reading_all_but(name):
    read = Path.read_bytes

    def read_bytes(self):
        assert self.name != name
        return read(self)

    return read_bytes


@pytest.mark.parametrize("name", ["rng_state.pth", "optimizer.pt", "training_args.bin"])
def test_t09_pickles_beside_and_in_a_checkpoint_are_never_read(tiny_bert, workspace, tmp_path, name, monkeypatch):
    for folder in (workspace, next(workspace.iterdir())):
        (folder / name).write_bytes(PAYLOAD)
    monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("unpickles"))
    monkeypatch.setattr(Path, "read_bytes", reading_all_but(name))
    assert fit(tiny_bert, workspace)[1][0].done == 5
    assert not Path("PWNED").exists()


def test_t10_what_was_hashed_is_what_is_loaded(trained, monkeypatch):
    """An attacker swaps every file right after it was read."""
    expected = load_student(trained).predict_proba(DOCUMENTS)
    read = Path.read_bytes

    def read_then_swapped(self):
        content = read(self)
        self.write_bytes(PAYLOAD)
        return content

    monkeypatch.setattr(Path, "read_bytes", read_then_swapped)
    np.testing.assert_array_equal(load_student(trained).predict_proba(DOCUMENTS), expected)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_t10_a_half_written_student_or_checkpoint_is_private(trained, tiny_bert, tmp_path, monkeypatch):
    seen = {}
    write, write_through = Path.write_bytes, checkpoint_module._write_through

    def watched(path):
        seen[path.name] = [oct(folder.stat().st_mode & 0o777) for folder in (path.parent, path.parent.parent)]

    monkeypatch.setattr(Path, "write_bytes", lambda self, content: (watched(self), write(self, content))[1])
    monkeypatch.setattr(checkpoint_module, "_write_through", lambda p, c: (watched(p), write_through(p, c)))
    load_student(trained).save(tmp_path / "again")
    Checkpoints(tmp_path / "work").write(checkpoint_module.Checkpoint(1, {}, {}), "")
    assert "0o700" in seen["model.safetensors"]
    assert seen["tensors.safetensors"][0] == "0o700"


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 8 << 30) + b"{}",
        b"".join(
            [
                struct.pack("<Q", 128),
                json.dumps(
                    {
                        "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                        "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                    }
                )
                .encode()
                .ljust(128),
                b"\0" * 4,
            ]
        ),
    ],
    ids=["header of 8 GB", "overlapping tensors"],
)
def test_t11_odd_headers_are_refused(trained, content):
    (trained / "model.safetensors").write_bytes(content)
    put_hash(trained, "model.safetensors")
    with pytest.raises(UserError, match="is not a safetensors file"):
        load_student(trained)


@pytest.mark.parametrize("n", [1, 2])
def test_t13_one_or_two_texts_train(tiny_bert, n):
    student = EncoderStudent(TASK, str(tiny_bert), epochs=1).fit(DOCUMENTS[:n], TARGETS[:n])
    assert np.isfinite(student.predict_proba(DOCUMENTS)).all()


def test_t13_nothing_to_learn_from_is_refused(tiny_bert):
    with pytest.raises(UserError, match="cannot learn from 0 documents"):
        EncoderStudent(TASK, str(tiny_bert)).fit([], np.zeros((0, 2)))


def test_t14_without_a_gpu_the_processor_computes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == torch.device("cpu")


def test_t14_out_of_memory_halves_what_is_computed_at_once_and_keeps_the_batch(tiny_bert, tmp_path, monkeypatch):
    model = without_dropout(tiny_bert, tmp_path)
    plain, steps = fit(model, None, precision="fp32")
    sizes = with_memory_for(3, monkeypatch)
    student, told = fit(model, None, precision="fp32")
    assert max(sizes) == 8
    assert student.remarks_[0].startswith("Memory did not suffice for")
    assert all(remark.endswith("Their batch size stays 8.") for remark in student.remarks_)
    assert 1 <= len(student.remarks_) <= 3  # 8 texts, 4, 2
    assert [step.loss for step in told] == pytest.approx([step.loss for step in steps], rel=1e-3)
    np.testing.assert_allclose(student.predict_proba(DOCUMENTS), plain.predict_proba(DOCUMENTS), atol=1e-2)


def without_dropout(model, folder):
    copy = shutil.copytree(model, folder / "model")
    config = json.loads((copy / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def test_t14_one_text_that_does_not_fit_is_said(tiny_bert, monkeypatch):
    with_memory_for(0, monkeypatch)
    with pytest.raises(UserError, match=r"not even one text of \d+ tokens fits into memory") as caught:
        fit(tiny_bert, None)
    assert "max_tokens" in caught.value.hint


def test_t14_another_error_is_not_taken_for_lack_of_memory(tiny_bert, monkeypatch):
    def broken(network, batch):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("understudy.student.training.logits", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        fit(tiny_bert, None)


def with_memory_for(n, monkeypatch):
    """Let the network take at most `n` texts at once; the sizes that were tried."""
    from understudy.student import training

    compute, sizes = training.logits, []

    def limited(network, batch):
        sizes.append(len(batch["input_ids"]))
        if network.training and sizes[-1] > n:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return compute(network, batch)

    monkeypatch.setattr(training, "logits", limited)
    return sizes
