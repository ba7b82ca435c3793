from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from understudy.evaluation import (
    Counts,
    Headline,
    Interval,
    accuracy_interval,
    bootstrap,
    bootstrap_statistic,
    clopper_pearson,
    count,
    f1_interval,
    headline_interval,
    label_intervals,
    metrics,
    wilson,
    with_seed_spread,
)


def binary_counts(tp: int, fp: int, fn: int, tn: int) -> Counts:
    """Two labels; label 1 has the counts that are named."""
    truth = np.array([1] * tp + [0] * fp + [1] * fn + [0] * tn, dtype=int)
    answer = np.array([1] * tp + [1] * fp + [0] * fn + [0] * tn, dtype=int)
    return count(np.eye(2)[truth], np.eye(2)[answer])


def draw(n: int, pi: list[float], accuracy: float, rng: np.random.Generator) -> Counts:
    """One labeller that is right with probability `accuracy` and else draws from the class shares."""
    k = len(pi)
    truth, other = rng.choice(k, n, p=pi), rng.choice(k, n, p=pi)
    return count(np.eye(k)[truth], np.eye(k)[np.where(rng.random(n) < accuracy, truth, other)])


def ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


@pytest.mark.parametrize(("successes", "n"), [(0, 12), (3, 7), (8, 10), (12, 12), (81, 263)])
def test_shares_equal_scipy(successes: int, n: int) -> None:
    test = stats.binomtest(successes, n)
    for ours, method in ((wilson(successes, n), "wilson"), (clopper_pearson(successes, n), "exact")):
        theirs = test.proportion_ci(0.95, method=method)
        assert ends(ours) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_share_of_nothing_is_undefined() -> None:
    for interval in (wilson(0, 0), clopper_pearson(0, 0), f1_interval(0, 0, 0)):
        assert not interval.is_defined
        assert not interval.excludes(0.5)
        assert json.loads(json.dumps(interval.to_json(), allow_nan=False))["low"] is None


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (math.nan, 3)])
def test_impossible_shares_are_refused(successes: float, n: float) -> None:
    with pytest.raises(ValueError, match="0 <= successes <= n"):
        wilson(successes, n)


def test_impossible_level_is_refused() -> None:
    with pytest.raises(ValueError, match="level: expected"):
        wilson(1, 2, level=95)


def test_f1_is_wilson_on_jaccard() -> None:
    # J = 30/50: Wilson [0.46180, 0.72393]; F = 2J/(1+J): 2*0.46180/1.46180 = 0.63183, 2*0.72393/1.72393 = 0.83986.
    assert ends(f1_interval(30, 12, 8)) == pytest.approx((0.63183, 0.83986), abs=1e-4)


def test_perfect_and_hopeless_f1_still_have_width() -> None:
    assert f1_interval(5, 0, 0).low < 0.8
    assert f1_interval(5, 0, 0).high == 1
    assert f1_interval(0, 3, 2).low == 0
    assert f1_interval(0, 3, 2).high > 0.4


def test_averaged_counts_are_accepted() -> None:
    thirds = f1_interval(30 + 1 / 3, 12, 8 - 1 / 3)
    assert f1_interval(30, 12, 8).low < thirds.low < f1_interval(31, 12, 7).low


def test_bootstrap_of_accuracy_has_the_binomial_width(rng: np.random.Generator) -> None:
    # 60 of 100 right: standard error sqrt(.6 * .4 / 100) = 0.049, so 0.6 -+ 0.096.
    interval = bootstrap_statistic(binary_counts(30, 20, 20, 30), metrics.accuracy, rng, n_resamples=4000)
    assert ends(interval) == pytest.approx((0.504, 0.696), abs=0.011)


def test_bootstrap_of_f1_has_the_delta_method_width(rng: np.random.Generator) -> None:
    # tp 320, fp 80, fn 80: F = 0.8; SE = sqrt((2 - F) F (1 - F) / (2 n pi)) with n pi = 400: 0.01549; 1.96 SE = 0.0304.
    interval = bootstrap(binary_counts(320, 80, 80, 520), Headline("positive", 1), rng)
    assert ends(interval) == pytest.approx((0.7696, 0.8304), abs=0.004)


