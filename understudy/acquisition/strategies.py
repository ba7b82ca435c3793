"""Every strategy by name, and the one call that turns a pool into a batch. Learns nothing and asks nobody.

| strategy | chooses | where the pool is large |
|---|---|---|
| random | uniformly without replacement | exact |
| least_confidence, margin, entropy | the highest score, `uncertainty` | exact, one pass over the probabilities |
| bald | the highest mutual information over several draws | exact, one pass |
| disagreement | student and teacher farthest apart | exact, one pass |
| trust_aware | margin times (1 - trust): the human queue | exact, one pass |
| evidence | the highest given score: rare classes, token scores | exact |
| density | margin times information density | exact, two passes over the embeddings |
| cal | labelled neighbours whose predictions differ most | exact up to 2,000 labelled rows, a sample of those beyond |
| k_means | nearest row to each of n centres | centres from 128 n (at most 50,000) rows and one step over all |
| typical | densest place of the largest uncovered clusters | a sample of 50,000 rows |
| k_means_plus_plus | each in proportion to its squared distance | exact, a few passes |
| k_centre | each the farthest from all before | exact, one pass and a small frontier |
| badge | k_means_plus_plus over gradient embeddings | exact, a few passes; K * d numbers are never formed |
| hybrid | k_means_plus_plus among the 10 n highest margins | exact |

Ties in a score are broken by lot. All strategies give the same batch for the same arrays and seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from understudy.acquisition import uncertainty
from understudy.acquisition.clusters import most_typical, nearest_to_centres
from understudy.acquisition.k_centre import k_centre
from understudy.acquisition.plus_plus import longest, plus_plus
from understudy.acquisition.points import EmbeddingPoints, GradientPoints, residuals
from understudy.acquisition.pool import Arm, Batch, PoolView, Query, Rows, check_array, check_rows
from understudy.acquisition.ranking import highest
from understudy.acquisition.surroundings import contrast, density
from understudy.acquisition.trust import doubt
from understudy.acquisition.uncertainty import Scores
from understudy.errors import UserError, did_you_mean

RANDOM_SHARE = 0.3
SHORTLIST = 10


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to choose.

    Attributes
    ----------
    choose : n distinct candidates of the query, in the order chosen.
    needs : the arrays of the PoolView that it reads.
    needs_labelled : whether it compares with labelled rows and cannot begin without.
    """

    choose: Callable[[Query, np.random.Generator], Rows]
    needs: tuple[str, ...] = ()
    needs_labelled: bool = False


def select_batch(
    strategy: str,
    n: int,
    pool: PoolView,
    labelled: ArrayLike,
    rng: np.random.Generator,
    random_share: float = RANDOM_SHARE,
) -> Batch:
    """Choose the `n` documents to label next, a part of them by lot.

    Parameters
    ----------
    strategy : a name in `STRATEGIES`.
    n : >= 1.
    labelled : distinct rows that have been asked about, whatever came back; never chosen again.
    random_share : in [0, 1]; this share of `n`, rounded half up, is drawn uniformly from all candidates before the
        strategy chooses among the rest. It is the control arm, and the only part of a batch that resembles the pool.

    Returns
    -------
    Batch
        The random arm's probability is its size over the number of candidates.

    Raises
    ------
    UserError
        If there is no such strategy.
    ValueError
        If fewer than `n` rows are left, the pool lacks an array, an array holds nan, infinity or numbers outside its
        range, or the strategy needs labelled rows and there is none.
    """
    chosen_by = find_strategy(strategy)
    query = _check(chosen_by, strategy, n, pool, labelled)
    n_random = _n_random(strategy, n, random_share)
    drawn = rng.choice(query.candidates, size=n_random, replace=False)
    rest = replace(query, candidates=_others(len(pool), query.labelled, drawn), n=n - n_random)
    picked = chosen_by.choose(rest, rng) if rest.n else drawn[:0]
    chance = np.where(np.arange(n) < n_random, n_random / len(query.candidates), np.nan)
    arms = (Arm.RANDOM,) * n_random + (Arm.CHOSEN,) * rest.n
    return Batch(np.concatenate([drawn, picked]).astype(np.intp), chance, arms)


def find_strategy(name: str) -> Strategy:
    """The strategy of that name; raises UserError, naming the nearest, if there is none."""
    if name not in STRATEGIES:
        raise UserError(f"acquisition: there is no strategy `{name}`.", did_you_mean(name, STRATEGIES))
    return STRATEGIES[name]


def _check(strategy: Strategy, name: str, n: int, pool: PoolView, labelled: ArrayLike) -> Query:
    size = len(pool)
    taken = check_rows(labelled, size, "labelled")
    candidates = _others(size, taken)
    if not 1 <= n <= len(candidates):
        raise ValueError(f"n: expected 1 to {len(candidates)}, the rows not asked about yet, found {n}.")
    if strategy.needs_labelled and len(taken) == 0:
        raise ValueError(
            f"labelled: `{name}` compares with labelled rows, found none. Begin with `typical` or `random`."
        )
    for array in strategy.needs:
        check_array(pool, array)
    return Query(pool, taken, candidates, n)


