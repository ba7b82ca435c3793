"""Opens the teacher that the settings name."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.corpus import document_digest, read_recorded
from understudy.errors import UserError
from understudy.pipeline.prompting import chooser, demonstrations_pool, narrower, wording_of
from understudy.pipeline.several import texts_per_call
from understudy.records import Document, Role

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project
    from understudy.prompts import Wording
    from understudy.settings import Settings
    from understudy.teacher import Provider, Teacher


NONCE = "nonce"
ANSWERS_DEPEND_ON = {"kind", "model", "base_url", "temperature", "replicates", "max_tokens", "structured", "logprobs"}


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


def open_teacher(
    project: Project, wording: Wording | None = None, *, texts_at_once: int | None = None
) -> OpenedTeacher:
    """The teacher of a project; one that reads prompts can be asked in another wording than the settings'.

    Parameters
    ----------
    texts_at_once : texts in one call; None for what the paired check allows, and one text in another wording.
    """
    if project.teacher_costs_money:
        return _open_llm(project, wording, texts_at_once)
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


def _open_lexicon(project: Project) -> OpenedTeacher:
    from understudy.teacher.lexicon import LexiconTeacher

    settings, demonstrations = project.settings, project.gold_of(Role.DEMO)
    digest = _digest("lexicon", settings.embedding.model_dump(), _contents(demonstrations))

    def connect(_journal: Journal) -> Teacher:
        return LexiconTeacher(
            project.task,
            settings.teacher.name,
            project.encoder.encode,
            demonstrations,
            codebook_digest=project.codebook_digest,
            prompt_digest=digest,
        )

    return OpenedTeacher(settings.teacher.name, digest, connect)


def _open_nearest(project: Project) -> OpenedTeacher:
    from understudy.teacher import NearestDefinitionTeacher

    if project.settings.codebook.kind == "entities":
        return _open_lexicon(project)

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


def _open_llm(project: Project, wording: Wording | None = None, texts_at_once: int | None = None) -> OpenedTeacher:
    from understudy.prompts import NEEDS_VECTORS, template_digest

    settings = project.settings
    is_usual = wording is None
    wording = replace(wording or wording_of(project), is_structured=settings.teacher.structured == "auto")
    demo = demonstrations_pool(project)
    looks_at_vectors = settings.prompt.demonstrations in NEEDS_VECTORS or settings.prompt.candidates
    digest = _digest(
        template_digest(project.task, wording.paraphrase),
        wording.orders,
        settings.prompt.model_dump(exclude={"span_format", "direction_check"}),
        settings.embedding.model_dump() if looks_at_vectors else {},
        settings.teacher.model_dump(include=ANSWERS_DEPEND_ON),
        settings.data.model_dump(include={"max_characters", "overlong"}),
        _contents(demo),
    )
    if settings.codebook.kind in ("entities", "relations"):
        digest = _digest(digest, wording.span_format, wording.is_swapped)
    if texts_at_once is None:
        texts_at_once = texts_per_call(project, digest) if is_usual else 1
    if texts_at_once > 1:
        digest = _digest(digest, texts_at_once, template_digest(project.task, with_several=True))

    def connect(journal: Journal) -> Teacher:
        return _language_model(project, journal, demo, digest, wording, texts_at_once)

    return OpenedTeacher(settings.teacher.name, digest, connect)


def _language_model(
    project: Project, journal: Journal, demo: Sequence[Document], digest: str, wording: Wording, texts_at_once: int
) -> Teacher:
    from understudy.teacher import LanguageModelTeacher, PromptPlan, Together

    settings = project.settings
    provider = open_provider(project)
    plan = PromptPlan(
        nonce=_nonce(journal),
        choose=chooser(project, demo),
        repair=settings.prompt.repair,
        codebook_digest=project.codebook_digest,
        prompt_digest=digest,
        wording=wording,
        narrow=narrower(project, demo),
        together=Together(texts_at_once, settings.prompt.k),
    )
    rng = np.random.default_rng()
    return LanguageModelTeacher(project.task, provider, journal, plan, settings.teacher, settings.data, rng)


def open_provider(project: Project) -> Provider:
    """How the project's model is reached; only for a teacher that is a language model."""
    from understudy.teacher.keys import find_key

    settings = project.settings
    return _PROVIDERS[settings.teacher.kind](settings, find_key(settings.teacher.key_name))


def _with_logprobs(settings: Settings, key: str) -> Provider:
    from understudy.teacher import Gemini, OpenAICompatible

    teacher = settings.teacher
    provider = Gemini if teacher.kind == "gemini" else OpenAICompatible
    return provider(
        teacher.endpoint,
        teacher.model,
        key,
        temperature=teacher.temperature,
        max_tokens=teacher.max_tokens,
        logprobs=teacher.logprobs,
    )


def _anthropic(settings: Settings, key: str) -> Provider:
    from understudy.teacher import Anthropic

    teacher, prompt = settings.teacher, settings.prompt
    if teacher.logprobs:
        raise UserError("Anthropic gives no log-probabilities.", "Set `teacher.logprobs = false`.")
    n_fixed = 2 * prompt.k if prompt.demonstrations == "fixed" else 0
    return Anthropic(
        teacher.endpoint,
        teacher.model,
        key,
        temperature=teacher.temperature,
        max_tokens=teacher.max_tokens,
        n_shared=0 if prompt.candidates else 1 + n_fixed,
    )


_PROVIDERS: dict[str, Callable[[Settings, str], Provider]] = {
    "openai": _with_logprobs,
    "anthropic": _anthropic,
    "gemini": _with_logprobs,
}


def _nonce(journal: Journal) -> str:
    """The project's random code around texts: nobody who writes texts can know it, and every run has the same."""
    nonce = journal.recall(NONCE)
    if nonce is None:
        nonce = secrets.token_hex(8)
        journal.remember(NONCE, nonce).result()
    return nonce


def _contents(documents: Iterable[Document]) -> list[Any]:
    return sorted([document.id, document_digest(document), str(document.value)] for document in documents)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


_OPENERS: dict[str, Callable[[Project], OpenedTeacher]] = {
    "nearest-definition": _open_nearest,
    "recorded": _open_recorded,
    "openai": _open_llm,
    "anthropic": _open_llm,
    "gemini": _open_llm,
}
