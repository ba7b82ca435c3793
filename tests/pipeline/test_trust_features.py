"""Features of a teacher's labels: worked by hand, and blind to what they must not know."""

from dataclasses import replace

import numpy as np
import pytest

from understudy.codebook import task_of
from understudy.pipeline.trust_features import agreement, trust_features
from understudy.records import Annotation, Document, Outcome, Provenance, Span
from understudy.settings import Codebook, Label

TASK = task_of(Codebook(labels=(Label(name="a"), Label(name="b"))))
SETS = task_of(Codebook(kind="multilabel", labels=(Label(name="a"), Label(name="b"))))
CONSISTENCY, STUDENT, NEIGHBOURS, CONFIDENCE, LENGTH, UNREAD, REPAIRED, FLAGGED = range(8)


def annotation(value, answers=(), n_asked=1, confidence=None, request_keys=(), flags=()):
    outcome = Outcome.UNPARSED if value is None else Outcome.LABELLED
    who = Provenance("t", request_keys=request_keys)
    return Annotation("x", "", outcome, value, who, tuple(answers), n_asked, confidence=confidence, flags=flags)


def features(annotations, vectors=None, task=TASK, texts=None):
    documents = [Document(str(i), "text" if texts is None else texts[i]) for i in range(len(annotations))]
    if vectors is None:
        vectors = np.random.default_rng(1).normal(size=(len(annotations), 4))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return trust_features(task, documents, annotations, vectors, np.random.default_rng(0))


