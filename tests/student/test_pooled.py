"""Sentence encoders are fine-tuned by the mean of their tokens' states, other encoders by their own head."""

import json
import shutil

import numpy as np
import pytest
import torch

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import averages_tokens
from understudy.records import Document
from understudy.student import EncoderStudent, load_student
from understudy.student.forms import in_form
from understudy.student.pooled import PooledNetwork, load_text_network

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
WORDS = (["good", "great"], ["bad", "awful"])
DOCUMENTS = [Document(str(i), f"the film was {'very ' * (i % 5)}{WORDS[i % 2][i % 4 // 2]}") for i in range(40)]
TARGETS = np.eye(2)[np.arange(40) % 2]
POOLING = "sentence_transformers.models.Pooling"


@pytest.fixture
def sentence_encoder(tiny_bert, tmp_path):
    return describe(shutil.copytree(tiny_bert, tmp_path / "sentences"), {"pooling_mode": "mean"})


def describe(folder, pooling):
    """Files of sentence-transformers beside a model."""
    (folder / "modules.json").write_text(json.dumps([{"path": "1_Pooling", "type": POOLING}]))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


def student(folder, **parameters):
    return EncoderStudent(TASK, **{"model": str(folder), "learning_rate": 5e-3, "epochs": 20} | parameters)


@pytest.mark.parametrize(
    ("pooling", "expected"), [({"pooling_mode": "mean"}, True), ({"pooling_mode": "cls"}, False),
                              ({"pooling_mode": "max"}, False)],
)  # fmt: skip
def test_a_folder_says_how_it_pools(tiny_bert, tmp_path, pooling, expected):
    assert averages_tokens(describe(shutil.copytree(tiny_bert, tmp_path / "m"), pooling)) is expected


def test_a_plain_encoder_keeps_the_head_of_its_architecture(tiny_bert):
    assert not averages_tokens(tiny_bert)
    assert not isinstance(load_text_network(tiny_bert, TASK.labels, 0), PooledNetwork)


def test_scores_are_the_head_on_the_mean_over_real_tokens(sentence_encoder):
    network = load_text_network(sentence_encoder, TASK.labels, 0).eval()
    ids, mask = torch.tensor([[2, 4, 5, 3, 0, 0]]), torch.tensor([[1, 1, 1, 1, 0, 0]])
    states = network.body(input_ids=ids[:, :4], attention_mask=mask[:, :4]).last_hidden_state
    expected = states[0].mean(dim=0) @ network.scores.weight.T + network.scores.bias
    torch.testing.assert_close(network(ids, mask).logits[0], expected, atol=1e-5, rtol=1e-5)


def test_learns_saves_and_loads_bit_by_bit(sentence_encoder, tmp_path):
    fitted = student(sentence_encoder).fit(DOCUMENTS, TARGETS)
    assert isinstance(fitted.learner_.network, PooledNetwork)
    assert fitted.score(DOCUMENTS, TARGETS) == 1.0
    fitted.save(tmp_path / "student")
    np.testing.assert_array_equal(
        load_student(tmp_path / "student").predict_proba(DOCUMENTS), fitted.predict_proba(DOCUMENTS)
    )


def test_trains_with_few_activations_and_by_reweighting(sentence_encoder):
    dev = (DOCUMENTS[:8], TARGETS[:8])
    fitted = student(sentence_encoder, epochs=2, recompute=True).fit(DOCUMENTS, TARGETS)
    assert np.isfinite(fitted.predict_proba(DOCUMENTS)).all()
    weighed = student(sentence_encoder, epochs=1, reweight=True).fit(DOCUMENTS, TARGETS, dev=dev)
    assert weighed.weights_.shape == (40,)


def test_the_exported_form_answers_the_same(sentence_encoder):
    pytest.importorskip("onnxruntime")
    fitted = student(sentence_encoder, epochs=2).fit(DOCUMENTS, TARGETS)
    found = in_form(fitted, "onnx").predict_proba(DOCUMENTS)
    np.testing.assert_allclose(found, fitted.predict_proba(DOCUMENTS), atol=1e-5)
