"""The settings that a search may try: names and values checked, and put into the student's tables. Trains nothing.

A name is looked for in the tables that the student reads: `learning_rate` of an `encoder` is
`student.encoder.learning_rate`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from understudy.errors import UserError, did_you_mean
from understudy.settings import Settings, StudentSettings, Table

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

TABLES: Mapping[str, tuple[str, ...]] = {
    "tfidf-linear": ("ngrams", "linear"),
    "static": ("static", "linear"),
    "linear": ("linear", "ngrams"),
    "setfit": ("setfit", "linear"),
    "encoder": ("encoder", "spans"),
    "decoder-lora": ("decoder",),
}
"""The tables of `student` that a student reads."""

Parameters = Mapping[str, Any]


def refuse_unknown_space(settings: Settings) -> None:
    """Raise UserError if a search has nothing to try, or names a setting or value that the student does not know."""
    student = settings.student
    if student.search.method == "off":
        return
    if student.kind not in TABLES:
        raise UserError(
            f"`student.search` tries settings of one student, and `student.kind` is `{student.kind}`.",
            f"Choose one of {', '.join(TABLES)}, or switch the search off.",
        )
    if not student.search.space or not all(student.search.space.values()):
        raise UserError(
            f"`student.search.method` is `{student.search.method}`, and `student.search.space` has nothing to try.",
            "Name settings and values, such as `learning_rate = [2e-5, 5e-5]`.",
        )
    for name, values in student.search.space.items():
        for value in values:
            with_parameters(student, {name: value})


def with_parameters(student: StudentSettings, parameters: Parameters) -> StudentSettings:
    """The settings with these values in the tables of their student, and no search.

    Raises
    ------
    UserError
        If the student has no setting of a name, or it cannot have the value; with the nearest right name.
    """
    stored = student.model_dump(mode="json", exclude={"search"})
    for name, value in parameters.items():
        stored[_table_of(student, name)][name] = value
    try:
        return StudentSettings.model_validate_json(json.dumps(stored))
    except ValidationError as exc:
        first = exc.errors()[0]
        raise UserError(
            f"`student.search.space.{first['loc'][1]}`: {first['msg'][0].lower()}{first['msg'][1:]}, "
            f"found {first['input']!r:.80}.",
            "Change or remove the value.",
        ) from exc


def with_student(project: Project, student: StudentSettings) -> Project:
    """The same project, with other settings of the student; what it has read and loaded is shared."""
    project.encoder  # noqa: B018  # loaded once for all of them
    other = copy(project)
    other.settings = project.settings.model_copy(update={"student": student})
    return other


def _table_of(student: StudentSettings, name: str) -> str:
    tables: dict[str, Table] = {table: getattr(student, table) for table in TABLES[student.kind]}
    for table, settings in tables.items():
        if name in type(settings).model_fields:
            return table
    known = [name for settings in tables.values() for name in type(settings).model_fields]
    raise UserError(
        f"`student.search.space.{name}`: a `{student.kind}` student has no such setting.", did_you_mean(name, known)
    )
