"""Whether what was measured once still holds: the teacher's answers, the texts that come in, the student's accuracy."""

from __future__ import annotations

from understudy.evaluation.monitoring.input_drift import (
    EstimatedAccuracy,
    InputDrift,
    ShareShift,
    estimate_accuracy,
    input_drift,
    share_shift,
)
from understudy.evaluation.monitoring.period import FEWEST_OF_PERIOD, PeriodQuality, period_quality
from understudy.evaluation.monitoring.teacher_drift import DriftCheck, check_canaries, spent_level

__all__ = [
    "FEWEST_OF_PERIOD",
    "DriftCheck",
    "EstimatedAccuracy",
    "InputDrift",
    "PeriodQuality",
    "ShareShift",
    "check_canaries",
    "estimate_accuracy",
    "input_drift",
    "period_quality",
    "share_shift",
    "spent_level",
]
