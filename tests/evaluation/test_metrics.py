from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from understudy.evaluation import Headline, cohen_kappa, confusion, count, score

NONE = "__none__"


def one_hot(labels: list[int], n_labels: int) -> np.ndarray:
    """Rows of indicators; -1 is no answer."""
    return np.array(labels)[:, None] == np.arange(n_labels)


def test_d17_label_without_a_case_is_undefined_not_zero() -> None:
    # c never occurs and is never predicted; b occurs and is never predicted.
    scores = score(count(one_hot([0, 0, 1], 3), one_hot([0, 0, 0], 3)), "abc", Headline("macro"))
    a, b, c = scores.labels
    assert (a.precision, a.recall, a.f1, a.support, a.predicted) == pytest.approx((2 / 3, 1, 0.8, 2, 3))
    assert math.isnan(b.precision)
    assert (b.recall, b.f1, b.support, b.predicted) == (0, 0, 1, 0)
    assert math.isnan(c.f1)
    assert math.isnan(c.precision)
    assert math.isnan(c.recall)
    assert c.support == 0
    assert scores.macro.f1 == pytest.approx(0.4)  # (0.8 + 0) / 2: c is no part of the mean
    assert scores.macro.n_labels == 2


def test_no_document_is_undefined_everywhere() -> None:
    scores = score(count(np.empty((0, 2)), np.empty((0, 2))), "ab", Headline("positive", 0))
    assert scores.n == 0
    assert math.isnan(scores.accuracy)
    assert math.isnan(scores.headline.f1)
    assert math.isnan(scores.macro.f1)
    assert scores.macro.n_labels == 0


def test_l14_json_is_strict_and_says_none_for_undefined() -> None:
    scores = score(count(one_hot([0], 2), one_hot([0], 2)), "ab", Headline("positive", 1))
    text = json.dumps(scores.to_json(), allow_nan=False)
    read = json.loads(text)
    assert read["headline"]["f1"] is None
    assert read["labels"][1]["precision"] is None
    assert read["labels"][0]["f1"] == 1.0


def test_no_answer_lowers_recall_but_not_precision() -> None:
    # truth a a b b; answers a - b -: precision 1, recall 1/2, F1 2/3 for both.
    scores = score(count(one_hot([0, 0, 1, 1], 2), one_hot([0, -1, 1, -1], 2)), "ab", Headline("micro"))
    assert (scores.headline.precision, scores.headline.recall) == (1.0, 0.5)
    assert scores.headline.f1 == pytest.approx(2 / 3)
    assert scores.accuracy == 0.5


def test_positive_headline_is_that_label() -> None:
    counts = count(one_hot([0, 0, 1, 1], 2), one_hot([0, 1, 1, 1], 2))
    scores = score(counts, "ab", Headline("positive", 1))
    assert scores.headline.f1 == scores.labels[1].f1 == pytest.approx(0.8)  # 2 * 2 / (4 + 1 + 0)
    assert scores.headline.n_labels == 1


def test_micro_without_the_null_label() -> None:
    # null = 0. Pairs (truth, answer): (0,0) (0,1) (1,1) (2,0): tp 1, fp 1, fn 1 over labels 1 and 2.
    counts = count(one_hot([0, 0, 1, 2], 3), one_hot([0, 1, 1, 0], 3))
    scores = score(counts, ["null", "x", "y"], Headline("micro", excluded=(0,)))
    assert scores.headline.precision == scores.headline.recall == scores.headline.f1 == 0.5
    assert scores.micro.f1 == 0.5  # all labels: tp 2, fp 2, fn 2


def test_equal_to_scikit_learn_where_labels_are_missing(rng: np.random.Generator) -> None:
    for _ in range(20):
        truth, answer = rng.integers(0, 5, 12), rng.integers(1, 7, 12)  # 0 is never predicted, 5 and 6 never true
        ours = score(count(one_hot(truth, 8), one_hot(answer, 8)), "abcdefgh", Headline("macro"))
        theirs = precision_recall_fscore_support(truth, answer, labels=range(8), zero_division=np.nan)
        for name, values in zip(("precision", "recall", "f1"), theirs, strict=False):
            np.testing.assert_allclose([getattr(label, name) for label in ours.labels], values)
            assert getattr(ours.macro, name) == pytest.approx(np.nanmean(values))
        present = sorted({*truth, *answer})
        on_present = precision_recall_fscore_support(truth, answer, labels=present, average="macro", zero_division=0)
        assert ours.macro.f1 == pytest.approx(on_present[2])
        assert ours.macro.n_labels == len(present)


def test_confusion_keeps_no_answer_apart() -> None:
    table = confusion(one_hot([0, 0, 1, 1], 2), one_hot([0, 1, 1, -1], 2))
    assert table.tolist() == [[1, 1, 0], [0, 1, 1]]


def test_confusion_refuses_several_labels() -> None:
    with pytest.raises(ValueError, match="several labels hold"):
        confusion([[1, 1]], [[1, 0]])
    with pytest.raises(ValueError, match="several labels hold"):
        confusion([[1, 0]], [[1, 1]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "positive"},
        {"kind": "macro", "positive": 1},
        {"kind": "positive", "positive": 0, "excluded": (1,)},
    ],
)
def test_contradicting_headline_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="headline: expected"):
        Headline(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("headline", [Headline("positive", 2), Headline("micro", excluded=(-1,))])
def test_headline_column_must_exist(headline: Headline) -> None:
    with pytest.raises(ValueError, match=r"columns in 0\.\.1"):
        score(count([[1, 0]], [[1, 0]]), "ab", headline)


def test_headline_needs_a_label() -> None:
    with pytest.raises(ValueError, match="all 2 labels are excluded"):
        score(count([[1, 0]], [[1, 0]]), "ab", Headline("micro", excluded=(0, 1)))


def test_labels_must_fit() -> None:
    with pytest.raises(ValueError, match="expected 2 names"):
        score(count([[1, 0]], [[1, 0]]), "abc", Headline("macro"))


def test_equal_to_the_reference_on_real_llm_labels(shared_data: Path) -> None:
    reference = shared_data / "metric_vectors" / "classification_reference.json"
    cases = json.loads(reference.read_text(encoding="utf-8"))["cases"]
    assert len(cases) == 16
    for case in cases:
        everything, rows = case["confusion"]["labels"], np.array(case["confusion"]["rows_gold"])
        labels = [label for label in everything if label != NONE]
        truth = np.repeat(np.arange(len(everything)), rows.sum(axis=1))
        answer = np.concatenate([np.repeat(np.arange(len(everything)), row) for row in rows])
        columns = [everything.index(label) for label in labels]
        counts = count(truth[:, None] == columns, answer[:, None] == columns)
        ours = score(counts, labels, Headline("macro"))
        assert ours.n == case["n"]
        assert ours.accuracy == pytest.approx(case["accuracy"], abs=1e-12)
        for mine, theirs in ((ours.macro, case["macro"]), (ours.micro, case["micro"])):
            assert (mine.precision, mine.recall, mine.f1) == pytest.approx((theirs["p"], theirs["r"], theirs["f1"]))
        for label in ours.labels:
            theirs = case["per_class"][label.label]
            assert (label.precision, label.recall, label.f1, label.support) == pytest.approx(
                (theirs["p"], theirs["r"], theirs["f1"], theirs["n"])
            )
        assert cohen_kappa(np.column_stack([truth, answer])) == pytest.approx(case["cohen_kappa"])
