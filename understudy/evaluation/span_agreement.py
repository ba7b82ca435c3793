"""How far annotators agree on spans and on relations: mean F1 of their pairs. Does not say who is right.

Beyond-chance statistics need a fixed number of things to decide, which spans do not have; F1 of two annotators is then
the limit of kappa (Hripcsak and Rothschild 2005, Journal of the American Medical Informatics Association 12).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeVar

import numpy as np

from understudy.evaluation.counts import FloatArray
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.intervals import LEVEL, N_RESAMPLES, Interval, percentile_interval
from understudy.evaluation.metrics import defined_mean
from understudy.evaluation.resampling import resampled_weights
from understudy.evaluation.span_errors import overlap_counts
from understudy.records import Span

A = TypeVar("A")
Spans = Sequence[Span] | None
"""What one annotator marked in one document; None if never asked, empty for no span."""


@dataclass(frozen=True, slots=True)
class PairwiseF1:
    """Agreement of annotators.

    Attributes
    ----------
    value : mean over pairs of annotators of their micro F1, in [0, 1]; which of the two is called the truth does not
        matter. nan where no pair marked anything in a document that both saw.
    interval : bootstrap over documents.
    n_pairs : pairs of annotators that saw a document together.
    n_documents : documents that at least two of them saw.
    """

    value: float
    interval: Interval
    n_pairs: int
    n_documents: int

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "value": finite_or_none(self.value),
            "interval": self.interval.to_json(),
            "n_pairs": self.n_pairs,
            "n_documents": self.n_documents,
        }


def span_agreement(
    answers: Sequence[Sequence[Spans]],
    rng: np.random.Generator,
    *,
    overlap: bool = False,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
) -> PairwiseF1:
    """Agreement on spans.

    Parameters
    ----------
    answers : a row per document with one entry per annotator, in the same order everywhere.
    overlap : whether a span of the same label that overlaps is enough; else edges and label must be equal.

    Raises
    ------
    ValueError
        If rows differ in length.
    """
    return _agreement(answers, _overlapping if overlap else _equal, rng, n_resamples, level)


def relation_agreement(
    answers: Sequence[Sequence[str | None]],
    rng: np.random.Generator,
    *,
    null: str | None = None,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
) -> PairwiseF1:
    """Agreement on relations, without the null label: two who both say that there is none are neither right nor wrong.

    Parameters
    ----------
    answers : a row per document with one label per annotator, None where not asked.

    Raises
    ------
    ValueError
        If rows differ in length.
    """

    def compare(one: str, other: str) -> tuple[float, float, float]:
        return float(one == other != null), float(one != other and other != null), float(one != other and one != null)

    return _agreement(answers, compare, rng, n_resamples, level)


def _agreement(
    answers: Sequence[Sequence[A | None]],
    compare: Callable[[A, A], tuple[float, float, float]],
    rng: np.random.Generator,
    n_resamples: int,
    level: float,
) -> PairwiseF1:
    tables = _tables(answers, compare)
    seen = np.array([sum(answer is not None for answer in row) > 1 for row in answers], dtype=np.bool_)
    if not tables or not seen.any():
        return PairwiseF1(np.nan, Interval(np.nan, np.nan, "bootstrap over documents", level), 0, 0)
    stacked = np.stack(tables)[:, seen]
    n = int(seen.sum())
    draws = [_mean_f1(weights, stacked) for weights in resampled_weights(n, n_resamples, rng)]
    return PairwiseF1(
        value=float(_mean_f1(np.ones((1, n)), stacked)[0]),
        interval=percentile_interval(np.concatenate(draws), "bootstrap over documents", level),
        n_pairs=len(tables),
        n_documents=n,
    )


def _tables(
    answers: Sequence[Sequence[A | None]], compare: Callable[[A, A], tuple[float, float, float]]
) -> list[FloatArray]:
    """For each pair of annotators with a document in common: tp, fp and fn of each document, shape (n, 3)."""
    widths = {len(row) for row in answers}
    if len(widths) > 1:
        raise ValueError(f"answers: expected one entry per annotator in every row, found {sorted(widths)}.")
    tables = []
    for one, other in combinations(range(max(widths, default=0)), 2):
        rows = [
            (0.0, 0.0, 0.0) if (a := row[one]) is None or (b := row[other]) is None else compare(a, b)
            for row in answers
        ]
        if any(row[one] is not None and row[other] is not None for row in answers):
            tables.append(np.array(rows))
    return tables


def _mean_f1(weights: FloatArray, tables: FloatArray) -> FloatArray:
    """Mean F1 over pairs for each resample: weights of shape (b, n), tables of shape (pairs, n, 3)."""
    tp, fp, fn = np.moveaxis(np.einsum("bn,pnk->bpk", weights, tables), 2, 0)
    total = 2 * tp + fp + fn
    return defined_mean(np.divide(2 * tp, total, out=np.full_like(tp, np.nan), where=total > 0))


def _equal(one: Sequence[Span], other: Sequence[Span]) -> tuple[float, float, float]:
    first, second = set(one), set(other)
    return float(len(first & second)), float(len(second - first)), float(len(first - second))


def _overlapping(one: Sequence[Span], other: Sequence[Span]) -> tuple[float, float, float]:
    labels = sorted({span.label for span in (*one, *other)})
    counts = overlap_counts([one], [other], labels)
    return float(counts.tp.sum()), float(counts.fp.sum()), float(counts.fn.sum())
