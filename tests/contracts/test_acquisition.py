"""What every acquisition strategy promises, whatever it looks at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.acquisition import STRATEGIES, Arm, Batch, PoolView, select_batch
from understudy.acquisition.pool import FIELDS

EVERY = pytest.mark.parametrize("strategy", STRATEGIES)
LABELLED = [3, 17, 4]
N = 60
LOWEST_ROW_WINS = ("k_centre", "k_means", "typical")


def make_pool(n: int = N, dtype: type = np.float32) -> PoolView:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((n, 8))
    probabilities = rng.dirichlet([1, 1, 1], n)
    return PoolView(
        embeddings=(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(dtype),
        probabilities=probabilities.astype(dtype),
        draws=rng.dirichlet([1, 1, 1], (4, n)).astype(dtype),
        teacher=rng.dirichlet([1, 1, 1], n).astype(dtype),
        trust=rng.random(n).astype(dtype),
        scores=rng.standard_normal(n).astype(dtype),
    )


def all_alike(n: int) -> PoolView:
    """Every document the same: nothing but ties."""
    third = np.full((n, 3), 1 / 3)
    return PoolView(
        embeddings=np.full((n, 8), 8**-0.5, dtype=np.float32),
        probabilities=third,
        draws=np.stack([third, third]),
        teacher=third,
        trust=np.full(n, 0.5),
        scores=np.zeros(n),
    )


def select(strategy: str, pool: PoolView, n: int = 10, labelled=LABELLED, seed: int = 1, share: float = 0.0) -> Batch:
    return select_batch(strategy, n, pool, labelled, np.random.default_rng(seed), share)


def assert_valid(batch: Batch, n: int, pool_size: int, labelled=LABELLED) -> None:
    assert len(batch.indices) == len(batch.arms) == len(batch.probabilities) == n
    assert len(set(batch.indices.tolist())) == n
    assert set(batch.indices.tolist()) <= set(range(pool_size)) - set(labelled)
    assert batch.indices.dtype == np.intp


@EVERY
@pytest.mark.parametrize("n", [1, 10, N - len(LABELLED)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_as_many_as_asked_for_distinct_and_only_unlabelled(strategy, n, share):
    assert_valid(select(strategy, make_pool(), n, share=share), n, N)


@EVERY
def test_the_same_seed_gives_the_same_batch(strategy):
    first, second = (select(strategy, make_pool(), seed=7, share=0.3) for _ in range(2))
    assert first.indices.tolist() == second.indices.tolist()


@EVERY
def test_ties_are_broken_without_repeating_and_not_by_position(strategy):
    batches = [select(strategy, all_alike(N), seed=seed) for seed in range(4)]
    for batch in batches:
        assert_valid(batch, 10, N)
    if strategy not in LOWEST_ROW_WINS:
        assert len({tuple(sorted(batch.indices.tolist())) for batch in batches}) > 1


@EVERY
@pytest.mark.parametrize("alike", [False, True])
def test_a_pool_of_two_with_one_labelled(strategy, alike):
    pool = all_alike(2) if alike else make_pool(2)
    assert select(strategy, pool, 1, labelled=[0]).indices.tolist() == [1]


@EVERY
def test_a_single_document_and_nothing_labelled(strategy):
    if STRATEGIES[strategy].needs_labelled:
        with pytest.raises(ValueError, match="compares with labelled rows, found none"):
            select(strategy, make_pool(1), 1, labelled=[])
    else:
        assert select(strategy, make_pool(1), 1, labelled=[]).indices.tolist() == [0]


@EVERY
def test_an_exhausted_pool_is_refused(strategy):
    with pytest.raises(ValueError, match="expected 1 to 0, the rows not asked about yet, found 1"):
        select(strategy, make_pool(3), 1, labelled=[0, 1, 2])


@EVERY
def test_an_empty_pool_is_refused(strategy):
    with pytest.raises(ValueError, match="expected 1 to 0"):
        select(strategy, make_pool(0), 1, labelled=[])


@EVERY
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_in_what_the_strategy_reads(strategy, bad):
    for name in STRATEGIES[strategy].needs:
        broken = getattr(make_pool(), name).copy()
        broken[(0,) * broken.ndim] = bad
        with pytest.raises(ValueError, match=f"{name}: expected finite numbers, found nan or infinity"):
            select(strategy, replace(make_pool(), **{name: broken}))


@EVERY
def test_what_is_missing_is_named_and_what_is_not_needed_is_not(strategy):
    needs = STRATEGIES[strategy].needs
    lean = replace(make_pool(), **{name: None for name in FIELDS if name not in (*needs, "scores")})
    assert_valid(select(strategy, lean), 10, N)
    for name in needs:
        with pytest.raises(ValueError, match=f"expected `{name}`, found none"):
            select(strategy, replace(make_pool(), **{name: None}))


@EVERY
def test_the_pool_is_left_as_it_was(strategy):
    pool = make_pool()
    for name in FIELDS:
        getattr(pool, name).setflags(write=False)
    assert_valid(select(strategy, pool), 10, N)


@EVERY
def test_a_memory_mapped_file_gives_the_same_batch(strategy, tmp_path):
    pool = make_pool()
    np.save(tmp_path / "embeddings.npy", pool.embeddings)
    mapped = replace(pool, embeddings=np.load(tmp_path / "embeddings.npy", mmap_mode="r"))
    assert select(strategy, mapped).indices.tolist() == select(strategy, pool).indices.tolist()


@EVERY
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_precisions_work(strategy, dtype):
    assert_valid(select(strategy, make_pool(dtype=dtype)), 10, N)


@EVERY
def test_labels_that_do_not_exclude_each_other(strategy):
    rng = np.random.default_rng(2)
    loose = {name: rng.random(getattr(make_pool(), name).shape) for name in ("probabilities", "draws", "teacher")}
    pool = replace(make_pool(), **loose, is_exclusive=False)
    assert_valid(select(strategy, pool), 10, N)
    if set(STRATEGIES[strategy].needs) & set(loose):
        with pytest.raises(ValueError, match="rows that add up to 1"):
            select(strategy, replace(pool, is_exclusive=True))


@EVERY
def test_the_random_arm_comes_first_and_says_its_chance(strategy):
    batch = select(strategy, make_pool(), n=10, share=0.3)
    n_random = 10 if strategy == "random" else 3
    assert batch.arms == (Arm.RANDOM,) * n_random + (Arm.CHOSEN,) * (10 - n_random)
    assert batch.probabilities[:n_random] == pytest.approx(n_random / 57)
    assert np.isnan(batch.probabilities[n_random:]).all()


@EVERY
def test_all_copies_of_one_text_but_one_other_text(strategy):
    """200 equal rows and one that differs: still distinct indices."""
    embeddings = np.tile(np.eye(8, dtype=np.float32)[0], (201, 1))
    embeddings[150] = np.eye(8)[1]
    batch = select(strategy, replace(make_pool(201), embeddings=embeddings), n=20, labelled=[0])
    assert_valid(batch, 20, 201, labelled=[0])
    if strategy in (*LOWEST_ROW_WINS, "k_means_plus_plus"):
        assert 150 in batch.indices
