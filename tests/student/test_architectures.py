"""Every architecture of the papers, as a tiny model made on the spot: learns, is padding-invariant, keeps its bits."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModel,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ModernBertConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
    XLNetConfig,
)

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import quiet_transformers
from understudy.records import Document, Span
from understudy.student import EncoderStudent, load_student
from understudy.student.forms import in_form
from understudy.student.spans.tagger import EncoderTagger

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
WORDS = ["good", "great", "bad", "awful", "the", "film", "was", "very", "not"]
START, PAD, END = 0, 1, 2

TASK = task_of(Codebook(labels=(Label(name="plus"), Label(name="minus"))))
DOCUMENTS = [
    Document(str(i), f"the film was {'very ' * (i % 5)}{('good', 'bad', 'great', 'awful')[i % 4]}") for i in range(32)
]
TARGETS = np.eye(2)[np.arange(32) % 2]

SHAPE = {"vocab_size": len(SPECIAL + WORDS), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
SHAPE |= {"intermediate_size": 48, "initializer_range": 0.1}
IDS = {"pad_token_id": PAD, "bos_token_id": START, "eos_token_id": END}
POSITIONS = {"max_position_embeddings": 40}

ARCHITECTURES = {
    "BERT": BertConfig(**SHAPE, **IDS, **POSITIONS),
    "RoBERTa": RobertaConfig(**SHAPE, **IDS, **POSITIONS, type_vocab_size=1),
    "XLM-R": XLMRobertaConfig(**SHAPE, **IDS, **POSITIONS, type_vocab_size=1),
    "DistilBERT": DistilBertConfig(
        vocab_size=SHAPE["vocab_size"], dim=32, n_layers=2, n_heads=2, hidden_dim=48, initializer_range=0.1,
        **POSITIONS, **IDS,
    ),
    "DeBERTa-v3": DebertaV2Config(
        **SHAPE, **IDS, **POSITIONS, type_vocab_size=0, relative_attention=True, position_buckets=16,
        norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"], position_biased_input=False,
    ),
    "ModernBERT": ModernBertConfig(
        **SHAPE, **IDS, **POSITIONS, cls_token_id=START, sep_token_id=END, global_attn_every_n_layers=2,
        local_attention=8,
    ),
    "XLNet": XLNetConfig(
        vocab_size=SHAPE["vocab_size"], d_model=32, n_layer=2, n_head=2, d_inner=48, initializer_range=0.1, **IDS
    ),
}  # fmt: skip


def tiny(folder, name):
    """A model folder as the hub has it; XLNet reads from the right: its padding is left and its class token last."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(SPECIAL + WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    is_xlnet = name == "XLNet"
    template = "$A </s> <s>" if is_xlnet else "<s> $A </s>"
    tokenizer.post_processor = processors.TemplateProcessing(template, None, [("<s>", START), ("</s>", END)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>",
        padding_side="left" if is_xlnet else "right",
    ).save_pretrained(folder)  # fmt: skip
    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.manual_seed(0)
        AutoModel.from_config(ARCHITECTURES[name]).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def fitted(request, tmp_path_factory):
    model = tiny(tmp_path_factory.mktemp("model"), request.param)
    student = EncoderStudent(TASK, model, learning_rate=3e-3, epochs=16, batch_size=8, precision="fp32")
    return student.fit(DOCUMENTS, TARGETS)


def test_learns_a_separable_task(fitted):
    assert np.isfinite(fitted.predict_proba([Document("e", ""), Document("u", "unheard of")])).all()
    assert fitted.score(DOCUMENTS, TARGETS) == 1.0


def test_padding_changes_nothing(fitted):
    short, long = Document("a", "good"), Document("b", "the film was not " * 8)
    beside = fitted.predict_proba([short, long])[0]
    np.testing.assert_allclose(fitted.predict_proba([short])[0], beside, atol=1e-5)
    assert fitted.learner_.tokens.pads_left == (fitted.learner_.network.config.model_type == "xlnet")


def test_texts_longer_than_the_model_are_cut(fitted):
    assert np.isfinite(fitted.predict_proba([Document("l", "film " * 500)])).all()


def test_saves_and_loads_the_same_bits(fitted, tmp_path):
    fitted.save(tmp_path / "s")
    loaded = load_student(tmp_path / "s")
    np.testing.assert_array_equal(loaded.predict_proba(DOCUMENTS), fitted.predict_proba(DOCUMENTS))


def test_the_exported_form_answers_the_same(fitted):
    """Whether attention is fused or not, and the last layer computed for the first token alone or not."""
    documents = [*DOCUMENTS, Document("e", ""), Document("l", "not " * 30)]
    found = in_form(fitted, "onnx", n_threads=2).predict_proba(documents)
    np.testing.assert_allclose(found, fitted.predict_proba(documents), atol=1e-5)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_tagger_on_it_answers_the_same_when_exported(name, tmp_path):
    """Scores at every token, in texts of one window and of several."""
    task = task_of(Codebook(kind="entities", labels=(Label(name="word"),)))
    documents = [Document(d.id, d.text, (Span(4, 8, "word", "film"),)) for d in DOCUMENTS]
    student = EncoderTagger(task, tiny(tmp_path, name), learning_rate=1e-3, epochs=1, max_tokens=16, precision="fp32")
    student.fit(documents, np.ones((32, 1)))
    asked = [*documents, Document("e", ""), Document("l", "not film " * 20)]
    exported = in_form(student, "onnx", n_threads=2)
    for ours, theirs in zip(exported.token_scores(asked), student.token_scores(asked), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert exported.predict(asked) == student.predict(asked)
