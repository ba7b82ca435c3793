from __future__ import annotations

import numpy as np
import pytest

from understudy.evaluation import Counts, count


def test_no_answer_is_a_miss_of_the_true_label_and_never_a_prediction() -> None:
    counts = count([[1, 0], [0, 1]], [[0, 0], [0, 0]])
    totals = counts.total()
    assert totals.fn.tolist() == [1, 1]
    assert totals.fp.tolist() == [0, 0]
    assert totals.correct == 0


def test_unanswered_empty_set_is_not_correct_but_answered_empty_set_is() -> None:
    truth, predicted = [[0, 0], [0, 0]], [[0, 0], [0, 0]]
    assert count(truth, predicted).correct.tolist() == [1, 1]
    assert count(truth, predicted, answered=[True, False]).correct.tolist() == [1, 0]


def test_what_stands_in_an_unanswered_row_does_not_count() -> None:
    counts = count([[1, 0]], [[1, 1]], answered=[False])
    assert (counts.tp.sum(), counts.fp.sum(), counts.fn.sum()) == (0, 0, 1)


def test_multilabel_counts_each_label_and_the_exact_match() -> None:
    counts = count([[1, 1, 0], [0, 1, 0]], [[1, 0, 1], [0, 1, 0]])
    assert counts.tp.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert counts.fp.tolist() == [[0, 0, 1], [0, 0, 0]]
    assert counts.fn.tolist() == [[0, 1, 0], [0, 0, 0]]
    assert counts.correct.tolist() == [0, 1]


def test_weighting_documents_equals_repeating_them(rng: np.random.Generator) -> None:
    counts = count(rng.random((20, 3)) < 0.4, rng.random((20, 3)) < 0.4)
    times = rng.integers(0, 4, size=(5, 20))
    weighted = counts.total(times)
    for row in range(5):
        repeated = counts.take(np.repeat(np.arange(20), times[row])).total()
        for part in ("tp", "fp", "fn", "correct", "n"):
            np.testing.assert_allclose(getattr(weighted, part)[row], getattr(repeated, part))


def test_take_nothing_keeps_the_labels() -> None:
    nothing = count([[1, 0]], [[1, 0]]).take([])
    assert (nothing.n, nothing.n_labels) == (0, 2)
    assert nothing.total().n == 0


def test_mean_over_seeds_keeps_documents_apart() -> None:
    right, wrong = count([[1, 0]], [[1, 0]]), count([[1, 0]], [[0, 1]])
    mean = Counts.mean([right, wrong, wrong, wrong])
    assert mean.tp.tolist() == [[0.25, 0]]
    assert mean.fp.tolist() == [[0, 0.75]]
    assert mean.fn.tolist() == [[0.75, 0]]
    assert mean.correct.tolist() == [0.25]


def test_runs_on_other_documents_are_refused() -> None:
    one, two = count([[1, 0]], [[1, 0]]), count([[1, 0], [1, 0]], [[1, 0], [1, 0]])
    with pytest.raises(ValueError, match="expected counts of one shape"):
        Counts.mean([one, two])
    with pytest.raises(ValueError, match="no run"):
        Counts.mean([])


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [([[1, 0]], [[1, 0, 0]], "shape of truth"), ([1, 0], [1, 0], "indicator matrix"), ([[]], [[]], "indicator matrix")],
)
def test_shapes_that_do_not_fit_are_refused(truth: object, predicted: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        count(truth, predicted)  # type: ignore[arg-type]


def test_answered_needs_one_entry_per_document() -> None:
    with pytest.raises(ValueError, match=r"answered: expected shape \(1,\)"):
        count([[1, 0]], [[1, 0]], answered=[True, False])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_impossible_counts_are_refused(bad: float) -> None:
    zero = np.zeros((1, 2))
    with pytest.raises(ValueError, match="expected fp finite"):
        Counts(zero, np.array([[0.0, bad]]), zero, np.zeros(1))
