"""Opens the teacher that the settings name."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.corpus import read_recorded, text_digest
from understudy.errors import UserError
from understudy.pipeline.prompting import chooser, demonstrations_pool, narrower, wording_of
from understudy.records import Document, Role

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project
    from understudy.prompts import Wording
    from understudy.teacher import Teacher


NONCE = "nonce"


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


def open_teacher(project: Project, wording: Wording | None = None) -> OpenedTeacher:
    """The teacher of a project; one that reads prompts can be asked in another wording than the settings'."""
    if wording is not None and project.teacher_costs_money:
        return _open_llm(project, wording)
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


def _open_llm(project: Project, wording: Wording | None = None) -> OpenedTeacher:
    from understudy.prompts import NEEDS_VECTORS, template_digest

    settings = project.settings
    wording = wording or wording_of(project)
    demo = demonstrations_pool(project)
    looks_at_vectors = settings.prompt.demonstrations in NEEDS_VECTORS or settings.prompt.candidates
    digest = _digest(
        template_digest(project.task, wording.paraphrase),
        wording.orders,
        settings.prompt.model_dump(),
        settings.embedding.model_dump() if looks_at_vectors else {},
        settings.teacher.model_dump(include={"model", "base_url", "temperature", "replicates", "max_tokens"}),
        settings.data.model_dump(include={"max_characters", "overlong"}),
        _contents(demo),
    )

    def connect(journal: Journal) -> Teacher:
        return _language_model(project, journal, demo, digest, wording)

    return OpenedTeacher(settings.teacher.name, digest, connect)


def _language_model(
    project: Project, journal: Journal, demo: Sequence[Document], digest: str, wording: Wording
) -> Teacher:
    from understudy.teacher import LanguageModelTeacher, OpenAICompatible, PromptPlan
    from understudy.teacher.keys import find_key

    settings = project.settings
    provider = OpenAICompatible(
        settings.teacher.base_url,
        settings.teacher.model,
        find_key(settings.teacher.api_key_env),
        temperature=settings.teacher.temperature,
        max_tokens=settings.teacher.max_tokens,
    )
    plan = PromptPlan(
        nonce=_nonce(journal),
        choose=chooser(project, demo),
        repair=settings.prompt.repair,
        codebook_digest=project.codebook_digest,
        prompt_digest=digest,
        wording=wording,
        narrow=narrower(project, demo),
    )
    rng = np.random.default_rng()
    return LanguageModelTeacher(project.task, provider, journal, plan, settings.teacher, settings.data, rng)


def _nonce(journal: Journal) -> str:
    """The project's random code around texts: nobody who writes texts can know it, and every run has the same."""
    nonce = journal.recall(NONCE)
    if nonce is None:
        nonce = secrets.token_hex(8)
        journal.remember(NONCE, nonce).result()
    return nonce


def _contents(documents: Iterable[Document]) -> list[Any]:
    return sorted([document.id, text_digest(document.text), str(document.value)] for document in documents)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


_OPENERS: dict[str, Callable[[Project], OpenedTeacher]] = {
    "nearest-definition": _open_nearest,
    "recorded": _open_recorded,
    "openai": _open_llm,
}
