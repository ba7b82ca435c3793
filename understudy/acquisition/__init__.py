"""Which documents to label next: scores, batches, schedules, stopping. Arrays in, indices out; it trains nothing."""

from __future__ import annotations

from understudy.acquisition.evidence import keyword_scores
from understudy.acquisition.pool import Arm, Batch, PoolView
from understudy.acquisition.random_arm import (
    ArmTest,
    EqualLabelSets,
    Payoff,
    equal_label_sets,
    falls_back,
    judge,
)
from understudy.acquisition.schedule import linear, quadratic
from understudy.acquisition.stopping import (
    Stop,
    f1_change_bound,
    stop_by_agreement,
    stop_by_budget,
    stop_by_plateau,
)
from understudy.acquisition.strategies import STRATEGIES, Strategy, find_strategy, select_batch
from understudy.acquisition.trust import TrustSplit, split_by_trust
from understudy.acquisition.uncertainty import (
    bald,
    disagreement,
    entropy,
    least_confidence,
    margin,
    reduce_tokens,
)

__all__ = [
    "STRATEGIES",
    "Arm",
    "ArmTest",
    "Batch",
    "EqualLabelSets",
    "Payoff",
    "PoolView",
    "Stop",
    "Strategy",
    "TrustSplit",
    "bald",
    "disagreement",
    "entropy",
    "equal_label_sets",
    "f1_change_bound",
    "falls_back",
    "find_strategy",
    "judge",
    "keyword_scores",
    "least_confidence",
    "linear",
    "margin",
    "quadratic",
    "reduce_tokens",
    "select_batch",
    "split_by_trust",
    "stop_by_agreement",
    "stop_by_budget",
    "stop_by_plateau",
]
