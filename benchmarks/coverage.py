"""How often the intervals that we print hold the truth: every nominal 95 % interval, simulated over a grid.

    python benchmarks/coverage.py [--repetitions 1000] [--quick] [--only NAME ...]

Each cell draws samples from a population whose truth is known. A cell passes at 93 to 97 % (intervals of fixed size;
Monte Carlo error at 1,000 repetitions is 0.7 points) or at 95 % and more (confidence sequences, looked at after every
item, up to 1 point of Monte Carlo error). A sample that the product refuses to correct is counted as refused, and what
it prints instead is judged. The last line is one JSON object over the cells of fixed-size intervals.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from understudy.evaluation import Headline, accuracy_interval, count, headline_interval
from understudy.evaluation.inference import (
    cross_fitted,
    design_based_regression,
    f1_sequence,
    hajek_f1,
    hajek_share,
    mean_sequence,
    powered_regression,
    powered_share,
)

LOW, HIGH = 0.93, 0.97
QUICK = 200
BOOTSTRAP_SHARE = 5
"""Cells with a bootstrap in every repetition are repeated this many times less often, never below 200 times."""

Repetition = Callable[[np.random.Generator], tuple[bool, bool]]
"""Whether the interval held the truth, and whether the correction was refused."""


@dataclass(frozen=True)
class Cell:
    """One point of the grid."""

    name: str
    where: str
    repeat: Repetition
    is_sequence: bool = False
    is_slow: bool = False


def main() -> None:
    """Print a line for each cell, then the extremes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} repetitions")
    parser.add_argument("--only", nargs="+", help="names of intervals")
    given = parser.parse_args()
    repetitions = QUICK if given.quick else given.repetitions
    covered, failed, refused = [], [], []
    for number, cell in enumerate(cells()):
        if given.only and cell.name not in given.only:
            continue
        n = max(QUICK, repetitions // BOOTSTRAP_SHARE) if cell.is_slow else repetitions
        held, refusals = _shares([cell.repeat(np.random.default_rng([number, i])) for i in range(n)])
        passes = held >= 0.94 if cell.is_sequence else LOW <= held <= HIGH
        note = "" if passes else "  outside the bounds"
        print(f"{cell.name:24} {cell.where:42} {held:.3f} of {n:,}, refused {refusals:.2f}{note}", flush=True)
        if not cell.is_sequence:
            covered.append(held)
        if not passes:
            failed.append(f"{cell.name}: {cell.where}: {held:.3f}")
        if refusals > 0:
            refused.append(f"{cell.name}: {cell.where}: {refusals:.2f}")
    ends = {"min_coverage": min(covered, default=None), "max_coverage": max(covered, default=None)}
    print(json.dumps({**ends, "refused_cells": refused, "outside": failed, "repetitions": repetitions}))


def cells() -> Iterator[Cell]:
    """The grid."""
    for n in (100, 250, 1000):
        for accuracy in (0.7, 0.9):
            yield Cell("accuracy (Wilson)", f"n={n} accuracy={accuracy}", _accuracy(n, accuracy))
        for share in (0.05, 0.2, 0.5):
            for f1 in (0.6, 0.9):
                yield Cell("F1 (Wilson on Jaccard)", f"n={n} share={share} F1={f1}", _f1(n, share, f1))
        for n_labels, right in ((3, 0.7), (5, 0.8)):
            where = f"n={n} labels={n_labels} right={right}"
            yield Cell("macro F1 (bootstrap)", where, _macro(n, n_labels, right), is_slow=True)
        for share, found, spared in ((0.3, 0.85, 0.9), (0.1, 0.8, 0.95), (0.05, 0.8, 0.95)):
            where = f"n={n} share={share} sensitivity={found} specificity={spared}"
            yield Cell("share (PPI++)", where, _share(n, share, found, spared))
    for n in (250, 600):
        for kind in ("linear", "logistic"):
            yield Cell(f"{kind} slope (PPI++)", f"n={n}", _slope(n, kind, "ppi"))
            yield Cell(f"{kind} slope (DSL)", f"n={n}, chances .5 to 2 times the mean", _slope(n, kind, "dsl"))
        yield Cell("share (Hajek)", f"n={n}, unequal chances", _hajek(n))
    yield Cell("F1 (by cell, bootstrap)", "n=250 share=0.1", _by_cell(250, 0.1), is_slow=True)
    for mean in (0.1, 0.5, 0.9):
        yield Cell("mean (sequence)", f"n=300 mean={mean}", _sequence(300, mean), is_sequence=True, is_slow=True)
    yield Cell("F1 (sequence)", "n=600 share=0.3 F1=0.8", _f1_sequence(600), is_sequence=True, is_slow=True)


def _accuracy(n: int, accuracy: float) -> Repetition:
    def repeat(rng: np.random.Generator) -> tuple[bool, bool]:
        right = rng.random(n) < accuracy
        truth = np.column_stack([np.ones(n, bool), np.zeros(n, bool)])
        given = np.column_stack([right, ~right])
        return not accuracy_interval([count(truth, given)]).excludes(accuracy), False

    return repeat


def _f1(n: int, share: float, f1: float) -> Repetition:
    """Precision equal to recall."""

    def repeat(rng: np.random.Generator) -> tuple[bool, bool]:
        truth = rng.random(n) < share
        said = np.where(truth, rng.random(n) < f1, rng.random(n) < share * (1 - f1) / (1 - share))
        counts = count(np.column_stack([truth, ~truth]), np.column_stack([said, ~said]))
        interval = headline_interval([counts], Headline("positive", 0), rng)
        return not interval.excludes(f1), not interval.is_defined

    return repeat


def _macro(n: int, n_labels: int, right: float) -> Repetition:
    """Equally frequent labels, mistakes spread evenly: every label's F1 is the accuracy."""

    def repeat(rng: np.random.Generator) -> tuple[bool, bool]:
        truth = rng.integers(n_labels, size=n)
        wrong = (truth + rng.integers(1, n_labels, size=n)) % n_labels
        said = np.where(rng.random(n) < right, truth, wrong)
        counts = count(np.eye(n_labels, dtype=bool)[truth], np.eye(n_labels, dtype=bool)[said])
        return not headline_interval([counts], Headline("macro"), rng).excludes(right), False

    return repeat


def _machine(rng: np.random.Generator, truth: np.ndarray, found: float, spared: float) -> np.ndarray:
    return np.where(truth, rng.random(len(truth)) < found, rng.random(len(truth)) >= spared).astype(float)


def _share(n: int, share: float, found: float, spared: float) -> Repetition:
    def repeat(rng: np.random.Generator) -> tuple[bool, bool]:
        truth = rng.random(n + 10_000) < share
        machine = _machine(rng, truth, found, spared)
        result = powered_share(truth[:n].astype(float), machine[:n], machine[n:])
        return not result.estimate.interval.excludes(share), bool(result.refusal)

    return repeat


def _slope(n: int, kind: str, method: str) -> Repetition:
    """An outcome whose machine errs more often where the covariate is large."""
    beta = np.array([0.4, 0.15]) if kind == "linear" else np.array([-0.5, 0.8])
    population = 6000

    def repeat(rng: np.random.Generator) -> tuple[bool, bool]:
        x = np.column_stack([np.ones(population), rng.uniform(-1, 1, size=population)])
        mean = x @ beta if kind == "linear" else 1 / (1 + np.exp(-(x @ beta)))
        truth = (rng.random(population) < mean).astype(float)
        machine = np.where(rng.random(population) < 0.8 - 0.1 * x[:, 1], truth, 1.0)
        if method == "ppi":
            gold, rest = slice(0, n), slice(n, None)
            slope = powered_regression(x[gold], truth[gold], machine[gold], x[rest], machine[rest], kind=kind)[1]
        else:
            chance = n / population * np.where(machine == 1, 0.75, 1.5)
            outcome = np.where(rng.random(population) < chance, truth, np.nan)
            predicted = cross_fitted(np.column_stack([machine, x[:, 1]]), outcome, chance, rng)
            slope = design_based_regression(x, outcome, predicted, chance, kind=kind)[1]
        return not slope.interval.excludes(beta[1]), False

    return repeat


def _hajek(n: int) -> Repetition:
    def repeat(rng: np.random.Generator) -> tuple[bool, bool]:
        machine = rng.random(20_000) < 0.2
        truth = np.where(machine, rng.random(20_000) < 0.7, rng.random(20_000) < 0.05)
        chance = n / 20_000 * np.where(machine, 2.5, 0.625)
        drawn = rng.random(20_000) < chance
        return not hajek_share(truth[drawn], chance[drawn]).interval.excludes(0.2 * 0.7 + 0.8 * 0.05), False

    return repeat


def _by_cell(n: int, share: float) -> Repetition:
    """Gold drawn by cell of teacher and student; the student's F1 in the population is what is estimated."""
    from understudy.evaluation.inference import allocate

    def repeat(rng: np.random.Generator) -> tuple[bool, bool]:
        truth = rng.random(10_000) < share
        teacher, student = (_machine(rng, truth, found, 0.97).astype(bool) for found in (0.85, 0.75))
        probability = allocate(teacher, student, n)
        rows, cell = [], 2 * teacher + student
        for number, size in enumerate(probability.drawn.ravel()):
            rows.append(rng.choice(np.flatnonzero(cell == number), size=size, replace=False))
        drawn = np.concatenate(rows)
        chance = probability.probability.ravel()[cell[drawn]]
        _, interval = hajek_f1(truth[drawn], student[drawn], chance, cell[drawn], rng, n_resamples=1000)
        both = np.sum(truth & student)
        return not interval.excludes(2 * both / (truth.sum() + student.sum())), False

    return repeat


def _sequence(n: int, mean: float) -> Repetition:
    def repeat(rng: np.random.Generator) -> tuple[bool, bool]:
        return mean_sequence((rng.random(n) < mean).astype(float)).first_excluding(mean) is None, False

    return repeat


def _f1_sequence(n: int) -> Repetition:
    def repeat(rng: np.random.Generator) -> tuple[bool, bool]:
        truth = rng.random(n) < 0.3
        said = np.where(truth, rng.random(n) < 0.8, rng.random(n) < 0.3 * 0.2 / 0.7)
        return f1_sequence(truth, said).first_excluding(0.8) is None, False

    return repeat


def _shares(results: list[tuple[bool, bool]]) -> tuple[float, float]:
    held, refused = np.mean(results, axis=0) if results else (math.nan, math.nan)
    return float(held), float(refused)


if __name__ == "__main__":
    main()
