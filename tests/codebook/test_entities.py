"""Labelled spans: what is a value, how answers are combined and compared."""

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, codebook_digest, task_of
from understudy.errors import UserError
from understudy.records import Document, Span

TEXT = "👩‍👩‍👧 Anna فاطمة met é\r\nBob"
ANNA, BOB = Span(6, 10, "person", "Anna"), Span(24, 27, "person", "Bob")


def task(nested=False):
    return task_of(Codebook(kind="entities", nested=nested, labels=(Label(name="person"), Label(name="place"))))


def test_spans_are_sorted_and_stand_once():
    assert task().check((BOB, ANNA, BOB)) == (ANNA, BOB)


def test_spans_quote_their_document_by_code_points():
    assert task().check_in((BOB, ANNA), Document("1", TEXT)) == (ANNA, BOB)


@pytest.mark.parametrize(
    ("span", "complaint"),
    [
        (Span(5, 9, "person", "Anna"), "the text there is"),
        (Span(27, 31, "person", "Anna"), "outside"),
    ],
)
def test_spans_that_do_not_fit_the_text_are_refused(span, complaint):
    with pytest.raises(UserError, match=complaint):
        task().check_in((span,), Document("1", TEXT))


@pytest.mark.parametrize(
    ("span", "complaint"),
    [
        (Span(3, 3, "person", ""), "white space"),
        (Span(3, 5, "person", " \n"), "white space"),
        (Span(-1, 3, "person", "Anna"), "do not fit"),
        (Span(0, 3, "person", "Anna"), "do not fit"),
        (Span(0, 4, "persn", "Anna"), "not in the codebook"),
        ("person", "expected a span"),
    ],
)
def test_what_is_no_span_is_refused(span, complaint):
    with pytest.raises(UserError, match=complaint):
        task().check((span,))


def test_overlaps_only_where_declared():
    nested = (Span(0, 8, "place", "New York"), Span(4, 8, "person", "York"))
    assert task(nested=True).check(nested) == nested
    with pytest.raises(UserError, match="overlap"):
        task().check(nested)


def test_one_span_with_two_labels_is_an_overlap():
    with pytest.raises(UserError, match="overlap"):
        task().check((Span(0, 4, "person", "York"), Span(0, 4, "place", "York")))


def test_json_gives_back_what_it_took():
    assert task().from_json(task().to_json((ANNA, BOB))) == (ANNA, BOB)
    assert task().read("[]") == ()
    assert task().read(" ") is None


@pytest.mark.parametrize(
    "cell",
    ["{", '{"start": 0}', '[{"start": 0}]', "[1]", '[{"start": "0", "end": 4, "label": "person", "text": "Anna"}]'],
)
def test_what_is_no_list_of_spans_is_refused(cell):
    with pytest.raises(UserError, match="span"):
        task().read(cell)


def test_vote_keeps_what_more_than_half_hold():
    vote = task().vote([(ANNA, BOB), (ANNA,), (ANNA,)])
    assert vote.value == (ANNA,)
    assert vote.consistency == pytest.approx((1 + 1 / 3) / 2)  # Anna in 3 of 3 answers, Bob in 1 of 3
    assert not vote.is_tied


def test_half_is_a_tie_and_not_kept():
    vote = task().vote([(ANNA,), ()])
    assert (vote.value, vote.consistency, vote.is_tied) == ((), 0.5, True)


def test_agreement_on_nothing_is_full():
    assert task().vote([(), ()]).consistency == 1.0


def test_count_by_exact_span():
    wrong_type, too_long = Span(6, 10, "place", "Anna"), Span(24, 28, "person", "Bob!")
    truths = [(ANNA, BOB), (ANNA,), (), (ANNA,), ()]
    tally = task().count(truths, [(wrong_type, BOB), (ANNA,), (too_long,), None, None])
    np.testing.assert_array_equal(tally.tp, [[1, 0], [1, 0], [0, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(tally.fp, [[0, 1], [0, 0], [1, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(tally.fn, [[1, 0], [0, 0], [0, 0], [1, 0], [0, 0]])
    np.testing.assert_array_equal(tally.correct, [0, 1, 0, 0, 0])


def test_labels_present_stand_for_spans():
    np.testing.assert_array_equal(task().encode([(ANNA, BOB), (), None]), [[1, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(task().shares([[(ANNA,), ()], []]), [[0.5, 0], [np.nan, np.nan]])


def test_label_probabilities_make_no_spans():
    with pytest.raises(ValueError, match="spans"):
        task().decode(np.ones((1, 2)), None)


def test_digest_tells_nested_from_flat():
    assert codebook_digest(task(nested=True).codebook) != codebook_digest(task().codebook)
