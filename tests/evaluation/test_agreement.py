from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from understudy.evaluation import (
    cohen_kappa,
    encode_ratings,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    measure_agreement,
)

_ = math.nan
# Krippendorff (2011), section E: four observers, twelve units.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
).T
# The usual worked example of Fleiss' kappa: ten items, fourteen raters, five categories; kappa 0.210.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
# 118 times both yes, 5 and 2 times apart, never both no: Gwet (2008).
SKEWED = np.repeat([[1, 1], [1, 0], [0, 1]], [118, 5, 2], axis=0)


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(scale: str, alpha: float) -> None:
    assert krippendorff_alpha(KRIPPENDORFF, scale) == pytest.approx(alpha, abs=5e-4)  # type: ignore[arg-type]


def test_alpha_by_hand() -> None:
    # Items (a, a), (a, b): o_ab = o_ba = 1, n_a = 3, n_b = 1, n = 4. 1 - 3 * 2 / (2 * 3 * 1) = 0.
    assert krippendorff_alpha([[0, 0], [0, 1]]) == pytest.approx(0)


def test_fleiss_of_the_worked_example() -> None:
    ratings = np.array([np.repeat(np.arange(5), row) for row in FLEISS], dtype=float)
    assert fleiss_kappa(ratings) == pytest.approx(0.210, abs=5e-4)


def test_skew_fools_kappa_but_not_ac1() -> None:
    # po = 118/125 = .944. Kappa: pe = .984 * .96 + .016 * .04 = .94528. AC1: q = .972, pe = 2 * .972 * .028 = .054432.
    assert cohen_kappa(SKEWED) == pytest.approx((0.944 - 0.94528) / (1 - 0.94528), abs=1e-9)
    assert gwet_ac1(SKEWED) == pytest.approx((0.944 - 0.054432) / (1 - 0.054432), abs=1e-9)


def test_cohen_equals_scikit_learn(rng: np.random.Generator) -> None:
    a = rng.integers(0, 4, 60)
    b = np.where(rng.random(60) < 0.5, a, rng.integers(0, 4, 60))
    assert cohen_kappa(np.column_stack([a, b])) == pytest.approx(cohen_kappa_score(a, b))


def test_ac1_with_missing_cells_by_hand() -> None:
    # Items (a, a, a), (a, b, -), (b, -, -): pairs agree 1 and 0, po = 1/2.
    # Share of a: (1 + 1/2) / 2 = 3/4; pe = 2 * 3/4 * 1/4.
    value = gwet_ac1([[0, 0, 0], [0, 1, _], [1, _, _]])
    assert value == pytest.approx((0.5 - 0.375) / (1 - 0.375))


@pytest.mark.parametrize("function", [fleiss_kappa, krippendorff_alpha, gwet_ac1])
def test_order_of_annotators_does_not_matter(function: object, rng: np.random.Generator) -> None:
    ratings = rng.integers(0, 3, (40, 4)).astype(float)
    assert function(ratings) == pytest.approx(function(ratings[:, ::-1]))  # type: ignore[operator]


def test_cohen_does_not_change_when_annotators_swap(rng: np.random.Generator) -> None:
    ratings = rng.integers(0, 3, (40, 2))
    assert cohen_kappa(ratings) == pytest.approx(cohen_kappa(ratings[:, ::-1]))


def test_names_of_categories_do_not_matter_for_nominal_alpha() -> None:
    renamed = np.vectorize({1: 40, 2: 3, 3: 11, 4: -2, 5: 0}.get, otypes=[float])(np.nan_to_num(KRIPPENDORFF, nan=1))
    renamed[np.isnan(KRIPPENDORFF)] = math.nan
    assert krippendorff_alpha(renamed) == pytest.approx(krippendorff_alpha(KRIPPENDORFF))


def test_one_category_only_leaves_chance_undefined() -> None:
    same = np.zeros((10, 3))
    for undefined in (cohen_kappa(same[:, :2]), fleiss_kappa(same), krippendorff_alpha(same), gwet_ac1(same)):
        assert math.isnan(undefined)
    assert gwet_ac1(same, n_labels=2) == 1  # a second category was there to be chosen


