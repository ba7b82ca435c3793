"""Relations: a classification that leaves its null label out of the score."""

import numpy as np
import pytest

from understudy.codebook import Codebook, Label, codebook_digest, task_of


def task(null=None, **types):
    return task_of(Codebook(kind="relations", null=null, labels=(Label(name="none"), Label(name="made", **types))))


@pytest.mark.parametrize(("null", "excluded"), [("none", (0,)), (None, ())])
def test_the_null_label_is_left_out(null, excluded):
    assert (task(null).headline, task(null).positive, task(null).excluded) == ("micro", None, excluded)


def test_count_keeps_the_null_column():
    tally = task("none").count(["made", "none", "made", "none"], ["made", "made", None, "none"])
    np.testing.assert_array_equal(tally.tp, [[0, 1], [0, 0], [0, 0], [1, 0]])
    np.testing.assert_array_equal(tally.fp, [[0, 0], [0, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(tally.fn, [[0, 0], [1, 0], [0, 1], [0, 0]])
    np.testing.assert_array_equal(tally.correct, [1, 0, 0, 1])


def test_digest_tells_type_constraints_apart():
    assert codebook_digest(task(heads=("person",)).codebook) != codebook_digest(task().codebook)
