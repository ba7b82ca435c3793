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
from understudy.evaluation.monitoring.teacher_drift import DriftCheck, check_canaries, spent_level

__all__ = [
    "DriftCheck",
    "EstimatedAccuracy",
    "InputDrift",
    "ShareShift",
    "check_canaries",
    "estimate_accuracy",
    "input_drift",
    "share_shift",
    "spent_level",
]
