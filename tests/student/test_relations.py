"""Students of relations: what they read, which way round, and markers that survive anything a text can hold."""

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import load_encoder
from understudy.errors import UserError
from understudy.records import Document, Span
from understudy.settings import EmbeddingSettings, EncoderSettings, RelationSettings, StudentSettings
from understudy.student import load_student, make_student
from understudy.student.forms import in_form
from understudy.student.relations.marked import marked_text, texts_of

RELATIONS = task_of(Codebook(kind="relations", labels=(Label(name="first"), Label(name="second"))))


def document(text, head, tail, number=0, value=None):
    """`head` and `tail` by their places."""
    spans = [Span(*place, name, text[slice(*place)]) for place, name in ((head, "head"), (tail, "tail"))]
    return Document(str(number), text, value, head=spans[0], tail=spans[1])


def directed(n, seed=0):
    """The same kind of text twice; the label says which of the two animals is the head."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        text = " ".join(["the", str(rng.choice(["cat", "dog"])), "was", str(rng.choice(["cat", "dog"]))])
        left, right = (4, 7), (12, 15)
        is_first = i % 2 == 0
        pair = (left, right) if is_first else (right, left)
        found.append(document(text, *pair, i, "first" if is_first else "second"))
    return found


@pytest.mark.parametrize(
    ("text", "head", "tail", "expected"),
    [
        ("Ann met Bob.", (0, 3), (8, 11), "[E1] Ann [/E1]  met  [E2] Bob [/E2] ."),
        ("Ann met Bob.", (8, 11), (0, 3), "[E2] Ann [/E2]  met  [E1] Bob [/E1] ."),
        ("AnnBob", (0, 3), (3, 6), "[E1] Ann [/E1]  [E2] Bob [/E2]"),
        ("New York Times", (0, 8), (0, 14), "[E2]  [E1] New York [/E1]  Times [/E2]"),
        ("say [E1] Ann to Bob", (9, 12), (16, 19), "say [ E1]  [E1] Ann [/E1]  to  [E2] Bob [/E2]"),
        ("北京是\U0001f44d", (0, 2), (3, 4), "[E1] 北京 [/E1] 是 [E2] \U0001f44d [/E2]"),
    ],
)
def test_marked_texts(text, head, tail, expected):
    assert marked_text(document(text, head, tail)) == expected


def test_only_the_surroundings_of_far_spans_can_be_kept():
    text = "a" * 50 + " Ann " + "b" * 50 + " Bob " + "c" * 50
    marked = marked_text(document(text, (51, 54), (106, 109)), context=4)
    assert marked == "aaa  [E1] Ann [/E1]  bbb…bbb  [E2] Bob [/E2]  ccc"


def test_texts_of_other_tasks_are_read_as_they_are():
    plain = task_of(Codebook(labels=(Label(name="a"), Label(name="b"))))
    assert texts_of(plain, [document("Ann met Bob.", (0, 3), (8, 11))]) == ["Ann met Bob."]


def test_a_relation_without_its_spans_is_refused():
    with pytest.raises(UserError, match="document `7` has no marked head and tail"):
        texts_of(RELATIONS, [Document("7", "Ann met Bob.")])


@pytest.fixture
def make(tiny_bert):
    def made(kind, **settings):
        encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=32), None)
        tuned = EncoderSettings(model=str(tiny_bert), learning_rate=2e-3, epochs=12, max_tokens=20)
        return make_student(StudentSettings(kind=kind, encoder=tuned, **settings), RELATIONS, encoder, 0)

    return made


def fitted(student, documents):
    return student.fit(documents, RELATIONS.encode([d.value for d in documents]).astype(float))


@pytest.mark.parametrize("kind", ["encoder", "tfidf-linear"])
def test_direction_is_learned_and_survives_a_reload(make, kind, tmp_path):
    """The text is the same in both directions: only markers tell them apart."""
    student = fitted(make(kind), directed(60))
    test = directed(20, seed=1)
    assert student.predict(test) == [d.value for d in test]
    student.save(tmp_path / "s")
    loaded = load_student(tmp_path / "s")
    np.testing.assert_array_equal(loaded.predict_proba(test), student.predict_proba(test))
    assert type(loaded) is type(student)


def test_frozen_vectors_of_text_head_and_tail(make, tmp_path):
    """`first` where the head is red, whatever the tail is."""
    rng = np.random.default_rng(0)
    documents = []
    for i in range(40):
        head, tail = ("red", "big") if i % 2 == 0 else ("big", "red")
        text = f"{head} {rng.choice(['film', 'cat', 'dog'])} {tail}"
        documents.append(document(text, (0, 3), (len(text) - 3, len(text)), i, "first" if i % 2 == 0 else "second"))
    student = fitted(make("linear").set_params(ngrams=False), documents)
    assert student.logistic_.coefficients.shape == (2, 3 * 32)
    assert student.predict(documents) == [d.value for d in documents]
    student.save(tmp_path / "s")
    np.testing.assert_array_equal(
        load_student(tmp_path / "s").predict_proba(documents), student.predict_proba(documents)
    )


def test_shared_markers_still_tell_head_from_tail_by_their_place(make):
    student = fitted(make("encoder", relations=RelationSettings(markers="shared")), directed(60))
    embedded = student.learner_.network.body.get_input_embeddings().weight
    test = directed(20, seed=1)
    before = student.predict_proba(test)
    embedded.data[student.learner_.network.markers[2]] += 5  # the tail's own marker is never embedded
    np.testing.assert_array_equal(student.predict_proba(test), before)
    assert student.predict(test) == [d.value for d in test]


def test_markers_that_do_not_fit_are_read_with_their_surroundings(make):
    student = fitted(make("encoder"), directed(10))
    text = "the " * 30 + "cat " + "was " * 30 + "dog " + "the " * 30
    far = document(text, (120, 123), (244, 247))
    (encoding,) = student.encodings([far])
    assert len(encoding.ids) <= 20
    assert set(student.learner_.network.markers) <= set(encoding.ids)
    (short,) = student.encodings([document("the cat was dog", (4, 7), (12, 15))])
    assert student.learner_.tokens.tokenizer.decode(short.ids, skip_special_tokens=False).count("[E1]") == 1


def test_predicting_refuses_a_text_without_spans(make):
    student = fitted(make("encoder"), directed(10))
    with pytest.raises(UserError, match="no marked head and tail"):
        student.predict([Document("bare", "the cat")])


@pytest.mark.parametrize("markers", ["typed", "shared"])
def test_faster_forms_read_the_same_relation(make, markers):
    pytest.importorskip("onnxruntime")
    student = fitted(make("encoder", relations=RelationSettings(markers=markers)), directed(24))
    asked = [*directed(6, seed=1), document("the cat " * 40 + "dog", (4, 7), (320, 323))]
    for form in ("onnx", "bf16", "cascade", "int8"):
        values, found = in_form(student, form, n_threads=1).label(asked)
        is_exact = form in ("onnx", "cascade")  # without a bound, int8 decides nothing
        np.testing.assert_allclose(found, student.predict_proba(asked), atol=1e-4 if is_exact else 0.05)
        assert values == student.decode(found)
