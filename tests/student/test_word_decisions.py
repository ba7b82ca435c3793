"""What the linear tagger would decide at words: which of them count, how they are described, and in which text."""

from types import SimpleNamespace

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import load_encoder
from understudy.records import Document, Span
from understudy.settings import EmbeddingSettings, SpanSettings, StudentSettings
from understudy.student.spans.decisions import word_decisions

CAT, RED = Span(4, 7, "animal", "cat"), Span(12, 15, "colour", "red")


def labels(answers, uncertain=None):
    documents = [Document(str(i), "the cat was red") for i in range(len(answers))]
    return SimpleNamespace(documents=documents, answers=answers, uncertain=uncertain or [()] * len(answers))


@pytest.fixture
def decisions_of(tiny_bert):
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert), max_tokens=16), None)

    def made(noisy, human, *, nested=False, min_share=0.0):
        names = tuple(Label(name=name) for name in ("animal", "colour"))
        task = task_of(Codebook(kind="entities", nested=nested, labels=names))
        settings = StudentSettings(spans=SpanSettings(min_share=min_share))
        return word_decisions(settings, task, encoder, noisy, human)

    return made


def test_words_stand_with_their_tags_and_texts(decisions_of):
    (noisy,), (human,) = decisions_of(labels([((CAT,),), ((),)]), labels([((CAT, RED),)]))
    assert noisy.text.tolist() == [0] * 4 + [1] * 4
    assert (noisy.n_texts, human.n_texts) == (2, 1)
    assert noisy.targets.argmax(axis=1).tolist() == [0, 1, 0, 0] + [0] * 4  # O, B-animal
    assert human.targets.argmax(axis=1).tolist() == [0, 1, 0, 3]  # B-colour
    assert np.linalg.norm(noisy.features, axis=1).mean() == pytest.approx(1)
    np.testing.assert_allclose(human.features, noisy.features[:4], atol=1e-6)  # the same text


def test_uncertain_words_and_split_answers_do_not_count(decisions_of):
    said = [((CAT, RED), (CAT,)), ((CAT,),)]
    (noisy,), _ = decisions_of(labels(said, [(), (CAT,)]), labels([((CAT,),)]), min_share=0.6)
    assert noisy.per_text.tolist() == [3, 3]  # without `red`, and without `cat`


def test_nested_labels_have_a_layer_each_and_those_without_words_none(decisions_of):
    noisy, human = decisions_of(labels([((CAT,),)]), labels([((CAT, RED),)]), nested=True)
    assert len(noisy) == len(human) == 2
    assert decisions_of(labels([()]), labels([((CAT,),)])) == ([], [])


def test_texts_that_are_decided_about_as_a_whole_have_none(tiny_bert):
    task = task_of(Codebook(labels=(Label(name="a"), Label(name="b"))))
    encoder = load_encoder(EmbeddingSettings(model=str(tiny_bert)), None)
    assert word_decisions(StudentSettings(), task, encoder, labels([]), labels([])) == (None, None)
