"""What the settings say about a question: its wording, its demonstrations and the labels it shows. Asks nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import GoldMisuse
from understudy.records import Document, Role

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.prompts import Wording

FEWEST_CANDIDATES = 2

Choose = Callable[[Sequence[Document]], list[tuple[Document, ...]]]
Narrow = Callable[[Sequence[Document], Sequence[tuple[Document, ...]]], list[tuple[str, ...]]]


def demonstrations_pool(project: Project) -> tuple[Document, ...]:
    """The texts that may be shown to a teacher: gold role demo, or none if the settings want none.

    Raises
    ------
    GoldMisuse
        If one of them is kept to judge.
    """
    if project.settings.prompt.demonstrations == "none":
        return ()
    demo = project.gold_of(Role.DEMO)
    refuse_judges(project, demo)
    return demo


def refuse_judges(project: Project, documents: Sequence[Document]) -> None:
    """Raise `GoldMisuse` if a text of gold test is among those shown to a teacher or to whoever edits the codebook."""
    wrong = [document.id for document in documents if project.ledger.role_of(document.id) is Role.TEST]
    if wrong:
        raise GoldMisuse(
            f"{len(wrong)} texts of gold test would be shown, first `{wrong[0]}`.",
            "Test texts judge; only texts of role demo and dev may be looked at.",
        )


def wording_of(project: Project) -> Wording:
    """How the project's questions are put: as `plain_wording`, with spans in the form that serves them best."""
    from understudy.pipeline.span_format import span_format_of

    wording = plain_wording(project)
    return replace(wording, span_format=span_format_of(project, wording))


def plain_wording(project: Project) -> Wording:
    """The usual words, what the settings mask, and an order of labels for each replicate if they say so."""
    from understudy.prompts import Mask, Wording

    prompt, teacher = project.settings.prompt, project.settings.teacher
    mask = Mask(prompt.mask, prompt.mask_names) if prompt.mask else None
    orders = label_orders(project, teacher.replicates) if teacher.replicate_by == "label_order" else ()
    return Wording(mask=mask, orders=orders)


def label_orders(project: Project, n: int) -> tuple[tuple[str, ...], ...]:
    """`n` orders of the labels: the codebook's, then shuffled ones that depend on the seed and their number alone."""
    labels = project.task.labels
    shuffled = (
        np.random.default_rng([project.settings.project.seed, 9, number]).permutation(len(labels))
        for number in range(1, n)
    )
    return (labels, *(tuple(labels[column] for column in order) for order in shuffled))


def chooser(project: Project, demo: Sequence[Document]) -> Choose:
    """Demonstrations for documents; the same for a document whenever it is asked about."""
    from understudy.prompts import NEEDS_VECTORS, select_demonstrations

    prompt = project.settings.prompt

    def vectors(documents: Sequence[Document]) -> NDArray[np.float32]:
        if prompt.demonstrations not in NEEDS_VECTORS or not demo:
            return np.zeros((len(documents), 1), dtype=np.float32)
        return _vectors(project, documents)

    demo_vectors = vectors(demo)

    def choose(documents: Sequence[Document]) -> list[tuple[Document, ...]]:
        rng = np.random.default_rng([project.settings.project.seed, 8])
        return select_demonstrations(
            prompt.demonstrations, prompt.k, demo, demo_vectors, documents, vectors(documents), rng
        )

    return choose


def narrower(project: Project, demo: Sequence[Document]) -> Narrow | None:
    """The likeliest labels of documents, with those of their demonstrations; None if all labels are shown."""
    n = max(FEWEST_CANDIDATES, project.settings.prompt.candidates)
    if not project.settings.prompt.candidates or n >= len(project.task.labels):
        return None
    scores = _scorer(project, demo)
    escape = _escape(project)

    def narrow(documents: Sequence[Document], shown: Sequence[tuple[Document, ...]]) -> list[tuple[str, ...]]:
        from understudy.prompts import candidate_labels

        labels = project.task.labels
        encode = project.task.encode
        always = [[*escape, *np.flatnonzero(encode([each.value for each in row]).any(axis=0))] for row in shown]
        chosen = candidate_labels(scores(documents), n, always)
        return [tuple(labels[column] for column in columns) for columns in chosen]

    return narrow


def _escape(project: Project) -> list[int]:
    """Columns of labels that mean `unsure` themselves: then the way out is one of them and is always shown."""
    from understudy.prompts.vocabulary import UNSURE, vocabulary_of

    meaning = vocabulary_of(project.settings.codebook).label_of(UNSURE)
    return [] if meaning is None else [project.task.labels.index(meaning)]


def _scorer(project: Project, demo: Sequence[Document]) -> Callable[[Sequence[Document]], NDArray[np.float64]]:
    from understudy.prompts import label_scores, own_positions
    from understudy.teacher.nearest import describe

    definitions = project.encoder.encode([describe(label) for label in project.settings.codebook.labels])
    demo_vectors = _vectors(project, demo) if demo else np.zeros((0, definitions.shape[1]), dtype=np.float32)
    demo_labels = project.task.encode([each.value for each in demo])

    def scores(documents: Sequence[Document]) -> NDArray[np.float64]:
        own = own_positions(demo, documents)
        return label_scores(definitions, demo_vectors, demo_labels, _vectors(project, documents), own)

    return scores


def _vectors(project: Project, documents: Sequence[Document]) -> NDArray[Any]:
    from understudy.prompts import text_to_compare

    return project.encoder.encode([text_to_compare(document) for document in documents])