@pytest.mark.parametrize("ratings", [np.empty((0, 3)), [[0, _], [_, 1]], np.empty((0, 2))])
def test_no_item_rated_twice_is_undefined(ratings: np.ndarray, rng: np.random.Generator) -> None:
    for statistic in ("fleiss", "krippendorff", "gwet"):
        result = measure_agreement(ratings, statistic, rng)  # type: ignore[arg-type]
        assert math.isnan(result.value)
        assert result.n_items == 0
        assert json.loads(json.dumps(result.to_json(), allow_nan=False))["value"] is None


def test_l12_one_refused_answer_uses_the_available_pairs(rng: np.random.Generator) -> None:
    # Three annotators, C refused the second and B and C the third item.
    ratings = encode_ratings([["x", "x", "y"], ["y", "y", None], ["x", None, None]], ["x", "y"])
    alpha = measure_agreement(ratings, "krippendorff", rng)
    assert (alpha.n_items, alpha.n_left_out) == (2, 1)
    # (x, x, y): pairs over m - 1 = 2: o_xx = 1, o_xy = o_yx = 1, (y, y): o_yy = 2. n_x = 2, n_y = 3, n = 5.
    # 1 - 4 * 2 / (2 * 2 * 3) = 1/3.
    assert alpha.value == pytest.approx(1 / 3)
    fleiss = measure_agreement(ratings, "fleiss", rng)
    assert (fleiss.n_items, fleiss.n_left_out) == (1, 2)


def test_interval_holds_the_value_and_shrinks(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 3, 400)
    ratings = np.where(rng.random((400, 3)) < 0.7, truth[:, None], rng.integers(0, 3, (400, 3)))
    for statistic in ("fleiss", "krippendorff", "gwet"):
        few = measure_agreement(ratings[:100], statistic, rng, n_resamples=400)  # type: ignore[arg-type]
        many = measure_agreement(ratings, statistic, rng, n_resamples=400)  # type: ignore[arg-type]
        assert many.interval.low < many.value < many.interval.high
        assert many.interval.half_width == pytest.approx(few.interval.half_width / 2, rel=0.25)


def test_bootstrap_width_of_cohen(rng: np.random.Generator) -> None:
    # Balanced, po = 0.9: kappa 0.8; its standard error is sqrt(po (1 - po) / n) / (1 - 1/2) = 0.0424 for n = 200.
    ratings = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], [90, 10, 10, 90], axis=0)
    result = measure_agreement(ratings, "cohen", rng)
    assert result.value == pytest.approx(0.8)
    assert result.interval.half_width == pytest.approx(1.96 * 0.0424, rel=0.1)


def test_wrong_input_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"expected shape \(n_items, n_raters\)"):
        krippendorff_alpha([1, 2, 3])
    with pytest.raises(ValueError, match="compares two raters, found 3"):
        cohen_kappa([[0, 0, 1]])
    with pytest.raises(ValueError, match="infinite"):
        krippendorff_alpha([[0, math.inf]])
    with pytest.raises(ValueError, match="3 categories are in use"):
        gwet_ac1([[0, 1], [2, 2]], n_labels=2)
    with pytest.raises(ValueError, match=r"\['z'\] are not among the labels"):
        encode_ratings([["x", "z"]], ["x", "y"])


def test_encoding_fills_up_short_rows() -> None:
    np.testing.assert_array_equal(encode_ratings([["b"], ["a", None, "b"]], "ab"), [[1, _, _], [0, _, 1]])
    assert encode_ratings([], "ab").shape == (0, 0)


def _repeats(path: Path, model: str) -> list[list[str | None]]:
    with path.open(encoding="utf-8") as lines:
        answers = [json.loads(line)["llm"].get(model) for line in lines]
    return [answer for answer in answers if isinstance(answer, list)]


def test_equal_to_the_reference_on_real_llm_answers(shared_data: Path) -> None:
    reference = shared_data / "metric_vectors" / "agreement_reference.json"
    compared = 0
    for case in json.loads(reference.read_text(encoding="utf-8"))["cases"]:
        path = shared_data / case["set"] / "data.jsonl"
        if not path.exists():
            continue
        answers = _repeats(path, case["model"])
        labels = sorted({answer for row in answers for answer in row if answer is not None})
        ratings = encode_ratings(answers, labels)
        assert len(ratings) == case["n"]
        assert krippendorff_alpha(ratings) == pytest.approx(case["krippendorff_alpha_nominal"], abs=1e-9)
        assert fleiss_kappa(ratings) == pytest.approx(case["fleiss_kappa"], abs=1e-9)
        compared += 1
    assert compared >= 1
