"""Which figures a report has, in the order of the page."""

from __future__ import annotations

from understudy.report.data import ArmResult, ReportData
from understudy.report.derived import calibration_of, chosen_student, direct_teacher
from understudy.report.figures.confusion import draw_confusion
from understudy.report.figures.curves import draw_learning_curve, draw_rounds
from understudy.report.figures.intervals import draw_arms, draw_consistency, draw_differences, draw_labels
from understudy.report.figures.picture import Picture
from understudy.report.figures.precision_recall import draw_precision_recall
from understudy.report.figures.reliability import draw_calibration, draw_trust

FIGURE_NAMES = (
    "arms",
    "differences",
    "precision-recall",
    "confusion-student",
    "confusion-teacher",
    "labels",
    "consistency",
    "trust",
    "calibration-student",
    "calibration-teacher",
    "learning-curve",
)


def draw_figures(data: ReportData) -> tuple[Picture, ...]:
    """Every figure there are data for, in the order of the page."""
    found = [draw_arms(data), draw_differences(data.comparisons), draw_precision_recall(data)]
    found += [draw_confusion(data, arm, part) for part, arm in _main_parts(data)]
    found += [draw_labels(data), draw_consistency(data.teacher.consistency), draw_trust(data.teacher.trust)]
    found += [draw_calibration(calibration_of(arm), part) for part, arm in _main_parts(data)]
    found += [draw_learning_curve(data), draw_rounds(data)]
    return tuple(picture for picture in found if picture is not None)


def _main_parts(data: ReportData) -> list[tuple[str, ArmResult]]:
    parts = (("student", chosen_student(data)), ("teacher", direct_teacher(data)))
    return [(part, arm) for part, arm in parts if arm is not None]
