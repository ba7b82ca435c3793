import json
import math
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import training_process

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import UserError
from understudy.records import Document
from understudy.student import EncoderStudent, training
from understudy.student.batching import buckets, parts
from understudy.student.objective import Objective
from understudy.student.optimising import learning_rate


def test_the_rate_warms_up_and_decays_to_zero():
    rates = [learning_rate(step, 10, 0.2, 1.0) for step in range(10)]
    # 2 of 10 steps warm up: 0, 1/2; then (10 - step) / 8
    assert rates == pytest.approx([0, 0.5, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert learning_rate(0, 10, 0.0, 2.0) == 2.0
    assert learning_rate(9, 10, 1.0, 1.0) == 0.9


def test_every_text_comes_once_an_epoch_beside_texts_of_its_length():
    lengths = np.random.default_rng(0).integers(1, 200, 1000)
    rng = np.random.default_rng(1)
    epochs = [list(buckets(lengths, 16, rng)) for _ in range(2)]
    for batches in epochs:
        assert sorted(np.concatenate(batches)) == list(range(1000))
        assert {len(batch) for batch in batches} == {16, 1000 % 16}
    assert np.mean([np.ptp(lengths[batch]) for batch in epochs[0]]) < 30  # 187 expected in random batches of 16
    assert {tuple(sorted(batch)) for batch in epochs[0]} != {tuple(sorted(batch)) for batch in epochs[1]}


@pytest.mark.parametrize("n", [1, 15, 16, 17])
def test_few_texts_come_once(n):
    assert sorted(np.concatenate(list(buckets(np.ones(n), 16, np.random.default_rng(0))))) == list(range(n))


def test_soft_cross_entropy_by_hand():
    objective = Objective(torch.tensor([0, 2]), is_exclusive=True)
    scores = torch.tensor([[math.log(3.0), 50.0, 0.0]])  # column 1 has no example: shares 3/4 and 1/4 of the others
    targets = torch.tensor([[0.5, 0.0, 0.5]])
    assert objective.losses(scores, targets).item() == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2)
    np.testing.assert_allclose(objective.probabilities(scores), [[0.75, 0, 0.25]], atol=1e-7)


def test_independent_cross_entropy_by_hand():
    objective = Objective(torch.tensor([0, 1]), is_exclusive=False)
    scores = torch.tensor([[math.log(3.0), 0.0, 9.0]])  # 3/4 and 1/2
    targets = torch.tensor([[1.0, 0.25, 0.0]])
    expected = (-math.log(3 / 4) + math.log(2)) / 2  # -(log(1/2) / 4 + 3 log(1/2) / 4) = log 2
    assert objective.losses(scores, targets).item() == pytest.approx(expected)
    np.testing.assert_allclose(objective.probabilities(scores), [[0.75, 0.5, 0]], atol=1e-7)


TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
WORDS = ("good", "bad", "great", "awful")
DOCUMENTS = [Document(str(i), f"the film was {'very ' * (i % 5)}{WORDS[i % 4]}") for i in range(40)]
TARGETS = np.eye(2)[np.arange(40) % 2]


def fit(model, targets=TARGETS, dev=None, **parameters):
    chosen = {"learning_rate": 2e-3, "epochs": 2, "batch_size": 8, "precision": "fp32"} | parameters
    losses = []
    student = EncoderStudent(TASK, str(model), **chosen)
    student.fit(DOCUMENTS, targets, dev=dev, on_progress=lambda step: losses.append(step.loss))
    return student, losses


@pytest.fixture
def without_dropout(tiny_bert, tmp_path):
    copy = shutil.copytree(tiny_bert, tmp_path / "model")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(
        json.dumps(config | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
    )
    return copy


@pytest.mark.parametrize("n_tokens", [8, 20, 50])
def test_a_step_in_parts_is_the_same_step(without_dropout, n_tokens, monkeypatch):
    whole, losses = fit(without_dropout)
    compute, sizes = training.logits, []
    monkeypatch.setattr(
        training, "logits", lambda network, batch: (sizes.append(batch["input_ids"].shape), compute(network, batch))[1]
    )
    split, losses_in_parts = fit(without_dropout, tokens_at_once=n_tokens)
    assert all(n == 1 or n * length <= n_tokens for n, length in sizes)
    assert losses_in_parts == pytest.approx(losses, rel=1e-3)
    np.testing.assert_allclose(split.predict_proba(DOCUMENTS), whole.predict_proba(DOCUMENTS), atol=5e-3)


def test_parts_keep_every_row_once():
    lengths = np.array([3, 9, 2, 7, 7, 1])
    found = [part.tolist() for part in parts(np.array([5, 1, 3, 4]), lengths, 14)]
    assert found == [[1], [3, 4], [5]]  # 9; 7 + 7 = 14; 1


def test_computing_activations_again_changes_nothing(tiny_bert):
    losses = fit(tiny_bert)[1]
    again, losses_again = fit(tiny_bert, recompute=True)
    assert losses_again == pytest.approx(losses, rel=1e-5)
    assert not any(getattr(module, "gradient_checkpointing", False) for module in again.learner_.network.modules())


def test_an_epoch_does_not_depend_on_torchs_generator(tiny_bert):
    torch.manual_seed(1)
    first = fit(tiny_bert)[1]
    torch.manual_seed(2)
    assert fit(tiny_bert)[1] == first


def test_reweighting_distrusts_wrong_labels_and_learns_the_right_ones(tiny_bert):
    """Every fifth label is turned; gold texts say the same words with right labels."""
    documents = [Document(str(i), WORDS[i % 4]) for i in range(96)]
    truth, wrong = np.eye(2)[np.arange(96) % 2], np.arange(96) % 5 == 0
    targets, dev = np.where(wrong[:, None], 1 - truth, truth), (documents[:16], truth[:16])
    chosen = {"model": str(tiny_bert), "learning_rate": 2e-3, "batch_size": 8, "epochs": 8, "precision": "fp32"}
    plain, weighed = (
        EncoderStudent(TASK, **chosen, patience=8, reweight=on).fit(documents, targets, dev=dev) for on in (False, True)
    )
    means = weighed.history_.means()
    assert means[wrong].mean() < 0.6 * means[~wrong].mean()
    np.testing.assert_array_equal(weighed.weights_, means)
    assert (plain.weights_, plain.distrusted(3)) == (None, [])
    assert weighed.distrusted(1)[0].id in {str(i) for i in np.flatnonzero(wrong)}
    assert weighed.epochs_[-1].dev_loss < 0.5 * plain.epochs_[-1].dev_loss


def test_reweighting_without_gold_is_refused(tiny_bert):
    with pytest.raises(UserError, match="needs gold texts of role `dev`"):
        fit(tiny_bert, reweight=True)


def test_no_reweighting_no_history(tiny_bert):
    assert fit(tiny_bert, epochs=1)[0].history_ is None


def test_two_processes_share_a_step_and_reach_the_same_weights(without_dropout, tmp_path):
    pytest.importorskip("accelerate", reason="the extra `distributed` is not installed")
    results = together(without_dropout, tmp_path, 2)
    expected = [training_process.trained(str(without_dropout)),
                training_process.trained(str(without_dropout), reweight=True)]  # fmt: skip
    for plain, weighed in results:
        assert plain["losses"] == pytest.approx(expected[0]["losses"], rel=1e-3)
        np.testing.assert_allclose(plain["probabilities"], expected[0]["probabilities"], atol=5e-3)
        assert weighed["visits"] == [2] * 17
        assert weighed["probabilities"] == results[0][1]["probabilities"]


def together(model, folder, n):
    """What each of `n` processes says that train together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = os.environ | {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(n), "LOCAL_WORLD_SIZE": str(n),
        "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    script, paths = Path(training_process.__file__), [folder / f"{rank}.json" for rank in range(n)]
    started = [
        subprocess.Popen([sys.executable, script, model, path], env=shared | {"RANK": str(i), "LOCAL_RANK": str(i)})
        for i, path in enumerate(paths)
    ]
    assert [process.wait(120) for process in started] == [0] * n
    return [json.loads(path.read_text()) for path in paths]
