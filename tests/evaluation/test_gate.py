from __future__ import annotations

import json
import math

import numpy as np
import pytest

from understudy.evaluation import Counts, Gate, Headline, best_constant, count, decide

POSITIVE = Headline("positive", 1)


def binary_counts(tp: int, fp: int, fn: int, tn: int) -> Counts:
    truth = np.array([1] * tp + [0] * fp + [1] * fn + [0] * tn, dtype=int)
    answer = np.array([1] * tp + [1] * fp + [0] * fn + [0] * tn, dtype=int)
    return count(np.eye(2)[truth], np.eye(2)[answer])


def test_no_judged_document_is_not_yet(rng: np.random.Generator) -> None:
    verdict = decide(binary_counts(0, 0, 0, 0), POSITIVE, ["no", "yes"], 0.6, rng)
    assert verdict.verdict is Gate.NOT_YET
    assert verdict.reason.startswith("No gold document was judged")
    assert verdict.additional_gold is None
    assert math.isnan(verdict.trivial)
    read = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert (read["verdict"], read["estimate"], read["trivial"]) == ("not yet", None, None)


def test_no_positive_in_gold_is_not_yet_although_f1_is_zero(rng: np.random.Generator) -> None:
    verdict = decide(binary_counts(0, 40, 0, 60), POSITIVE, ["no", "yes"], 0.6, rng)
    assert verdict.estimate == 0
    assert verdict.verdict is Gate.NOT_YET
    assert verdict.reason == "None of the 100 gold documents is `yes`; add gold documents that are."


def test_go_when_the_whole_interval_reaches_the_bar(rng: np.random.Generator) -> None:
    verdict = decide(binary_counts(90, 5, 5, 150), POSITIVE, ["no", "yes"], 0.8, rng)
    assert verdict.verdict is Gate.GO
    assert verdict.interval.low >= verdict.bar == 0.8
    assert verdict.additional_gold is None
    assert "reaches the bar of 0.800" in verdict.reason


def test_no_when_the_whole_interval_is_below(rng: np.random.Generator) -> None:
    verdict = decide(binary_counts(20, 40, 40, 100), POSITIVE, ["no", "yes"], 0.6, rng)
    assert verdict.verdict is Gate.NO
    assert verdict.interval.high < 0.6
    assert verdict.additional_gold is None


def test_four_right_answers_are_not_enough(rng: np.random.Generator) -> None:
    for headline in (POSITIVE, Headline("macro"), Headline("micro")):
        verdict = decide(binary_counts(2, 0, 0, 2), headline, ["no", "yes"], 0.8, rng)
        assert verdict.estimate == 1
        assert verdict.verdict is Gate.NOT_YET
        assert verdict.additional_gold is not None


def test_not_yet_says_how_much_gold(rng: np.random.Generator) -> None:
    verdict = decide(binary_counts(40, 12, 10, 138), POSITIVE, ["no", "yes"], 0.7, rng)
    assert verdict.verdict is Gate.NOT_YET
    # F = 80/102 = 0.7843. Wilson on 40/62: low (0.67616 - 1.96 * 0.062786) / 1.06196 = 0.5208, as F1 0.6849.
    # Side 0.0994 = 1.96 * 0.0507; n = 200 * (2.8016 * 0.0507 / 0.0843)**2 = 568, so 368 more.
    assert verdict.additional_gold == pytest.approx(368, abs=3)
    assert f"about {verdict.additional_gold} more" in verdict.reason


def test_at_the_bar_no_amount_decides(rng: np.random.Generator) -> None:
    verdict = decide(binary_counts(30, 10, 10, 150), POSITIVE, ["no", "yes"], 0.75, rng)
    assert verdict.estimate == 0.75
    assert verdict.verdict is Gate.NOT_YET
    assert verdict.additional_gold is None
    assert "too close to the bar" in verdict.reason


def test_bar_is_raised_to_the_constant_answer(rng: np.random.Generator) -> None:
    # Prevalence 0.6: always "yes" has F1 2 * 0.6 / 1.6 = 0.75.
    verdict = decide(binary_counts(110, 40, 10, 40), POSITIVE, ["no", "yes"], 0.3, rng)
    assert verdict.trivial == verdict.bar == pytest.approx(0.75)
    assert verdict.trivial_answer == "yes"
    assert verdict.min_f1 == 0.3


def test_best_constant_by_macro() -> None:
    # 3 of 4 are a: precision 3/4, recall 1, F1 6/7; b has F1 0 and c is absent: macro 3/7.
    truth = np.eye(3)[[0, 0, 0, 1]]
    constant = best_constant(count(truth, truth), Headline("macro"), "abc")
    assert (constant.answer, constant.f1) == ("a", pytest.approx(3 / 7))


def test_best_constant_of_several_labels_may_be_all_of_them() -> None:
    # Both labels on half of the documents: all labels give 2 * 0.5 / 1.5 = 2/3 each; one label alone 1/3 in the mean.
    truth = [[1, 0], [0, 1]]
    counts = count(truth, truth)
    constant = best_constant(counts, Headline("macro"), "ab", is_exclusive=False)
    assert (constant.answer, constant.f1) == ("all labels", pytest.approx(2 / 3))
    assert best_constant(counts, Headline("macro"), "ab").f1 == pytest.approx(1 / 3)


def test_null_label_is_no_constant_answer() -> None:
    truth = np.eye(3)[[0, 0, 0, 1, 2]]
    constant = best_constant(count(truth, truth), Headline("micro", excluded=(0,)), ["null", "x", "y"])
    # Always x: tp 1, fp 4, fn 1 (y): F1 2 / (2 + 4 + 1).
    assert (constant.answer, constant.f1) == ("x", pytest.approx(2 / 7))


def test_d17_labels_without_gold_are_named(rng: np.random.Generator) -> None:
    truth = np.eye(3)[np.arange(200) % 2]
    verdict = decide(count(truth, truth), Headline("macro"), "abc", 0.6, rng)
    assert verdict.verdict is Gate.GO
    assert verdict.reason.endswith(" Nothing is known about `c`: no gold document has it.")
    assert math.isnan(verdict.labels[2].f1)
    assert not verdict.labels[2].interval.is_defined
    assert [label.support for label in verdict.labels] == [100, 100, 0]


def test_unanswered_documents_lower_the_teacher(rng: np.random.Generator) -> None:
    truth = np.eye(2)[np.arange(100) % 2]
    answered = np.arange(100) < 50
    verdict = decide(count(truth, truth, answered), POSITIVE, ["no", "yes"], 0.6, rng)
    assert verdict.n == 100
    assert verdict.estimate == pytest.approx(2 / 3)  # recall 1/2, precision 1


def test_teacher_at_the_bar_is_rarely_waved_through(rng: np.random.Generator) -> None:
    # F1 is 0.6 in truth (P = R = 0.6, prevalence 0.3), the bar is 0.6; one side of a 95 % interval is 2.5 %.
    table = rng.multinomial(200, [0.18, 0.12, 0.12, 0.58], size=300)
    verdicts = [decide(binary_counts(*row), POSITIVE, ["no", "yes"], 0.6, rng).verdict for row in table]
    assert verdicts.count(Gate.GO) / 300 < 0.055
    assert verdicts.count(Gate.NO) / 300 < 0.055
    assert verdicts.count(Gate.NOT_YET) > 260


def test_impossible_bar_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="bar: expected"):
        decide(binary_counts(1, 0, 0, 1), POSITIVE, ["no", "yes"], 60, rng)
