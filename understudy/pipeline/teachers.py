"""Opens the teacher that the settings name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy.corpus import read_recorded, text_digest
from understudy.errors import UserError
from understudy.records import Document, Role

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project
    from understudy.teacher import Teacher


@dataclass(frozen=True)
class OpenedTeacher:
    """A teacher that is described but not yet connected.

    Attributes
    ----------
    name : how reports call it.
    prompt_digest : hash of everything beside codebook and text that its answers depend on.
    connect : makes it ready to annotate, given the journal that stores what is asked and answered.
    """

    name: str
    prompt_digest: str
    connect: Callable[[Journal], Teacher]


def open_teacher(project: Project) -> OpenedTeacher:
    """The teacher of a project."""
    return _OPENERS[project.settings.teacher.kind](project)


def _open_recorded(project: Project) -> OpenedTeacher:
    from understudy.teacher import RecordedTeacher

    settings = project.settings.teacher
    data = project.settings.data
    names = settings.recorded or (*data.pool, *data.gold)
    answers = read_recorded(project.paths(names), data, settings.recorded_column)
    if not any(answers.values()):
        raise UserError(
            f"{', '.join(names)}: column `{settings.recorded_column}` holds no recorded label.",
            "Name the column in `teacher.recorded_column`, or choose another `teacher.kind`.",
        )
    digest = _digest("recorded", sorted(answers.items()))
    teacher = RecordedTeacher(project.task, settings.name, answers, project.codebook_digest, digest)
    return OpenedTeacher(settings.name, digest, lambda _journal: teacher)


def _open_nearest(project: Project) -> OpenedTeacher:
    from understudy.teacher import NearestDefinitionTeacher

    settings = project.settings
    demonstrations = () if settings.prompt.demonstrations == "none" else project.gold_of(Role.DEMO)
    digest = _digest("nearest-definition", settings.embedding.model_dump(), _contents(demonstrations))

    def connect(_journal: Journal) -> Teacher:
        return NearestDefinitionTeacher(
            project.task,
            settings.teacher.name,
            project.encoder.encode,
            demonstrations,
            k=settings.prompt.k,
            codebook_digest=project.codebook_digest,
            prompt_digest=digest,
        )

    return OpenedTeacher(settings.teacher.name, digest, connect)


def _open_llm(project: Project) -> OpenedTeacher:
    raise NotImplementedError


def _contents(documents: Iterable[Document]) -> list[Any]:
    return sorted([document.id, text_digest(document.text), str(document.value)] for document in documents)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


_OPENERS: dict[str, Callable[[Project], OpenedTeacher]] = {
    "nearest-definition": _open_nearest,
    "recorded": _open_recorded,
    "openai": _open_llm,
}
