"""Students by name, made from settings or loaded from a folder; does not train them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from understudy.codebook import Task, task_of
from understudy.embedding import Encoder
from understudy.settings import StudentSettings
from understudy.student.auto import AutoStudent
from understudy.student.base import Student
from understudy.student.folder import read_folder
from understudy.student.kinds import KINDS, kinds_of, named, refuse_unknown_parameters

STUDENTS: dict[str, type[Student]] = {AutoStudent.kind: AutoStudent, **KINDS}


def make_student(settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Student:
    """An untrained student as the project file describes it.

    Parameters
    ----------
    encoder : of students on frozen embeddings; the others do not use it.
    seed : of everything random in its training.

    Raises
    ------
    UserError
        If there is no student of that name for this kind of task.
    """
    return named(settings.kind, _students_of(task)).from_settings(settings, task, encoder, seed)


def load_student(folder: Path, encoder_cache: Path | None = None) -> Student:
    """A trained student from the folder that `Student.save` wrote; predicts bit by bit what it did then.

    Parameters
    ----------
    encoder_cache : folder of embeddings kept by content; None keeps none.

    Raises
    ------
    UserError
        If the folder is no student's, is damaged, was altered, holds files that can run code, or needs an encoder
        that is not there.
    """
    description, files = read_folder(folder)
    task = task_of(description.codebook)
    kind = named(description.kind, _students_of(task))
    refuse_unknown_parameters(kind, description.parameters)
    student = kind.restore(description, files, task, encoder_cache)
    student.remarks_ = description.remarks
    student.thresholds_ = np.full(len(task.labels), np.nan)
    student.set_temperature(description.temperature)
    return student.set_thresholds(np.array(description.thresholds, dtype=np.float64))


def _students_of(task: Task) -> Mapping[str, type[Student]]:
    return {AutoStudent.kind: AutoStudent, **kinds_of(task)}
