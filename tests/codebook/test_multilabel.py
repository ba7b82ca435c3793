"""Any number of labels a text."""

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, task_of
from understudy.errors import UserError


def task(*names):
    return task_of(Codebook(kind="multilabel", labels=tuple(Label(name=name) for name in names)))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("", None),
        ("[]", ()),
        ("b|a", ("a", "b")),
        ("a | a", ("a",)),
        ('["b"]', ("b",)),
        ("a", ("a",)),
    ],
)
def test_cells(cell, value):
    assert task("a", "b").read(cell) == value


def test_a_label_that_holds_the_separator_can_stand_alone():
    assert task("a|b", "c").read("a|b") == ("a|b",)


def test_wrong_label_in_a_set_is_named():
    with pytest.raises(UserError, match="`pice`"):
        task("food", "price").read("food|pice")


def test_broken_list_is_no_value():
    with pytest.raises(UserError, match="not a JSON list"):
        task("a").read("[a")


def test_encode_and_decode_are_inverse():
    values = [("a", "c"), (), ("b",)]
    three = task("a", "b", "c")
    assert three.decode(three.encode(values).astype(float), None) == values


def test_own_thresholds():
    probabilities = np.array([[0.4, 0.4]])
    assert task("a", "b").decode(probabilities, np.array([0.3, np.nan])) == [("a",)]


def test_vote_compares_whole_sets():
    vote = task("a", "b").vote([("a", "b"), ("b", "a"), ("a",)])
    assert vote.value == ("a", "b")
    assert vote.consistency == pytest.approx(2 / 3)


def test_shares_count_each_label():
    np.testing.assert_allclose(task("a", "b").shares([[("a",), ("a", "b")]]), [[1.0, 0.5]])
