from __future__ import annotations

import json
import math

import numpy as np
import pytest

from understudy.evaluation import Counts, Headline, adjust_for_table, compare, count, holm, mcnemar_exact

MACRO = Headline("macro")


def labeller(truth: np.ndarray, accuracy: float, rng: np.random.Generator) -> Counts:
    """Right with probability `accuracy`, else the other of two labels."""
    answer = np.where(rng.random(len(truth)) < accuracy, truth, 1 - truth)
    return count(np.eye(2)[truth], np.eye(2)[answer])


def right_on(n_right: int, n: int) -> Counts:
    """Right on the first `n_right` of n documents; the labels alternate."""
    truth = np.arange(n) % 2
    return count(np.eye(2)[truth], np.eye(2)[np.where(np.arange(n) < n_right, truth, 1 - truth)])


def test_clear_difference_is_named(rng: np.random.Generator) -> None:
    result = compare("teacher", [right_on(90, 100)], "student", [right_on(60, 100)], MACRO, rng)
    assert result.better == "teacher"
    assert result.difference == pytest.approx(0.3, abs=1e-3)
    # 30 documents differ, all in A's favour: variance of the mean difference .3 * .7 / 100, 1.96 SE = 0.090.
    assert result.interval.low == pytest.approx(0.21, abs=0.02)
    assert result.interval.high == pytest.approx(0.39, abs=0.02)
    low, high = result.interval.low, result.interval.high
    assert result.verdict == f"teacher is better than student (by 0.300 [{low:.3f}, {high:.3f}])"
    assert result.n_to_decide is None


def test_the_loser_may_stand_first(rng: np.random.Generator) -> None:
    result = compare("student", [right_on(60, 100)], "teacher", [right_on(90, 100)], MACRO, rng)
    assert result.verdict.startswith("teacher is better than student (by 0.300 [0.2")
    assert result.difference < 0


def test_exchange_of_names_mirrors_everything() -> None:
    a, b = right_on(70, 100), right_on(62, 100)
    ab = compare("a", [a], "b", [b], MACRO, np.random.default_rng(1))
    ba = compare("b", [b], "a", [a], MACRO, np.random.default_rng(1))
    assert ab.difference == pytest.approx(-ba.difference)
    assert (ab.interval.low, ab.interval.high) == pytest.approx((-ba.interval.high, -ba.interval.low))
    assert ab.p == ba.p


def test_small_difference_is_not_decidable_and_says_how_many_would_be(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 2, 250)
    a, b = labeller(truth, 0.82, rng), labeller(truth, 0.80, rng)
    result = compare("A", [a], "B", [b], MACRO, rng)
    assert result.better is None
    assert result.verdict.startswith("not decidable with n = 250 (")
    # Expected: n * ((z.975 + z.8) * SE / difference)**2.
    expected = 250 * (2.8016 * result.standard_error / result.difference) ** 2
    assert result.n_to_decide == pytest.approx(expected, rel=0.01)
    assert "documents would probably decide" in result.verdict


def test_identical_labellers_are_never_told_apart(rng: np.random.Generator) -> None:
    same = right_on(50, 60)
    result = compare("A", [same], "B", [same], MACRO, rng)
    assert (result.difference, result.interval.low, result.interval.high) == (0, 0, 0)
    assert result.p == 1
    assert result.better is None
    assert result.n_to_decide is None
    assert "no realistic number of documents would decide" in result.verdict


def test_five_differing_documents_do_not_decide(rng: np.random.Generator) -> None:
    # All five speak for A and every bootstrap draw but a few is positive, yet 2 * 0.5**5 = 0.0625.
    five = compare("A", [right_on(50, 50)], "B", [right_on(45, 50)], MACRO, rng)
    assert five.interval.excludes(0)
    assert five.n_different == 5
    assert five.better is None
    assert five.n_to_decide is not None
    assert five.n_to_decide >= 60  # six differing documents need 50 * 6 / 5
    assert compare("A", [right_on(50, 50)], "B", [right_on(40, 50)], MACRO, rng).better == "A"


def test_documents_of_one_group_count_as_one_difference(rng: np.random.Generator) -> None:
    groups = ["one author" if row >= 40 else None for row in range(50)]
    result = compare("A", [right_on(50, 50)], "B", [right_on(40, 50)], MACRO, rng, groups=groups)
    assert result.n_different == 1
    assert result.better is None


def test_undefined_score_cannot_be_compared(rng: np.random.Generator) -> None:
    nothing = count(np.empty((0, 2)), np.empty((0, 2)))
    result = compare("A", [nothing], "B", [nothing], MACRO, rng)
    assert math.isnan(result.p)
    assert result.verdict == "A and B cannot be compared: F1 is undefined with n = 0"
    assert json.loads(json.dumps(result.to_json(), allow_nan=False))["difference"] is None


