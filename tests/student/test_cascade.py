import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.records import Document
from understudy.student import EncoderStudent
from understudy.student.cascade import CascadeStudent, margins
from understudy.student.forms import in_form

LABELS = (Label(name="a"), Label(name="b"), Label(name="c"))
NONE = np.full(3, np.nan)


def test_the_margin_is_between_the_two_most_probable_labels():
    """log 0.5 - log 0.25 = log 2; equal ones have none; a label that was never learned has probability 0."""
    found = margins(task_of(Codebook(labels=LABELS)), np.array([[0.5, 0.25, 0.25], [0.4, 0.2, 0.4], [1, 0, 0]]), NONE)
    np.testing.assert_allclose(found[:2], [np.log(2), 0], atol=1e-12)
    assert 20 < found[2] < np.inf


def test_a_declared_positive_label_is_measured_from_its_threshold():
    """Log-odds of 0.8, 0.5 and 0.2 are log 4, 0 and -log 4; the threshold is 0.2."""
    task = task_of(Codebook(positive="b", labels=LABELS[:2]))
    found = margins(task, np.array([[0.2, 0.8], [0.5, 0.5], [0.8, 0.2]]), np.array([np.nan, 0.2]))
    np.testing.assert_allclose(found, [2 * np.log(4), np.log(4), 0], atol=1e-12)


def test_of_independent_labels_the_closest_counts():
    """The first is log 4 from 0.5, the second log 9 from its threshold 0.5 and the third on its threshold 0.1."""
    task = task_of(Codebook(kind="multilabel", labels=LABELS))
    found = margins(task, np.array([[0.8, 0.9, 0.1], [0.8, 0.9, 1.0]]), np.array([np.nan, 0.5, 0.1]))
    np.testing.assert_allclose(found, [0, np.log(4)], atol=1e-12)


@pytest.fixture(scope="module")
def fitted(tiny_bert):
    documents = [Document(str(i), ("good great", "bad awful")[i % 2]) for i in range(16)]
    student = EncoderStudent(task_of(Codebook(labels=LABELS[:2])), model=str(tiny_bert), epochs=4, learning_rate=2e-3)
    return student.fit(documents, np.eye(2)[np.arange(16) % 2])


TEXTS = ["good great", "", "the film", "bad", "good bad", "awful awful film", "not good"]
DOCUMENTS = [Document(str(i), text) for i, text in enumerate(TEXTS)]


def test_what_is_close_is_decided_in_single_precision_and_nothing_else(fitted):
    quick = in_form(fitted, "int8", n_threads=1).predict_proba(DOCUMENTS)
    close = margins(fitted.task, quick, fitted.thresholds_)
    bound = float(np.sort(close)[3])
    found = CascadeStudent(fitted, bound, n_threads=1).predict_proba(DOCUMENTS)
    exact = fitted.predict_proba(DOCUMENTS)
    assert not np.allclose(quick, exact, atol=1e-5)
    np.testing.assert_allclose(found, np.where((close <= bound)[:, None], exact, quick), atol=1e-5)
    assert (close <= bound).sum() == 4


def test_without_texts_there_are_no_labels(fitted):
    assert CascadeStudent(fitted, 1.0).predict_proba([]).shape == (0, 2)