def test_no_document_gives_an_undefined_interval(rng: np.random.Generator) -> None:
    nothing = binary_counts(0, 0, 0, 0)
    for kind in (Headline("macro"), Headline("micro"), Headline("positive", 1)):
        assert not bootstrap(nothing, kind, rng).is_defined
        assert not headline_interval([nothing], kind, rng).is_defined
    assert not accuracy_interval([nothing]).is_defined


def test_resamples_without_a_case_are_left_out(rng: np.random.Generator) -> None:
    # One positive in 20 documents, found: F1 is 1 where it is drawn and undefined where it is not.
    assert ends(bootstrap(binary_counts(1, 0, 0, 19), Headline("positive", 1), rng)) == (1, 1)


def test_positive_headline_uses_wilson(rng: np.random.Generator) -> None:
    interval = headline_interval([binary_counts(30, 12, 8, 100)], Headline("positive", 1), rng)
    assert interval == f1_interval(30, 12, 8)


def test_perfect_macro_is_not_certain(rng: np.random.Generator) -> None:
    few = binary_counts(3, 0, 0, 3)
    assert ends(bootstrap(few, Headline("macro"), rng)) == (1, 1)
    interval = headline_interval([few], Headline("macro"), rng)
    assert interval.high == 1
    # Each label: J = 3/3, Wilson low 3 / (3 + 1.96**2) = 0.4385, F1 0.6097. Combined: 1 - hypot(.3903, .3903) / 2.
    assert interval.low == pytest.approx(1 - 0.3903 * math.sqrt(2) / 2, abs=1e-3)


def test_macro_interval_covers_near_the_edge(rng: np.random.Generator) -> None:
    # 95 % right, 30 documents: the percentile bootstrap alone covers about 0.53 (3000 documents give the truth).
    pi = [2 / 3, 1 / 3]
    truth = metrics.headline_score(draw(300_000, pi, 0.95, rng), Headline("macro")).f1
    runs = [headline_interval([draw(30, pi, 0.95, rng)], Headline("macro"), rng, n_resamples=100) for _ in range(200)]
    assert np.mean([not one.excludes(truth) for one in runs]) > 0.93


def test_f1_interval_covers_as_it_says(rng: np.random.Generator) -> None:
    # TP | m ~ Binomial(m, J) by multinomial sampling: n = 100, prevalence 0.2, P = R = 0.6, so J = 3/7 and F = 0.6.
    shares = [0.12, 0.08, 0.08, 0.72]
    table = rng.multinomial(100, shares, size=1500)
    covered = [not f1_interval(*row[:3]).excludes(0.6) for row in table]
    # Nominal 0.95; published simulations 0.943 to 0.962; standard error here 0.006.
    assert 0.93 < np.mean(covered) < 0.975


