"""Exactly one label a text."""

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import UserError


def task(*names, positive=None):
    return task_of(Codebook(labels=tuple(Label(name=name) for name in names), positive=positive))


def test_cells_are_read_verbatim_and_only_outer_space_is_forgiven():
    assert task("NA", "None", "no").read("NA") == "NA"
    assert task("NA", "None", "no").read("  no ") == "no"
    assert task("a", "b").read("   ") is None


def test_wrong_label_names_the_nearest():
    with pytest.raises(UserError) as caught:
        task("positive", "negative").read("Postive")
    assert caught.value.hint == "Did you mean `positive`?"


def test_case_variant_is_no_label():
    with pytest.raises(UserError):
        task("pos", "neg").read("Pos")


def test_encode_leaves_a_missing_answer_empty():
    assert task("a", "b").encode(["b", None]).tolist() == [[False, True], [False, False]]


def test_shares_are_shares_of_the_answers_obtained():
    # two of three answers say b
    shares = task("a", "b").shares([["b", "a", "b"], []])
    np.testing.assert_allclose(shares[0], [1 / 3, 2 / 3])
    assert np.isnan(shares[1]).all()


def test_vote_declares_a_tie_and_gives_it_to_the_first_label_of_the_codebook():
    vote = task("b", "a").vote(["a", "b"])
    assert (vote.value, vote.consistency, vote.is_tied) == ("b", 0.5, True)


def test_decode_takes_the_threshold_of_the_positive_label():
    probabilities = np.array([[0.7, 0.3], [0.6, 0.4], [0.4, 0.6]])
    binary = task("neg", "pos", positive="pos")
    assert binary.decode(probabilities, None) == ["neg", "neg", "pos"]
    assert binary.decode(probabilities, np.array([np.nan, 0.4])) == ["neg", "pos", "pos"]


def test_positive_of_three_labels_reports_macro():
    assert task("a", "b", "c", positive="a").headline == "macro"
    assert task("a", "b", positive="a").headline == "positive"


@pytest.mark.parametrize(
    ("names", "positive", "message"),
    [
        ((), None, "at least two labels, found 0"),
        (("only",), None, "at least two labels, found 1"),
        (("a", "A "), None, "stands 2 times"),
        (("a", "b"), "c", "`positive` is `c`"),
    ],
)
def test_unusable_codebooks_are_refused(names, positive, message):
    with pytest.raises(UserError, match=message):
        task(*names, positive=positive)


def test_two_names_for_one_spoken_name_are_refused():
    labels = (Label(name="a", verbalised="same"), Label(name="b", verbalised="Same"))
    with pytest.raises(UserError, match="verbalised name"):
        task_of(Codebook(labels=labels))
