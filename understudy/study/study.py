"""A study from its file to its results: makes what is missing and judges everything. Writes no results."""

from __future__ import annotations

from pathlib import Path

from understudy.pipeline.listener import Listener
from understudy.study.file import Study
from understudy.study.results import StudyResults, gather
from understudy.study.running import make_cells
from understudy.study.tasks import missing_tasks


def run_study(study: Study, work: Path, workers: int = 1, listener: Listener | None = None) -> StudyResults:
    """Every arm on every task that has data; goes on where it was interrupted.

    Parameters
    ----------
    work : folder for projects made of public sets, embeddings and finished runs; holds texts.
    workers : processes at most.
    """
    runs = make_cells(study, work, workers, listener)
    return gather(study.file, runs, missing_tasks(study), work)
