from __future__ import annotations

import numpy as np
import pytest

from understudy.acquisition import STRATEGIES, PoolView, find_strategy, select_batch, strategies
from understudy.errors import UserError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def choose(strategy: str, n: int, pool: PoolView, labelled=()) -> list[int]:
    return select_batch(strategy, n, pool, labelled, rng(), random_share=0).indices.tolist()


def two(p: list[float]) -> np.ndarray:
    return np.column_stack([p, 1 - np.array(p)])


def test_a_misspelt_strategy_names_the_right_one():
    with pytest.raises(UserError) as caught:
        find_strategy("marginn")
    assert caught.value.hint == "Did you mean `margin`?"


def test_the_table_of_sizes_names_every_strategy():
    lines = [line.strip("| ") for line in (strategies.__doc__ or "").splitlines() if line.startswith("|")]
    named = {name.strip() for line in lines for name in line.split("|")[0].split(",")}
    assert named - {"strategy", "---"} == set(STRATEGIES)


@pytest.mark.parametrize(("share", "n_random"), [(0.0, 0), (0.29, 1), (0.3, 2), (0.5, 3), (0.49, 2), (1.0, 5)])
def test_the_random_share_is_rounded_half_up(share, n_random):
    batch = select_batch("margin", 5, PoolView(probabilities=two([0.5] * 9)), [], rng(), share)
    assert batch.arms.count("random") == n_random


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_zero_to_one_is_refused(share):
    with pytest.raises(ValueError, match="random_share: expected"):
        select_batch("margin", 5, PoolView(probabilities=two([0.5] * 9)), [], rng(), share)


@pytest.mark.parametrize("n", [0, -1, 10])
def test_an_impossible_number_is_refused(n):
    with pytest.raises(ValueError, match="n: expected 1 to 9"):
        select_batch("margin", n, PoolView(probabilities=two([0.5] * 9)), [], rng())


def test_the_random_arm_is_uniform_over_the_candidates():
    pool = PoolView(probabilities=two([0.5, 0.99, 0.9, 0.8, 0.7, 0.6]))
    batches = [select_batch("margin", 3, pool, [0], rng(seed), 1 / 3) for seed in range(5000)]
    shares = np.bincount([batch.indices[0] for batch in batches], minlength=6) / 5000
    assert shares[0] == 0
    assert shares[1:] == pytest.approx([0.2] * 5, abs=0.025)  # standard error 0.0057
    assert batches[0].probabilities[0] == pytest.approx(0.2)


def test_the_strategy_chooses_among_what_the_random_arm_left():
    pool = PoolView(probabilities=two([0.99, 0.9, 0.8, 0.7, 0.6]))
    for seed in range(30):
        batch = select_batch("margin", 3, pool, [], rng(seed), 1 / 3)
        left = [row for row in (4, 3, 2, 1, 0) if row != batch.indices[0]]
        assert batch.indices[1:].tolist() == left[:2]


def test_least_confidence_margin_and_entropy_disagree_where_they_should():
    p = np.array([[0.5, 0.5, 0.0], [0.45, 0.3, 0.25], [0.9, 0.05, 0.05], [0.44, 0.43, 0.13]])
    # 1 - max: 0.5, 0.55, 0.1, 0.56. Margins: 0, 0.15, 0.85, 0.01. Entropies: 0.693, 1.067, 0.394, 0.989.
    pool = PoolView(probabilities=p)
    assert choose("least_confidence", 4, pool) == [3, 1, 0, 2]
    assert choose("margin", 4, pool) == [0, 3, 1, 2]
    assert choose("entropy", 4, pool) == [1, 3, 0, 2]


def test_disagreement_takes_where_the_teacher_says_something_else():
    pool = PoolView(probabilities=two([0.9, 0.9, 0.6]), teacher=two([1.0, 0.0, 0.0]))
    assert choose("disagreement", 3, pool) == [1, 2, 0]  # 0.9, 0.6, 0.1


def test_trust_aware_takes_what_nobody_knows():
    pool = PoolView(probabilities=two([0.5, 0.5, 0.9]), trust=np.array([0.9, 0.2, 0.1]))
    assert choose("trust_aware", 3, pool) == [1, 2, 0]  # 0.8, 0.18, 0.1


def test_evidence_takes_the_highest_scores():
    assert choose("evidence", 2, PoolView(scores=np.array([0.0, 3.0, 1.0, 2.0]))) == [1, 3]


def test_density_prefers_the_crowd_among_equally_uncertain():
    embeddings = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, -0.1], [-1.0, 0.0]])
    assert choose("density", 4, PoolView(embeddings=embeddings, probabilities=two([0.5] * 4)))[3] == 3


def test_density_still_needs_uncertainty():
    embeddings = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, -0.1], [-1.0, 0.0]])
    pool = PoolView(embeddings=embeddings, probabilities=two([0.99, 0.99, 0.99, 0.5]))
    assert choose("density", 1, pool) == [3]


def test_k_centre_keeps_away_from_labelled_rows():
    embeddings = np.array([[0.0], [1.0], [9.0], [10.0], [5.0]])
    assert choose("k_centre", 2, PoolView(embeddings=embeddings), labelled=[0]) == [3, 4]


def test_badge_begins_with_the_longest_gradient():
    embeddings = np.array([[1.0, 0.0], [0.0, 3.0], [2.0, 0.0]])
    # Squared lengths: 2 (1 - p)**2 |h|**2 = 0.5, 0.18, 0.72.
    pool = PoolView(embeddings=embeddings, probabilities=two([0.5, 0.9, 0.7]))
    assert choose("badge", 1, pool) == [2]


def test_hybrid_begins_with_the_smallest_margin_and_stays_on_the_shortlist():
    generator = rng()
    p = generator.uniform(0.5, 1, 200)
    pool = PoolView(embeddings=generator.standard_normal((200, 4)), probabilities=two(p.tolist()))
    picks = choose("hybrid", 5, pool)
    assert picks[0] == p.argmin()
    assert set(picks) <= set(np.argsort(p)[:50].tolist())
    assert set(picks) != set(np.argsort(p)[:5].tolist())
