from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from understudy.evaluation import encode_ratings
from understudy.evaluation.inference import replacement_test

NAN = math.nan


def noisy(rng: np.random.Generator, truth: np.ndarray, noise: float) -> np.ndarray:
    """Labels among four, wrong with that probability."""
    return np.where(rng.random(len(truth)) < noise, rng.integers(4, size=len(truth)), truth).astype(float)


def test_hand_worked() -> None:
    # 4 items, 3 humans; the machine says 0, 0, 1, nan.
    humans = [[0, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, NAN]]
    found = replacement_test([0, 0, 1, NAN], humans, np.random.default_rng(0), n_resamples=50)
    # Human 0: others (0,0) (1,1) (1,0) (0): machine agrees with 2, 0, 1, 0 of them, the human with 2, 0, 1, 1:
    # the machine wins or ties on three of four items.
    assert found.contests[0].advantage == 0.75
    assert found.contests[0].n_items == 4
    # Human 1: others (0,0) (0,1) (1,0) (0): machine 2, 1, 1, 0, human 2, 1, 1, 1. Human 2 did not rate item 4:
    # others (0,0) (0,1) (1,1): machine 2, 1, 2; human 2, 1, 0.
    assert [contest.advantage for contest in found.contests[1:]] == [0.75, 1.0]
    assert found.contests[2].n_items == 3
    assert found.n_abstained == 1


def test_p_values_are_those_of_a_one_sided_t_test() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(4, size=120)
    humans = np.column_stack([noisy(rng, truth, 0.3) for _ in range(3)])
    machine = noisy(rng, truth, 0.3)
    found = replacement_test(machine, humans, rng, epsilon=0.1, n_resamples=50)
    others = humans[:, 1:]
    ours, theirs = (others == machine[:, None]).mean(axis=1), (others == humans[:, [0]]).mean(axis=1)
    d = (theirs >= ours).astype(float) - (ours >= theirs)
    expected = stats.ttest_1samp(d, 0.1, alternative="less").pvalue
    assert found.contests[0].p_value == pytest.approx(expected)


def test_an_equal_machine_passes_at_a_smaller_epsilon_than_a_worse_one() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(4, size=400)
    humans = np.column_stack([noisy(rng, truth, 0.3) for _ in range(3)])
    equal = replacement_test(noisy(rng, truth, 0.3), humans, rng, epsilon=0.2)
    worse = replacement_test(noisy(rng, truth, 0.6), humans, rng, epsilon=0.2)
    assert equal.passes
    assert equal.smallest_epsilon < 0.15 < worse.smallest_epsilon
    assert equal.interval.low > worse.interval.high


def test_it_passes_exactly_from_the_smallest_epsilon_on() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(4, size=200)
    humans = np.column_stack([noisy(rng, truth, 0.3) for _ in range(4)])
    machine = noisy(rng, truth, 0.4)
    smallest = replacement_test(machine, humans, rng, n_resamples=10).smallest_epsilon
    assert replacement_test(machine, humans, rng, epsilon=smallest, n_resamples=10).passes
    assert not replacement_test(machine, humans, rng, epsilon=smallest - 2e-4, n_resamples=10).passes


def test_differences_without_spread_are_decided_by_their_mean() -> None:
    humans = np.tile([0.0, 0.0], (40, 1))
    assert replacement_test(np.zeros(40), humans, np.random.default_rng(0), epsilon=0.1).winning_rate == 1.0
    assert replacement_test(np.ones(40), humans, np.random.default_rng(0), epsilon=0.1).winning_rate == 0.0


def test_who_shares_no_item_is_left_out_by_name() -> None:
    humans = np.array([[0, 0, NAN]] * 40 + [[NAN, NAN, 1]] * 5)
    found = replacement_test(np.zeros(45), humans, np.random.default_rng(0), names=["ann", "bob", "cleo"])
    assert found.left_out == ("cleo",)
    assert found.winning_rate == 1.0


def test_without_any_shared_item_nothing_is_claimed() -> None:
    humans = np.array([[0, NAN], [NAN, 1]])
    found = replacement_test([0, 1], humans, np.random.default_rng(0))
    assert math.isnan(found.winning_rate)
    assert not found.passes
    assert found.to_json()["advantage"] is None


def test_few_items_use_the_signed_rank_test() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(4, size=20)
    humans = np.column_stack([noisy(rng, truth, 0.3) for _ in range(3)])
    found = replacement_test(noisy(rng, truth, 0.5), humans, rng, n_resamples=10)
    assert all(0 <= contest.p_value <= 1 for contest in found.contests)


@pytest.mark.parametrize(("humans", "epsilon"), [([[0], [1]], 0.1), ([[0, 1], [1, 1]], -0.1), ([[0, 1]], 0.1)])
def test_misuse_is_refused(humans: list[list[int]], epsilon: float) -> None:
    with pytest.raises(ValueError):
        replacement_test([0, 1], humans, np.random.default_rng(0), epsilon=epsilon)


@pytest.mark.parametrize(("model", "advantage"), [("gpt-4o", 0.93), ("gemini_flash", 0.91), ("llama-31", 0.89)])
def test_published_advantages_of_cebab(shared_data: Path, model: str, advantage: float) -> None:
    """Calderon, Reichart and Dror (2025), to their two decimals; who gave which label is not in the set, so that its
    columns are no single persons and the winning rate over ten of them cannot be had.
    """
    with (shared_data / "cebab_aspect_sentiment" / "data.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    labels = sorted({row["label"] for row in rows})
    humans = encode_ratings([row["human"] for row in rows], labels)
    codes = encode_ratings([[row["llm"][model]] for row in rows], labels)[:, 0]
    found = replacement_test(codes, humans, np.random.default_rng(0), epsilon=0.1, n_resamples=50)
    assert round(found.advantage, 2) == advantage
    assert found.passes
