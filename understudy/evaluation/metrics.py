"""Precision, recall, F1 and accuracy from counts, undefined where they are undefined. Gives no intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from understudy.evaluation.counts import BoolArray, Counts, FloatArray, Totals
from understudy.evaluation.finite import finite_or_none


@dataclass(frozen=True, slots=True)
class Headline:
    """Which F1 is reported first.

    Attributes
    ----------
    kind : ``positive`` (one label's F1), ``macro`` (mean over labels) or ``micro`` (all decisions pooled).
    positive : column of the positive label; only with ``positive``.
    excluded : columns that do not count, such as the null label of relations; not with ``positive``.

    Raises
    ------
    ValueError
        If kind, positive and excluded contradict each other.
    """

    kind: Literal["positive", "macro", "micro"]
    positive: int | None = None
    excluded: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if (self.kind == "positive") != (self.positive is not None):
            raise ValueError(f"headline: expected a positive column with kind `positive` only, found {self}.")
        if self.kind == "positive" and self.excluded:
            raise ValueError(f"headline: expected no excluded columns with kind `positive`, found {self}.")

    def columns(self, n_labels: int) -> NDArray[np.intp]:
        """The columns that count, of K = `n_labels`.

        Raises
        ------
        ValueError
            If a named column does not exist or none is left.
        """
        named = self.excluded if self.positive is None else (self.positive,)
        if any(not 0 <= column < n_labels for column in named):
            raise ValueError(f"headline: expected columns in 0..{n_labels - 1}, found {named}.")
        kept = np.setdiff1d(np.arange(n_labels), named) if self.positive is None else np.array(named)
        if kept.size == 0:
            raise ValueError(f"headline: all {n_labels} labels are excluded; keep at least one.")
        return kept.astype(np.intp)

    def reduce(self, counts: Counts) -> Counts:
        """Counts of shape (n, C) whose mean defined F1 over columns is the headline: C is 1 unless macro."""
        columns = self.columns(counts.n_labels)
        parts = [part[:, columns] for part in (counts.tp, counts.fp, counts.fn)]
        if self.kind == "micro":
            parts = [part.sum(axis=1, keepdims=True) for part in parts]
        return Counts(parts[0], parts[1], parts[2], counts.correct)


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1, each in [0, 1] or nan where undefined.

    Attributes
    ----------
    n_labels : labels with a defined F1 behind it; the average is taken over them. 0 if F1 is nan.
    """

    precision: float
    recall: float
    f1: float
    n_labels: int

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {**_json_metrics(self.precision, self.recall, self.f1), "n_labels": self.n_labels}


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label against the rest.

    Attributes
    ----------
    precision : nan where the label is never predicted.
    recall : nan where the label never occurs in the truth.
    f1 : nan where it neither occurs nor is predicted; 0 where it does, but never rightly.
    support, predicted : documents that have it in truth / in the answers (fractional when averaged over seeds).
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: float
    predicted: float

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        metrics = _json_metrics(self.precision, self.recall, self.f1)
        return {"label": self.label, **metrics, "support": self.support, "predicted": self.predicted}


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores of one labeller on n documents.

    Attributes
    ----------
    headline : what is reported first, as the `Headline` says.
    accuracy : share of documents answered exactly right; nan without documents.
    macro : each of precision, recall and F1 averaged over the labels for which it is defined.
    micro : all decisions pooled.
    labels : one entry per label, in label order.
    """

    n: int
    headline: Score
    accuracy: float
    macro: Score
    micro: Score
    labels: tuple[LabelScore, ...]

    def to_json(self) -> dict[str, Any]:
        """Strict JSON; None where undefined."""
        return {
            "n": self.n,
            "headline": self.headline.to_json(),
            "accuracy": finite_or_none(self.accuracy),
            "macro": self.macro.to_json(),
            "micro": self.micro.to_json(),
            "labels": [label.to_json() for label in self.labels],
        }


def score(counts: Counts, labels: Sequence[str], headline: Headline) -> Scores:
    """Precision, recall and F1 per label, macro, micro and headline, and accuracy.

    Equal to scikit-learn's ``precision_recall_fscore_support`` with ``zero_division=nan``: an undefined number is
    left out of an average and counts in `Score.n_labels`, so macro F1 is the mean over the labels that occur in the
    truth or in the answers.

    Parameters
    ----------
    counts : of n documents and K labels; averaged over seeds where there are several.
    labels : K names in column order.

    Raises
    ------
    ValueError
        If `labels` does not have K names or `headline` names a column that does not exist.
    """
    if len(labels) != counts.n_labels:
        raise ValueError(f"labels: expected {counts.n_labels} names, one per column, found {len(labels)}.")
    return Scores(
        n=counts.n,
        headline=headline_score(counts, headline),
        accuracy=float(accuracy(counts.total())),
        macro=headline_score(counts, Headline("macro")),
        micro=headline_score(counts, Headline("micro")),
        labels=_label_scores(counts.total(), labels),
    )


def headline_score(counts: Counts, headline: Headline) -> Score:
    """Precision, recall and F1 of the headline alone."""
    totals = headline.reduce(counts).total()
    by_column = f1(totals)
    return Score(
        float(defined_mean(precision(totals))),
        float(defined_mean(recall(totals))),
        float(defined_mean(by_column)),
        int(np.isfinite(by_column).sum()),
    )


def precision(totals: Totals) -> FloatArray:
    """Precision tp / (tp + fp) per column; nan where nothing is predicted."""
    return _ratio(totals.tp, totals.tp + totals.fp)


def recall(totals: Totals) -> FloatArray:
    """Recall tp / (tp + fn) per column; nan where the truth has none."""
    return _ratio(totals.tp, totals.tp + totals.fn)


def f1(totals: Totals) -> FloatArray:
    """F1 2 tp / (2 tp + fp + fn) per column; nan where tp + fp + fn is 0."""
    return _ratio(2 * totals.tp, 2 * totals.tp + totals.fp + totals.fn)


def accuracy(totals: Totals) -> FloatArray:
    """Share of documents answered exactly right; nan without documents."""
    return _ratio(totals.correct, totals.n)


def defined_mean(values: FloatArray) -> FloatArray:
    """Mean over the last axis of what is not nan; nan where nothing is."""
    return _ratio(np.nansum(values, axis=-1), np.isfinite(values).sum(axis=-1))


def confusion(truth: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Which label is taken for which, where labels exclude each other.

    Parameters
    ----------
    truth : bool array of shape (n, K), exactly one True per row.
    predicted : bool array of shape (n, K), at most one True per row; none means no answer.

    Returns
    -------
    int array of shape (K, K + 1)
        Rows: truth; columns: answers in label order, then no answer. Adds up to n.

    Raises
    ------
    ValueError
        If the shapes differ or a row holds several labels.
    """
    actual, answer = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    if actual.ndim != 2 or actual.shape != answer.shape:
        raise ValueError(f"confusion: expected two matrices of shape (n, K), found {actual.shape}, {answer.shape}.")
    if (actual.sum(axis=1) != 1).any() or (answer.sum(axis=1) > 1).any():
        raise ValueError("confusion: expected one true label and at most one answer per row; several labels hold.")
    return _confusion(actual, answer)


def _confusion(truth: BoolArray, predicted: BoolArray) -> NDArray[np.int64]:
    with_none = np.column_stack([predicted, ~predicted.any(axis=1)])
    table: NDArray[np.int64] = truth.T.astype(np.int64) @ with_none.astype(np.int64)
    return table


def _label_scores(totals: Totals, labels: Sequence[str]) -> tuple[LabelScore, ...]:
    columns = zip(
        precision(totals), recall(totals), f1(totals), totals.tp + totals.fn, totals.tp + totals.fp, strict=True
    )
    return tuple(LabelScore(label, *map(float, row)) for label, row in zip(labels, columns, strict=True))


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> FloatArray:
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    quotient = np.full(bottom.shape, np.nan)
    np.divide(top, bottom, out=quotient, where=bottom > 0)
    return quotient


def _json_metrics(precision: float, recall: float, f1: float) -> dict[str, float | None]:
    return {"precision": finite_or_none(precision), "recall": finite_or_none(recall), "f1": finite_or_none(f1)}
