"""What may be concluded from machine labels: replacement of annotators, corrected estimates, labelling until enough."""

from __future__ import annotations

from understudy.evaluation.inference.design_based import cross_fitted, design_based_regression
from understudy.evaluation.inference.estimate import Estimate, Share
from understudy.evaluation.inference.prediction_powered import (
    difference,
    gold_only_share,
    naive_share,
    powered_mean,
    powered_regression,
    powered_share,
)
from understudy.evaluation.inference.replacement import (
    AnnotatorContest,
    ReplacementTest,
    replacement_test,
)
from understudy.evaluation.inference.second_phase import CellPlan, allocate, confidence_driven, hajek_f1, hajek_share
from understudy.evaluation.inference.sequential import ConfidenceSequence, f1_sequence, mean_sequence

__all__ = [
    "AnnotatorContest",
    "CellPlan",
    "ConfidenceSequence",
    "Estimate",
    "ReplacementTest",
    "Share",
    "allocate",
    "confidence_driven",
    "cross_fitted",
    "design_based_regression",
    "difference",
    "f1_sequence",
    "gold_only_share",
    "hajek_f1",
    "hajek_share",
    "mean_sequence",
    "naive_share",
    "powered_mean",
    "powered_regression",
    "powered_share",
    "replacement_test",
]
