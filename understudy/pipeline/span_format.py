"""Which form of answers about spans a model keeps to best: each is tried once, on a slice of gold dev.

Gold test takes no part. What was found is stored with codebook, prompt and gold dev that it belongs to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING

from understudy.corpus import text_digest
from understudy.records import Annotation, Document, Outcome, Role

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.prompts import SpanFormat, Wording

SLICE = 40
"""Texts of gold dev on which each form is tried."""


def span_format_of(project: Project, wording: Wording) -> SpanFormat:
    """The form that the settings name, or the best one if they leave it open and it was tried; inline tags until then.

    Parameters
    ----------
    wording : all else of how questions are put.
    """
    said = project.settings.prompt.span_format
    if said != "auto":
        return said
    scores = _stored_scores(project, wording) if _is_open(project) else None
    return "tags" if scores is None else best_format(scores)


def try_formats(project: Project) -> None:
    """Try each form if the settings leave it open and it was not done yet; keeps the scores and says them.

    Nothing is kept if a call failed: then they are tried again the next time.
    """
    from understudy.pipeline.probing import gold_slice
    from understudy.pipeline.prompting import plain_wording

    wording = plain_wording(project)
    if not _is_open(project) or _stored_scores(project, wording) is not None:
        return
    documents = gold_slice(project, SLICE)
    said = _asked(project, wording, documents)
    scores = {name: _score(project, documents, answers) for name, answers in said.items()}
    project.listener.say(_line(scores, said, len(documents)))
    if not any(a.outcome is Outcome.FAILED for answers in said.values() for a in answers.values()):
        with project.journal() as journal:
            journal.remember(_name(project, wording), json.dumps(scores)).result()


def best_format(scores: Mapping[str, float | None]) -> SpanFormat:
    """The form with the highest score, the earliest of equals; inline tags if no score is defined."""
    from understudy.prompts import SPAN_FORMATS

    defined = {name: score for name in SPAN_FORMATS if (score := scores.get(name)) is not None}
    return max(defined, key=defined.__getitem__, default="tags")


def _is_open(project: Project) -> bool:
    is_asked = project.settings.codebook.kind == "entities" and project.teacher_costs_money
    return is_asked and project.settings.prompt.span_format == "auto" and bool(project.gold_of(Role.DEV))


def _asked(project: Project, wording: Wording, documents: Sequence[Document]) -> dict[str, dict[str, Annotation]]:
    from understudy.pipeline.probing import probe
    from understudy.pipeline.teachers import open_teacher
    from understudy.prompts import SPAN_FORMATS

    return {
        name: probe(
            project, open_teacher(project, replace(wording, span_format=name)), documents, f"trying answers as {name}"
        )
        for name in SPAN_FORMATS
    }


def _score(project: Project, documents: Sequence[Document], said: Mapping[str, Annotation]) -> float | None:
    """Headline F1 where a text without a value is a miss; None where undefined."""
    from understudy.evaluation import headline_score
    from understudy.pipeline.validation import count_values, headline_of

    counts = count_values(project.task, documents, [said[d.id].value for d in documents])
    f1 = headline_score(counts, headline_of(project.task)).f1
    return None if isnan(f1) else f1


def _line(scores: Mapping[str, float | None], said: Mapping[str, Mapping[str, Annotation]], n: int) -> str:
    found = []
    for name, score in scores.items():
        n_unread = sum(a.outcome is Outcome.UNPARSED for a in said[name].values())
        f1 = "undefined" if score is None else f"{score:.3f}"
        found.append(f"{name} F1 {f1}, {n_unread} unreadable")
    return f"answers about spans as {best_format(scores)}: best on {n:,} texts of gold dev ({'; '.join(found)})"


def _stored_scores(project: Project, wording: Wording) -> dict[str, float | None] | None:
    name = _name(project, wording)
    with project.journal_to_read() as journal:
        found = None if journal is None else journal.recall(name)
    return None if found is None else json.loads(found)


def _name(project: Project, wording: Wording) -> str:
    from understudy.pipeline.teachers import open_teacher

    digest = open_teacher(project, replace(wording, span_format="tags")).prompt_digest
    dev = [[d.id, text_digest(d.text), str(d.value)] for d in project.gold_of(Role.DEV)]
    state = json.dumps([digest, project.codebook_digest, dev])
    return f"span format {hashlib.sha256(state.encode()).hexdigest()}"
