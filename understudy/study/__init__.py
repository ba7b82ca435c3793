"""Arms x seeds x tasks from one file -> one table: how every claim in the documentation is measured."""

from __future__ import annotations

from understudy.study.file import Study, read_study
from understudy.study.plan import StudyPlan, plan_study
from understudy.study.results import StudyResults
from understudy.study.study import run_study
from understudy.study.writing import StudyFiles, write_study

__all__ = [
    "Study",
    "StudyFiles",
    "StudyPlan",
    "StudyResults",
    "plan_study",
    "read_study",
    "run_study",
    "write_study",
]
