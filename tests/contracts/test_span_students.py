"""What every student of spans keeps: spans of the text itself, shapes, seeds, masks, and the same after a reload."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import load_encoder
from understudy.errors import UserError
from understudy.records import Document, Span
from understudy.settings import EmbeddingSettings, EncoderSettings, LinearSettings, StudentSettings
from understudy.student import load_student, make_student
from understudy.student.kinds import OF_SPANS

ANIMALS, COLOURS = ("cat", "dog"), ("red", "green")
PAIRS = [("cat", "very"), ("very", "dog"), ("dog", "film"), ("film", "cat")]
PLAIN = ("the", "film", "was", "very", "good", "and", "not", "big")


def task_with(*labels, nested=False):
    return task_of(Codebook(kind="entities", nested=nested, labels=tuple(Label(name=name) for name in labels)))


def text_with_spans(words, number):
    """Animals in a row are one span; every colour is one."""
    text, spans, before = "", [], None
    for word in words:
        start = len(text)
        text += word + " "
        label = "animal" if word in ANIMALS else "colour" if word in COLOURS else None
        if label == "animal" == before:
            start = spans.pop().start
        if label:
            spans.append(Span(start, len(text) - 1, label, text[start:-1]))
        before = label
    return Document(str(number), text.strip(), tuple(spans))


def toy(n=60, seed=0, length=7):
    rng = np.random.default_rng(seed)
    return [text_with_spans(rng.choice(ANIMALS + COLOURS + PLAIN[:4] * 2, length), i) for i in range(n)]


class SpanContract:
    """Inherited once per student."""

    kind: str
    epochs = 12

    @pytest.fixture(autouse=True)
    def _folder(self, tiny_bert, tmp_path):
        self.model, self.tmp_path = str(tiny_bert), tmp_path

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, tiny_bert):
        """One student of the toy texts for all tests that leave it as it is."""
        case = cls()
        case.model = str(tiny_bert)
        return case.fitted()

    def make(self, task=None, seed=0, **settings):
        encoder = load_encoder(EmbeddingSettings(model=self.model, max_tokens=16), None)
        tuned = EncoderSettings(model=self.model, learning_rate=3e-3, epochs=self.epochs, max_tokens=16)
        own = StudentSettings(kind=self.kind, encoder=tuned, linear=LinearSettings(folds=2, c=(1.0, 10.0)), **settings)
        return make_student(own, task or task_with("animal", "colour"), encoder, seed)

    def fitted(self, documents=None, answers=None, student=None, **arguments):
        student, documents = student or self.make(), documents or toy()
        values = [document.value for document in documents] if answers is None else [set(sum(a, ())) for a in answers]
        return student.fit(documents, student.task.encode(values).astype(float), answers=answers, **arguments)

    def test_learns_spans_and_their_borders(self, trained):
        test = toy(20, seed=1)
        counts = trained.task.count([d.value for d in test], trained.predict(test))
        assert 2 * counts.tp.sum() / (2 * counts.tp + counts.fp + counts.fn).sum() > 0.9
        assert trained.score(test, trained.task.encode([d.value for d in test]).astype(float)) > 0.6

    def test_values_fit_their_text_and_probabilities_say_which_labels_are_there(self, trained):
        test = toy(20, seed=1)
        values, probabilities = trained.label(test)
        assert [trained.task.check_in(value, d) for value, d in zip(values, test, strict=True)] == values
        assert probabilities.shape == (20, 2)
        np.testing.assert_array_equal(trained.predict_proba(test), probabilities)
        is_there = trained.task.encode([d.value for d in test])
        assert probabilities[is_there].mean() > probabilities[~is_there].mean() + 0.5
        assert probabilities.min() >= 0
        assert probabilities.max() <= 1

    def test_scores_of_words_are_distributions(self, trained):
        scores = trained.token_scores([*toy(3, seed=1), Document("none", "")])
        assert [each.shape for each in scores] == [(7, 5)] * 3 + [(0, 5)]
        np.testing.assert_allclose(np.concatenate(scores).sum(axis=1), 1, atol=1e-6)

    def test_texts_longer_than_the_window_have_spans_to_their_end(self):
        long = text_with_spans(
            ["the", "film", "was", "very"] * 12 + ["cat", "the", "red", "was"], 0
        )  # 52 words, 16 fit
        assert self.fitted(toy(60, length=12)).predict([long]) == [long.value]

    def test_hostile_texts_have_spans_that_quote_them(self, trained):
        texts = ["", " ", "\x00", "\ud800\udc00 cat", "cat\u200d\u0301 dog", "红 cat", "\u202ecat dog", "cat" * 90]
        documents = [Document(str(i), text) for i, text in enumerate(texts)]
        values, probabilities = trained.label(documents)
        assert np.isfinite(probabilities).all()
        for document, value in zip(documents, values, strict=True):
            assert all(document.text[span.start : span.end] == span.text for span in value)

    def test_a_text_nobody_spoke_about_counts_for_nothing(self):
        documents = toy(40)
        with_silence = [*documents, *toy(40, seed=2)]
        answers = [(d.value,) for d in documents] + [()] * 40
        weights = np.repeat([1.0, 1.0], 40)
        student = self.fitted(with_silence, answers=answers, sample_weight=weights)
        counts = student.task.count([d.value for d in toy(20, seed=1)], student.predict(toy(20, seed=1)))
        assert counts.fn.sum() < 0.3 * counts.tp.sum()  # taken as "no spans", half of the texts would teach silence

    def test_answers_and_not_the_documents_own_values_teach(self):
        documents = toy(40)
        answers = [(tuple(s for s in d.value if s.label == "animal"),) for d in documents]
        student = self.fitted(documents, answers=answers)
        assert {span.label for value in student.predict(documents) for span in value} == {"animal"}
        assert np.all(student.predict_proba(documents)[:, 1] == 0)

    def test_repeated_answers_teach_doubt(self):
        documents = [Document(str(i), "the cat") for i in range(80)]
        cat = (Span(4, 7, "animal", "cat"),)
        student = self.fitted(documents, answers=[(cat, cat, cat, ())] * 80)
        assert student.predict_proba(documents[:1])[0, 0] == pytest.approx(0.75, abs=0.12)

    def test_uncertain_words_can_be_left_out(self):
        documents = [Document(str(i), "the cat was red") for i in range(80)]
        cat, red = Span(4, 7, "animal", "cat"), Span(12, 15, "colour", "red")
        answers = [((cat, red), (red,))] * 80  # half of the answers for the cat
        doubting = self.fitted(documents, answers=answers)
        assert doubting.predict_proba(documents[:1])[0, 0] == pytest.approx(0.5, abs=0.15)
        sure = self.make().set_params(min_share=0.6)
        certain = self.fitted(documents, answers=answers, student=sure)
        assert certain.predict_proba(documents[:1])[0, 0] == 0  # no word that counts is an animal

    def test_a_wrong_span_in_an_uncertain_stretch_changes_nothing_that_is_learned(self):
        documents = [text_with_spans(("the", *animal, "was", "red", "and"), i) for i, animal in enumerate(PAIRS * 8)]
        sure = [tuple(s for s in d.value if s.label == "colour") for d in documents]
        uncertain = [tuple(s for s in d.value if s.label == "animal") for d in documents]
        wrong = [tuple(Span(s.start, s.end, "colour", s.text) for s in spans) for spans in uncertain]
        answers = [(mistake + said,) for mistake, said in zip(wrong, sure, strict=True)]
        masked = self.fitted(documents, answers=answers, uncertain=uncertain)
        without = self.fitted(documents, answers=[(said,) for said in sure], uncertain=uncertain)
        for one, other in zip(masked.token_scores(documents), without.token_scores(documents), strict=True):
            np.testing.assert_array_equal(one, other)
        misled = self.fitted(documents, answers=answers)
        assert misled.predict(documents)[0] == answers[0][0]

    def test_an_uncertain_stretch_for_every_document_is_asked_for(self):
        with pytest.raises(ValueError, match="uncertain has 1 entries for 2 documents"):
            self.fitted(toy(2), uncertain=[()])

    def test_thresholds_leave_labels_out(self):
        test = toy(10, seed=1)
        student = self.fitted().set_thresholds(np.array([1.0, np.nan]))
        assert {span.label for value in student.predict(test) for span in value} == {"colour"}

    def test_nested_spans_of_different_labels(self):
        task = task_with("animal", "phrase", nested=True)
        rng = np.random.default_rng(0)
        documents = []
        for i in range(60):
            words = [*rng.choice(PLAIN[:3], 2), "big", str(rng.choice(ANIMALS)), "was"]
            text = " ".join(words)
            start = text.index("big")
            end = start + 4 + len(words[3])
            spans = (Span(start, end, "phrase", text[start:end]), Span(start + 4, end, "animal", words[3]))
            documents.append(Document(str(i), text, spans))
        student = self.fitted(documents, student=self.make(task))
        assert student.predict(documents[:5]) == [document.value for document in documents[:5]]
        assert student.token_scores(documents[:1])[0].shape == (5 * 2, 3)

    def test_texts_without_any_span(self):
        documents = [Document(str(i), "the film was good", ()) for i in range(4)]
        student = self.fitted(documents)
        assert student.predict(toy(3)) == [(), (), ()]
        assert np.all(student.predict_proba(toy(3)) == 0)

    @pytest.mark.parametrize("n", [1, 2])
    def test_a_handful_of_texts_is_enough_to_run(self, n):
        assert len(self.fitted(toy(n)).predict(toy(3))) == 3

    def test_no_document_gives_no_row(self, trained):
        values, probabilities = trained.label([])
        assert values == []
        assert probabilities.shape == (0, 2)

    def test_the_same_seed_gives_the_same_student_whatever_torch_drew_before(self):
        import torch

        first = self.fitted(toy(10)).predict_proba(toy(5, seed=1))
        torch.rand(3)
        np.testing.assert_array_equal(self.fitted(toy(10)).predict_proba(toy(5, seed=1)), first)

    def test_predicts_in_input_order_whatever_stands_beside(self, trained):
        test = toy(6, seed=1) + toy(2, seed=1, length=30)
        alone = np.concatenate([trained.predict_proba([document]) for document in test])
        np.testing.assert_allclose(trained.predict_proba(test), alone, atol=1e-5)

    def test_is_an_estimator(self):
        student = self.make(seed=3)
        assert clone(student).get_params()["seed"] == 3
        with pytest.raises(NotFittedError):
            student.predict_proba(toy(1))
        with pytest.raises(NotFittedError):
            student.predict(toy(1))

    def test_places_cannot_be_made_from_probabilities(self, trained):
        with pytest.raises(ValueError, match="spans cannot be made"):
            trained.decode(np.ones((1, 2)))

    def test_wrong_answers_are_refused(self):
        with pytest.raises(ValueError, match="answers has 1 entries for 2 documents"):
            self.make().fit(toy(2), np.zeros((2, 2)), answers=[()])

    @pytest.mark.parametrize("scheme", ["bio", "bioes"])
    def test_after_loading_predictions_are_the_same_bits(self, scheme):
        test = [*toy(6, seed=1), Document("long", "the cat " * 30)]
        student = self.fitted(toy(20), student=self.make().set_params(scheme=scheme))
        student.set_thresholds(np.array([0.25, np.nan])).save(self.tmp_path / "s", {"run": 1})
        loaded = load_student(self.tmp_path / "s")
        assert loaded.predict(test) == student.predict(test)
        np.testing.assert_array_equal(loaded.predict_proba(test), student.predict_proba(test))
        np.testing.assert_array_equal(loaded.thresholds_, student.thresholds_)
        assert loaded.get_params() | {"encoder": 0, "c": 0} == student.get_params() | {"encoder": 0, "c": 0}

    def test_damaged_weights_are_refused(self, trained):
        import hashlib
        import json

        from safetensors.numpy import load_file, save

        folder = self.tmp_path / "s"
        trained.save(folder)
        arrays = load_file(folder / "model.safetensors")
        del arrays["understudy.whole_words"]
        content = save(arrays)
        (folder / "model.safetensors").write_bytes(content)
        stored = json.loads((folder / "understudy-student.json").read_text())
        stored["sha256"]["model.safetensors"] = hashlib.sha256(content).hexdigest()
        (folder / "understudy-student.json").write_text(json.dumps(stored))
        with pytest.raises(UserError, match="how texts are cut into words"):
            load_student(folder)


class TestLinearTagger(SpanContract):
    kind = "linear"


class TestEncoderTagger(SpanContract):
    kind = "encoder"

    def test_dev_texts_stop_the_training(self):
        student = self.make().set_params(epochs=30)
        dev = toy(10, seed=5)
        self.fitted(student=student, dev=(dev, student.task.encode([d.value for d in dev]).astype(float)))
        assert len(student.epochs_) < 30
        assert all(epoch.dev_loss is not None for epoch in student.epochs_)

    def test_gold_texts_weigh_down_texts_whose_spans_are_wrong(self):
        documents = toy(64)
        swapped = {"animal": "colour", "colour": "animal"}
        wrong = [tuple(Span(s.start, s.end, swapped[s.label], s.text) for s in d.value) for d in documents[:20]]
        answers = [(value,) for value in wrong] + [(d.value,) for d in documents[20:]]
        student = self.make().set_params(reweight=True, epochs=10, patience=10)
        dev = toy(16, seed=5)
        targets = student.task.encode([d.value for d in dev]).astype(float)
        self.fitted(documents, answers=answers, student=student, dev=(dev, targets))
        assert student.weights_[:20].mean() < 0.8 * student.weights_[20:].mean()


def test_auto_compares_students_of_spans(tiny_bert, tmp_path):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=16), None)
    task = task_with("animal", "colour")
    settings = StudentSettings(kind="auto", linear=LinearSettings(folds=2, c=(1.0,)))
    student = make_student(settings, task, encoder, 0)
    documents = toy(30)
    student.fit(documents, task.encode([d.value for d in documents]).astype(float))
    student.set_thresholds(np.array([1.0, np.nan])).save(tmp_path / "s")
    assert {span.label for value in student.predict(documents) for span in value} == {"colour"}
    assert load_student(tmp_path / "s").predict(documents) == student.predict(documents)


def test_a_student_of_texts_is_refused_for_spans(tiny_bert):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert)), None)
    with pytest.raises(UserError, match="no student `tfidf-linear`"):
        make_student(StudentSettings(kind="tfidf-linear"), task_with("animal", "colour"), encoder, 0)


def test_every_student_of_spans_is_held_to_the_contract():
    assert {case.kind for case in SpanContract.__subclasses__()} == set(OF_SPANS)