def test_equivalence_needs_a_margin_and_enough_documents(rng: np.random.Generator) -> None:
    many, few = right_on(900, 1000), right_on(18, 20)
    assert not compare("A", [many], "B", [many], MACRO, rng).is_equivalent
    same = compare("A", [many], "B", [many], MACRO, rng, margin=0.02)
    assert same.is_equivalent
    assert same.verdict == "A and B are equivalent within ±0.02 (0.000 [0.000, 0.000])"
    # 20 equal answers leave a share of 3/20 differing ones possible: no equivalence within 0.02.
    assert not compare("A", [few], "B", [few], MACRO, rng, margin=0.02).is_equivalent
    assert not compare("A", [many], "B", [right_on(870, 1000)], MACRO, rng, margin=0.02).is_equivalent


def test_spread_of_seeds_can_undo_a_verdict(rng: np.random.Generator) -> None:
    steady = [right_on(n, 200) for n in (120, 140, 160)]
    b = [right_on(120, 200)]
    averaged = compare("A", [Counts.mean(steady)], "B", b, MACRO, rng)
    scattered = compare("A", steady, "B", b, MACRO, rng)
    assert averaged.better == "A"
    assert scattered.better is None
    assert scattered.interval.half_width > 2 * averaged.interval.half_width
    assert scattered.difference == pytest.approx(averaged.difference)
    # Mean 0.70 against 0.60; standard deviation of the seeds 0.1, of their mean 0.058: documents alone cannot decide.
    assert scattered.n_to_decide is None


def test_same_skill_is_rarely_called_better(rng: np.random.Generator) -> None:
    truth = np.arange(120) % 2
    decided = 0
    for _ in range(200):
        a, b = labeller(truth, 0.8, rng), labeller(truth, 0.8, rng)
        decided += compare("A", [a], "B", [b], MACRO, rng, n_resamples=400).better is not None
    assert decided / 200 < 0.095  # nominal 0.05, standard error 0.015


def test_other_documents_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"B: expected counts of shape \(10, 2\) as A"):
        compare("A", [right_on(5, 10)], "B", [right_on(5, 11)], MACRO, rng)
    with pytest.raises(ValueError, match="margin: expected"):
        compare("A", [right_on(5, 10)], "B", [right_on(5, 10)], MACRO, rng, margin=0.0)


def test_table_makes_verdicts_stricter(rng: np.random.Generator) -> None:
    a, b = [right_on(100, 100)], [right_on(93, 100)]
    one = compare("A", a, "B", b, MACRO, rng)
    assert one.better == "A"
    # 7 of 100 documents differ, P(none is drawn) = 0.0007, so p is about 0.0018; 199 others stand beside it.
    nothing = compare("A", a, "C", a, MACRO, rng)
    first, *_ = adjust_for_table([one, *[nothing] * 199])
    assert first.p == one.p
    assert first.p_adjusted == pytest.approx(min(1.0, 200 * one.p))
    assert first.better is None
    assert first.n_to_decide is not None
    assert first.n_to_decide > 100


# b = 8, c = 1: P(X <= 1 | 9, 1/2) = (1 + 9) / 512; twice that.
def test_mcnemar_by_hand() -> None:
    right_a = [1] * 8 + [0] * 1 + [1] * 5 + [0] * 3
    right_b = [0] * 8 + [1] * 1 + [1] * 5 + [0] * 3
    result = mcnemar_exact(right_a, right_b)
    assert (result.only_a, result.only_b) == (8, 1)
    assert result.p == pytest.approx(20 / 512)
    assert mcnemar_exact(right_b, right_a).p == pytest.approx(20 / 512)


@pytest.mark.parametrize("answers", [[], [1, 0, 1]])
def test_mcnemar_without_a_difference(answers: list[int]) -> None:
    assert mcnemar_exact(answers, answers).p == 1


def test_mcnemar_balanced_is_one() -> None:
    assert mcnemar_exact([1, 0], [0, 1]).p == 1


def test_mcnemar_refuses_averages() -> None:
    with pytest.raises(ValueError, match="not an average"):
        mcnemar_exact([0.5], [1])
    with pytest.raises(ValueError, match="expected shape"):
        mcnemar_exact([1, 0], [1])


def test_holm_keeps_order_and_leaves_out_what_was_not_tested() -> None:
    # Three tests: 0.005 * 3, 0.03 * 2, max(0.06, 0.04 * 1).
    np.testing.assert_allclose(holm([0.04, math.nan, 0.005, 0.03]), [0.06, math.nan, 0.015, 0.06])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1, 1])
    assert holm([]).size == 0