def _others(size: int, *taken: Rows) -> Rows:
    """The rows of a pool that are in none of the given lists, ascending."""
    is_free = np.ones(size, dtype=bool)
    for rows in taken:
        is_free[rows] = False
    return np.flatnonzero(is_free)


def _n_random(strategy: str, n: int, random_share: float) -> int:
    if not 0 <= random_share <= 1:
        raise ValueError(f"random_share: expected a number in [0, 1], found {random_share}.")
    return n if strategy == "random" else int(random_share * n + 0.5)


def _by_score(score: Callable[[Query, np.random.Generator], Scores]) -> Callable[[Query, np.random.Generator], Rows]:
    """A strategy that takes the candidates with the highest scores; `score` returns one per candidate."""

    def choose(query: Query, rng: np.random.Generator) -> Rows:
        return highest(score(query, rng), query.candidates, query.n, rng)

    return choose


def _least_confidence(query: Query, _: np.random.Generator) -> Scores:
    return _of_student(query, uncertainty.least_confidence)


def _margin(query: Query, _: np.random.Generator) -> Scores:
    return _of_student(query, uncertainty.margin)


def _entropy(query: Query, _: np.random.Generator) -> Scores:
    return _of_student(query, uncertainty.entropy)


def _of_student(query: Query, score: Callable[..., Scores]) -> Scores:
    return score(query.pool.array("probabilities"), is_exclusive=query.pool.is_exclusive)[query.candidates]


def _bald(query: Query, _: np.random.Generator) -> Scores:
    return uncertainty.bald(query.pool.array("draws"), is_exclusive=query.pool.is_exclusive)[query.candidates]


def _disagreement(query: Query, _: np.random.Generator) -> Scores:
    student, teacher = query.pool.array("probabilities"), query.pool.array("teacher")
    return uncertainty.disagreement(student, teacher, is_exclusive=query.pool.is_exclusive)[query.candidates]


def _trust_aware(query: Query, rng: np.random.Generator) -> Scores:
    return doubt(_margin(query, rng), query.pool.array("trust")[query.candidates])


def _density(query: Query, rng: np.random.Generator) -> Scores:
    return _margin(query, rng) * density(query.pool.array("embeddings"), query.candidates)


def _evidence(query: Query, _: np.random.Generator) -> Scores:
    return np.asarray(query.pool.array("scores")[query.candidates], dtype=np.float64)


def _random(query: Query, rng: np.random.Generator) -> Rows:
    return rng.choice(query.candidates, size=query.n, replace=False)


def _k_means_plus_plus(query: Query, rng: np.random.Generator) -> Rows:
    points = EmbeddingPoints(query.pool.array("embeddings"))
    return plus_plus(points, query.candidates, query.n, int(rng.choice(query.candidates)), rng)


def _k_centre(query: Query, rng: np.random.Generator) -> Rows:
    points = EmbeddingPoints(query.pool.array("embeddings"))
    return k_centre(points, query.candidates, query.labelled, query.n, rng)


def _badge(query: Query, rng: np.random.Generator) -> Rows:
    left = residuals(query.pool.array("probabilities"), is_exclusive=query.pool.is_exclusive)
    points = GradientPoints(query.pool.array("embeddings"), left)
    return plus_plus(points, query.candidates, query.n, longest(points.squared_norms, query.candidates), rng)


def _hybrid(query: Query, rng: np.random.Generator) -> Rows:
    """The first pick is the candidate with the highest margin score."""
    size = min(SHORTLIST * query.n, len(query.candidates))
    shortlist = highest(_margin(query, rng), query.candidates, size, rng)
    points = EmbeddingPoints(query.pool.array("embeddings")[shortlist])
    return shortlist[plus_plus(points, np.arange(size), query.n, 0, rng)]


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        "badge": Strategy(_badge, ("embeddings", "probabilities")),
        "bald": Strategy(_by_score(_bald), ("draws",)),
        "cal": Strategy(_by_score(contrast), ("embeddings", "probabilities"), needs_labelled=True),
        "density": Strategy(_by_score(_density), ("embeddings", "probabilities")),
        "disagreement": Strategy(_by_score(_disagreement), ("probabilities", "teacher")),
        "entropy": Strategy(_by_score(_entropy), ("probabilities",)),
        "evidence": Strategy(_by_score(_evidence), ("scores",)),
        "hybrid": Strategy(_hybrid, ("embeddings", "probabilities")),
        "k_centre": Strategy(_k_centre, ("embeddings",)),
        "k_means": Strategy(nearest_to_centres, ("embeddings",)),
        "k_means_plus_plus": Strategy(_k_means_plus_plus, ("embeddings",)),
        "least_confidence": Strategy(_by_score(_least_confidence), ("probabilities",)),
        "margin": Strategy(_by_score(_margin), ("probabilities",)),
        "random": Strategy(_random),
        "trust_aware": Strategy(_by_score(_trust_aware), ("probabilities", "trust")),
        "typical": Strategy(most_typical, ("embeddings",)),
    }
)
