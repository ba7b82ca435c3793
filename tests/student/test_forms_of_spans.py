"""Students of spans in faster forms: the same scores at tokens, the same spans, whatever the text."""

import numpy as np
import pytest
from hostile_text import HOSTILE

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Document, Span
from understudy.student import load_student
from understudy.student.forms import forms_here, has_forms, in_form
from understudy.student.spans.tagger import EncoderTagger

pytest.importorskip("onnxruntime")

WORDS = {"cat": "animal", "dog": "animal", "red": "colour", "green": "colour", "the": None, "film": None, "was": None}
TEXTS = ["", " ", "\ud800 cat", "\x00", "cat", "the dog " * 30, "was", "".join(HOSTILE), "the".join(HOSTILE)]
ASKED = [Document(f"odd-{i}", text) for i, text in enumerate(TEXTS)]


def task(*, nested=False):
    return task_of(Codebook(kind="entities", nested=nested, labels=(Label(name="animal"), Label(name="colour"))))


def marked(words, number):
    """Animals and colours are spans of one word."""
    text, spans = "", []
    for word in words:
        start = len(text)
        text += f"{word} "
        if label := WORDS[word]:
            spans.append(Span(start, start + len(word), label, word))
    return Document(str(number), text.strip(), tuple(spans))


def toy(n, seed=0):
    rng = np.random.default_rng(seed)
    return [marked(rng.choice(list(WORDS), rng.integers(1, 13)), i) for i in range(n)]


def fitted(model, *, nested=False, n=150):
    student = EncoderTagger(task(nested=nested), str(model), learning_rate=3e-3, epochs=10, batch_size=8, max_tokens=16)
    documents = toy(n)
    return student.fit(documents, student.task.encode([d.value for d in documents]).astype(float))


@pytest.fixture(scope="module")
def tagger(tiny_bert):
    return fitted(tiny_bert)


def scores_of(student, documents):
    """Scores of every token of every window, one array a window, in order."""
    windows = [w for d in documents for e in student.learner_.tokens.read([d.text]) for w in (e, *e.overflowing)]
    found = {row: s for rows, scores in student.learner_.scores(windows) for row, s in zip(rows, scores, strict=True)}
    assert sorted(found) == list(range(len(windows)))
    return [found[row][: len(window.ids)].numpy() for row, window in enumerate(windows)]


@pytest.mark.parametrize("nested", [False, True])
def test_exported_scores_at_tokens_are_those_of_torch(tagger, tiny_bert, nested):
    student = fitted(tiny_bert, nested=True, n=20) if nested else tagger
    documents = [*toy(40, seed=1), *(d for d in ASKED if "\ud800" not in d.text)]
    expected = scores_of(student, documents)
    assert len(expected) > len(documents)  # some are read in several windows
    for ours, theirs in zip(scores_of(in_form(student, "onnx", n_threads=2), documents), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("form", ["onnx", "bf16", "int8"])
def test_forms_find_the_same_spans_to_the_end_of_long_and_hostile_texts(tagger, form):
    """The toy is learned with room to spare, so that not even int8 decides otherwise on its texts."""
    documents = [*toy(40, seed=1), *ASKED]
    values, probabilities = in_form(tagger, form, n_threads=1).label(documents)
    expected = tagger.label(documents)
    assert values[:40] == expected.values[:40]
    assert values[40 + 5] == expected.values[40 + 5]  # the long one
    assert len(values[40 + 5]) == 30
    np.testing.assert_allclose(probabilities, expected.probabilities, atol=1e-4 if form == "onnx" else 0.1)
    if form == "onnx":
        assert values == expected.values
    for document, value in zip(documents, values, strict=True):
        assert all(document.text[span.start : span.end] == span.text for span in value)


def test_int8_computes_in_int8(tagger):
    """Its scores are near, and further off than those of another order of summation."""
    (exact,), (quick,) = (scores_of(in_form(tagger, form), [Document("1", "the cat")]) for form in ("torch", "int8"))
    assert 1e-3 < np.abs(exact - quick).max() < 1


def test_thresholds_and_the_scheme_stay_in_use(tiny_bert):
    student = EncoderTagger(task(), str(tiny_bert), learning_rate=3e-3, epochs=8, max_tokens=16, scheme="bioes")
    documents = toy(60)
    student.fit(documents, student.task.encode([d.value for d in documents]).astype(float))
    student.set_thresholds(np.array([1.0, np.nan]))
    values = in_form(student, "onnx", n_threads=1).label(toy(30, seed=1)).values
    assert values == student.predict(toy(30, seed=1))
    assert {span.label for value in values for span in value} == {"colour"}


def test_a_form_of_a_loaded_student_is_that_student(tagger, tmp_path):
    """What a form saves is what was learned, in single precision."""
    documents = [*toy(20, seed=1), *ASKED]
    in_form(tagger, "int8", n_threads=1).save(tmp_path / "s")
    loaded = load_student(tmp_path / "s")
    np.testing.assert_array_equal(loaded.predict_proba(documents), tagger.predict_proba(documents))
    assert sorted(path.suffix for path in (tmp_path / "s").iterdir()) == [".json", ".json", ".json", ".safetensors"]
    np.testing.assert_array_equal(
        in_form(loaded, "onnx", n_threads=1).predict_proba(documents),
        in_form(tagger, "onnx", n_threads=1).predict_proba(documents),
    )


def test_a_form_that_is_trained_anew_answers_what_it_learned(tagger):
    form = in_form(tagger, "onnx", n_threads=1)
    documents = [Document(str(i), "the cat", ()) for i in range(8)]
    form.fit(documents, np.zeros((8, 2)))
    assert form.predict([Document("1", "cat dog")]) == [()]
    assert tagger.predict([Document("1", "cat dog")]) != [()]


def test_without_texts_and_without_words_there_are_no_spans(tagger):
    form = in_form(tagger, "onnx", n_threads=1)
    assert form.label([]).values == []
    assert form.label([Document("1", ""), Document("2", " \n")]).values == [(), ()]
    assert [scores.shape for scores in form.token_scores([Document("1", "")])] == [(0, 5)]


def test_spans_have_every_form_but_the_cascade(tagger):
    assert has_forms(tagger)
    assert {"onnx", "int8"} <= set(forms_here(tagger, may_quantise=True)) <= {"onnx", "bf16", "int8"}
    assert "int8" not in forms_here(tagger)
    with pytest.raises(ValueError, match="no cascade"):
        in_form(tagger, "cascade")