def test_same_seed_same_interval() -> None:
    counts = binary_counts(30, 12, 8, 100)
    first, second = (bootstrap(counts, Headline("macro"), np.random.default_rng(4)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("headline", [Headline("positive", 1), Headline("macro"), Headline("micro")])
def test_copies_in_a_group_add_no_information(headline: Headline, rng: np.random.Generator) -> None:
    single = binary_counts(60, 20, 25, 95)
    copies = single.take(np.repeat(np.arange(200), 5))
    groups = [f"author-{row}" for row in np.repeat(np.arange(200), 5)]
    alone = headline_interval([single], headline, rng)
    naive = headline_interval([copies], headline, rng)
    grouped = headline_interval([copies], headline, rng, groups)
    assert grouped.half_width == pytest.approx(alone.half_width, rel=0.08)
    assert naive.half_width < 0.55 * alone.half_width  # about 1 / sqrt(5)


def test_accuracy_of_copies_in_groups() -> None:
    single = binary_counts(60, 20, 25, 95)
    copies = single.take(np.repeat(np.arange(200), 4))
    groups = [str(row) for row in np.repeat(np.arange(200), 4)]
    assert ends(accuracy_interval([single])) == pytest.approx(ends(wilson(155, 200)))
    assert accuracy_interval([copies], groups).half_width == pytest.approx(wilson(155, 200).half_width, rel=0.02)


def test_one_perfect_group_counts_as_one_document() -> None:
    perfect = binary_counts(10, 0, 0, 0)
    assert ends(accuracy_interval([perfect], ["one"] * 10)) == pytest.approx(ends(wilson(1, 1)))


def test_each_label_has_its_own_interval() -> None:
    negative, positive = label_intervals([binary_counts(30, 12, 8, 100)])
    assert ends(negative) == pytest.approx(ends(f1_interval(100, 8, 12)))
    assert ends(positive) == pytest.approx(ends(f1_interval(30, 12, 8)))


def test_one_seed_changes_nothing() -> None:
    interval = wilson(8, 10)
    assert with_seed_spread(interval, [0.8]) is interval
    assert with_seed_spread(interval, [0.8, 0.8, 0.8]) is interval
    assert with_seed_spread(interval, [0.8, math.nan]) is interval


def test_seed_spread_is_added_in_quadrature() -> None:
    # Side 0.0392 = 1.96 * 0.02; estimates 0.47 0.50 0.53: s = 0.03, variance of the mean 0.0003; total 0.0007.
    # df = 2 * (0.0007 / 0.0003)**2 = 10.889, t = 2.2039; 2.2039 * sqrt(0.0007) = 0.05831.
    widened = with_seed_spread(Interval(0.4608, 0.5392, "x"), [0.47, 0.50, 0.53])
    assert ends(widened) == pytest.approx((0.5 - 0.05831, 0.5 + 0.05831), abs=2e-5)
    assert "seed" in widened.method


def test_seed_spread_stays_in_bounds_and_never_narrows() -> None:
    near = Interval(0.9, 0.99, "x")
    widened = with_seed_spread(near, [0.85, 0.95, 1.0])
    assert widened.high == 1
    assert widened.low < near.low
    undefined = Interval(math.nan, math.nan, "x")
    assert with_seed_spread(undefined, [0.1, 0.9]) is undefined


def test_seed_spread_covers_the_mean(rng: np.random.Generator) -> None:
    # Sampling error of standard deviation 0.02, three seeds with 0.04: without the spread, coverage would be
    # P(|N(0, 0.02**2 + 0.04**2 / 3)| < 0.0392) = 0.80.
    covered = 0
    for _ in range(1500):
        estimates = 0.5 + rng.normal(0, 0.02) + rng.normal(0, 0.04, 3)
        centre = float(np.mean(estimates))
        sampling = Interval(centre - 0.0392, centre + 0.0392, "x")
        covered += not with_seed_spread(sampling, estimates.tolist()).excludes(0.5)
    assert 0.925 < covered / 1500 < 0.975


def test_seeds_that_differ_widen_the_headline_interval(rng: np.random.Generator) -> None:
    good, middle, bad = binary_counts(40, 5, 5, 50), binary_counts(35, 10, 10, 45), binary_counts(20, 25, 25, 30)
    together = headline_interval([good, middle, bad], Headline("positive", 1), rng)
    alone = headline_interval([Counts.mean([good, middle, bad])], Headline("positive", 1), rng)
    assert together.low < alone.low
    assert together.high > alone.high


def test_two_groups_by_hand() -> None:
    # Two right of one group, two wrong of another: ratio 1/2, sums of residuals +1 and -1.
    # Between groups 2 * 2 / (2 - 1) = 4, binomial 4 / 4 = 1: four documents weigh as much as one.
    split = binary_counts(2, 1, 1, 0)
    assert ends(accuracy_interval([split], ["x", "x", "y", "y"])) == pytest.approx(ends(wilson(0.5, 1)))
