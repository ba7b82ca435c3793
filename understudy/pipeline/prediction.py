"""The step in which a trained student labels a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import UserError, did_you_mean
from understudy.pipeline.fastest import in_fastest_form
from understudy.pipeline.kept import ARM_FILE, STUDENTS

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.scoring import ScoreSummary

RECOMMENDED_FILE = "recommended.json"


def predict(
    project: Project, source: Path, target: Path, *, student: str | None, text_column: str | None, prefix: str
) -> ScoreSummary:
    """Label a file with the student of an arm, by default the recommended one.

    Raises
    ------
    UserError
        If there is no such student.
    """
    from understudy.scoring import score_file
    from understudy.student import load_student

    name = student or recommended(project)
    folder = project.folder / STUDENTS / name
    if not (folder / ARM_FILE).exists():
        raise UserError(f"there is no student `{name}`.", did_you_mean(name, _names(project)))
    labeller, sentence = in_fastest_form(project, folder, load_student(folder))
    if sentence:
        project.listener.say(sentence)
    return score_file(
        labeller,
        source,
        target,
        text_column=text_column or project.settings.data.text,
        encoding=project.settings.data.encoding,
        prefix=prefix,
        pair=_pair(project),
        on_progress=lambda done, total: project.listener.progress("labelling", done, total),
    )


def _pair(project: Project) -> tuple[str, str] | None:
    """Columns of head and tail, if the project has them."""
    data = project.settings.data
    return None if data.head is None or data.tail is None else (data.head, data.tail)


def recommend(project: Project, name: str) -> None:
    """Remember which student `predict` takes by default."""
    path = project.folder / STUDENTS / RECOMMENDED_FILE
    path.write_text(json.dumps({"student": name}), encoding="utf-8")


def recommended(project: Project) -> str:
    """The student that `predict` takes by default.

    Raises
    ------
    UserError
        If none was recommended yet.
    """
    try:
        return str(json.loads((project.folder / STUDENTS / RECOMMENDED_FILE).read_text(encoding="utf-8"))["student"])
    except FileNotFoundError as exc:
        raise UserError("No student has been evaluated yet.", f"Run `understudy run {project.folder}` first.") from exc


def _names(project: Project) -> list[str]:
    return sorted(path.parent.name for path in (project.folder / STUDENTS).glob(f"*/{ARM_FILE}"))
