"""Asks whoever labels at scale: recorded answers, the built-in nearest-definition teacher, or a model."""

from understudy.teacher.nearest import NearestDefinitionTeacher
from understudy.teacher.recorded import RecordedTeacher
from understudy.teacher.teacher import Teacher

__all__ = ["NearestDefinitionTeacher", "RecordedTeacher", "Teacher"]
