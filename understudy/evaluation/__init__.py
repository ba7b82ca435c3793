"""Numbers about labellers: metrics, agreement, intervals, tests, the gate. Arrays and records in, numbers out."""

from __future__ import annotations

from understudy.evaluation.agreement import (
    Agreement,
    cohen_kappa,
    encode_ratings,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    measure_agreement,
)
from understudy.evaluation.calibration import (
    Bin,
    RiskCoverage,
    brier,
    expected_calibration_error,
    reliability,
    risk_coverage,
)
from understudy.evaluation.comparison import Comparison, McNemar, adjust_for_table, compare, holm, mcnemar_exact
from understudy.evaluation.consistency import ConsistencyLevel, ConsistencyTable, accuracy_by_consistency
from understudy.evaluation.counts import Counts, Totals, count
from understudy.evaluation.gate import (
    ConstantAnswer,
    Gate,
    GateVerdict,
    LabelVerdict,
    best_constant,
    decide,
)
from understudy.evaluation.intervals import (
    Interval,
    Spread,
    accuracy_interval,
    bootstrap,
    bootstrap_statistic,
    clopper_pearson,
    f1_interval,
    headline_interval,
    label_intervals,
    wilson,
    with_seed_spread,
)
from understudy.evaluation.metrics import Headline, LabelScore, Score, Scores, confusion, headline_score, score
from understudy.evaluation.planning import (
    documents_for_half_width,
    documents_to_certify,
    documents_to_decide,
    f1_half_width,
    paired_half_width,
)
from understudy.evaluation.thresholds import best_threshold, label_thresholds, prevalence_threshold
from understudy.evaluation.trust import TrustModel, fit_trust
from understudy.evaluation.trust_report import TrustMeasure, TrustReport, auroc, report_trust

__all__ = [
    "Agreement",
    "Bin",
    "Comparison",
    "ConsistencyLevel",
    "ConsistencyTable",
    "ConstantAnswer",
    "Counts",
    "Gate",
    "GateVerdict",
    "Headline",
    "Interval",
    "LabelScore",
    "LabelVerdict",
    "McNemar",
    "RiskCoverage",
    "Score",
    "Scores",
    "Spread",
    "Totals",
    "TrustMeasure",
    "TrustModel",
    "TrustReport",
    "accuracy_by_consistency",
    "accuracy_interval",
    "adjust_for_table",
    "auroc",
    "best_constant",
    "best_threshold",
    "bootstrap",
    "bootstrap_statistic",
    "brier",
    "clopper_pearson",
    "cohen_kappa",
    "compare",
    "confusion",
    "count",
    "decide",
    "documents_for_half_width",
    "documents_to_certify",
    "documents_to_decide",
    "encode_ratings",
    "expected_calibration_error",
    "f1_half_width",
    "f1_interval",
    "fit_trust",
    "fleiss_kappa",
    "gwet_ac1",
    "headline_interval",
    "headline_score",
    "holm",
    "krippendorff_alpha",
    "label_intervals",
    "label_thresholds",
    "mcnemar_exact",
    "measure_agreement",
    "paired_half_width",
    "prevalence_threshold",
    "reliability",
    "report_trust",
    "risk_coverage",
    "score",
    "wilson",
    "with_seed_spread",
]
