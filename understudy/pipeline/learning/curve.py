"""What the report says about a learning loop, from what the journal has of it; asks and trains nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from understudy.pipeline.learning.fallback import fell_back_at
from understudy.pipeline.learning.prevalence import pool_shares
from understudy.pipeline.learning.pupils import School
from understudy.pipeline.learning.rounds import stored_reason, stored_results
from understudy.records import Annotation
from understudy.report.data import LearningCurve

if TYPE_CHECKING:
    from understudy.pipeline.project import Project


def learning_curve(project: Project, annotations: Mapping[str, Annotation]) -> LearningCurve | None:
    """The rounds that are finished and what they show; None where no loop is asked for or none has begun."""
    if not project.settings.learn.enabled:
        return None
    results = stored_results(project)
    if not results:
        return None
    return LearningCurve(
        results,
        stored_reason(project),
        fell_back_at(results),
        pool_shares(project, annotations),
        School(project).learns_from_dev,
    )