def two_clusters(n):
    """n texts of label a in one direction and n of b in another."""
    rng = np.random.default_rng(2)
    vectors = np.repeat([[1.0, 0, 0], [0, 1, 0]], n, axis=0) + rng.normal(0, 0.1, (2 * n, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, [annotation("a", "a") for _ in range(n)] + [annotation("b", "b") for _ in range(n)]


@pytest.mark.parametrize(
    ("given", "share"),
    [
        (annotation("a", "aab", 3), 2 / 3),
        (annotation("a", "aa", 3), 2 / 3),  # the third could not be read
        (annotation("a", "a", 8), 1 / 8),
        (annotation("a", "aaaa", 4), 1.0),
        (annotation("a"), 1.0),  # a teacher that keeps no answers
        (annotation(None, "", 3), np.nan),
    ],
)
def test_agreement_has_all_answers_asked_for_in_its_denominator(given, share):
    assert agreement(given) == pytest.approx(share, nan_ok=True)


def test_agreement_of_spans_is_that_of_the_vote_which_may_equal_no_answer():
    task = task_of(Codebook(kind="entities", labels=(Label(name="per"), Label(name="loc"))))
    ann, bob, eve = (Span(at, at + 3, "per", "xxx") for at in (0, 4, 8))
    answers = [(ann, bob), (ann, eve), (bob, ann, eve)]
    vote = task.vote(answers)
    # Ann stands in 3 of 3 answers, Bob and Eve in 2 of 3: all are kept, as in the third answer alone
    assert vote.value == (ann, bob, eve)
    given = replace(annotation("a"), value=vote.value, answers=tuple(answers), consistency=vote.consistency, n_asked=4)
    assert agreement(given) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3 * 3 / 4)
    vote = task.vote([(ann, bob), (ann, eve), (ann, Span(4, 7, "loc", "xxx"))])
    assert vote.value == (ann,)  # which nobody said alone
    given = replace(given, value=vote.value, answers=((ann, bob), (ann, eve)), consistency=vote.consistency)
    assert agreement(given) > 0


def test_columns_that_can_be_worked_by_hand():
    table = features(
        [
            annotation("a", "aab", 4, confidence=0.8, request_keys="1234"),
            annotation("b", "b", 1, request_keys="12", flags=("instruction",)),
        ],
        texts=["", "four"],
    )
    # 2 of 4 agree: log(2.5 / 2.5). 1 of 1: log(1.5 / 0.5).
    assert table[:, CONSISTENCY] == pytest.approx([0, np.log(3)])
    assert table[:, CONFIDENCE] == pytest.approx([np.log(4), np.nan], nan_ok=True)
    assert table[:, LENGTH] == pytest.approx([0, np.log(5)])
    assert table[:, UNREAD] == pytest.approx([0.25, 0])
    assert table[:, REPAIRED].tolist() == [0, 1]  # two requests for one answer
    assert table[:, FLAGGED].tolist() == [0, 1]
    assert table[:, FLAGGED + 1 :].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("stated", [0.0, 1.0])
def test_stated_certainty_stays_finite(stated):
    table = features([annotation("a", "a", confidence=stated), annotation("b", "b")])
    assert abs(table[0, CONFIDENCE]) == pytest.approx(np.log(999))


def test_one_label_among_others_has_no_student_and_no_neighbour():
    table = features([annotation("a", "a")])
    assert np.isnan(table[0, [STUDENT, NEIGHBOURS]]).all()


def test_a_label_against_its_surroundings_is_doubted():
    vectors, annotations = two_clusters(20)
    annotations[0] = annotation("b", "b")
    table = features(annotations, vectors)
    assert table[0, NEIGHBOURS] == 0
    assert table[1:20, NEIGHBOURS].min() >= 0.9
    assert table[0, STUDENT] < 0 < table[1:, STUDENT].min()


def test_the_student_never_saw_the_answers_of_the_text_it_judges():
    """Whichever value one text has, the student's probabilities for it are the same: they sum to 1 over its values."""
    vectors, annotations = two_clusters(20)
    chances = []
    for value in "ab":
        annotations[7] = annotation(value, value)
        odds = np.exp(features(annotations, vectors)[7, STUDENT])
        chances.append(odds / (1 + odds))
    # Another value deals the folds differently, so that the two students differ a little.
    assert sum(chances) == pytest.approx(1, abs=0.1)
    assert chances[0] > 0.7


def test_copies_of_a_text_do_not_count_the_text_itself():
    vectors = np.tile([[1.0, 0.0]], (3, 1))
    table = features([annotation("a", "a"), annotation("b", "b"), annotation("b", "b")], vectors)
    assert table[:, NEIGHBOURS].tolist() == [0, 0.5, 0.5]


def test_neighbours_do_not_depend_on_how_many_rows_fit_in_memory(monkeypatch):
    vectors, annotations = two_clusters(30)
    annotations[3] = annotation("b", "b")
    whole = features(annotations, vectors)
    monkeypatch.setattr("understudy.pipeline.trust_features.CELLS_AT_ONCE", 130)  # two rows of 60
    assert features(annotations, vectors) == pytest.approx(whole, nan_ok=True)


def test_many_labels_are_judged_by_a_sample_of_them(monkeypatch):
    monkeypatch.setattr("understudy.pipeline.trust_features.MOST_REFERENCES", 12)
    vectors, annotations = two_clusters(30)
    table = features(annotations, vectors)
    assert table[:, STUDENT].min() > 0
    # 12 references hold at most 11 of a text's own label and 10 are asked: all texts have some of their own.
    assert (table[:, NEIGHBOURS] > 0).all()


def test_sets_of_labels_are_compared_whole():
    vectors, _ = two_clusters(20)
    annotations = [annotation(("a",), [("a",)]) for _ in range(20)] + [annotation((), [()]) for _ in range(20)]
    annotations[0] = annotation(("a", "b"), [("a", "b")])
    table = features(annotations, vectors, SETS)
    assert table[0, NEIGHBOURS] == 0
    assert table[0, STUDENT] < 0 < table[1:, STUDENT].min()
    assert table[0, FLAGGED + 1 :].tolist() == [1, 1]


def test_a_label_that_only_one_text_has_is_not_certainly_wrong():
    """The student of its fold never met it, and gives it probability 0."""
    task = task_of(Codebook(labels=(Label(name="a"), Label(name="b"), Label(name="c"))))
    vectors, annotations = two_clusters(10)
    annotations[0] = annotation("c", "c")
    assert features(annotations, vectors, task)[0, STUDENT] == pytest.approx(-np.log(999))


def test_without_a_value_there_is_nothing_to_trust():
    with pytest.raises(ValueError, match="expected a labelled annotation, found unparsed"):
        features([annotation(None, "", 3), annotation("a", "a")])
