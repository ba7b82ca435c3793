"""Students by name, made from settings or loaded from a folder; does not train them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from understudy.codebook import Task, task_of
from understudy.embedding import Encoder
from understudy.errors import UserError, did_you_mean
from understudy.settings import StudentSettings
from understudy.student.base import Student
from understudy.student.encoder import EncoderStudent
from understudy.student.folder import read_folder
from understudy.student.linear import LinearStudent
from understudy.student.tfidf import TfidfStudent

STUDENTS: dict[str, type[Student]] = {
    student.kind: student for student in (TfidfStudent, LinearStudent, EncoderStudent)
}


def make_student(settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Student:
    """An untrained student as the project file describes it.

    Parameters
    ----------
    encoder : of students on frozen embeddings; the others do not use it.
    seed : of everything random in its training.

    Raises
    ------
    UserError
        If there is no student of that name.
    """
    return _class_of(settings.kind).from_settings(settings, task, encoder, seed)


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
    kind = _class_of(description.kind)
    if unknown := sorted(set(description.parameters) - set(kind._get_param_names())):
        raise UserError(
            f"`{folder}`: a `{kind.kind}` student has no parameter {', '.join(unknown)}.", "Train it again."
        )
    student = kind.restore(description, files, task, encoder_cache)
    student.remarks_ = description.remarks
    student.thresholds_ = np.full(len(task.labels), np.nan)
    return student.set_thresholds(np.array(description.thresholds, dtype=np.float64))


def _class_of(kind: str) -> type[Student]:
    if kind not in STUDENTS:
        raise UserError(f"there is no student `{kind}`.", did_you_mean(kind, STUDENTS))
    return STUDENTS[kind]
