"""How far single spans of the teacher's labels can be trusted, learned on gold dev beside the trust of whole texts.

Asks nobody and stores nothing. Gold test takes no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import TrustReport, fit_trust, report_trust
from understudy.pipeline.trusting import labelled, refuse_test
from understudy.records import Annotation, Document, Role, Span

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]

ESSENTIAL = (0, 1)
"""Columns for which little gold is enough: the share of the answers, and the same words elsewhere."""

MOST_REFERENCES = 20_000
"""Texts, drawn at random, in which the same words are looked for."""


@dataclass(frozen=True)
class SaidSpan:
    """One span of a teacher's label."""

    document: Document
    annotation: Annotation
    span: Span

    @property
    def is_right(self) -> bool:
        """Whether a human span has the same borders and label."""
        return self.span in (self.document.value or ())

    @property
    def group(self) -> str:
        """What must stay together: its text's group, or its text."""
        return f"text {self.document.id}" if self.document.group is None else f"group {self.document.group}"

    @property
    def consistency(self) -> float:
        """The share of all answers asked for that hold it, in (0, 1]."""
        answers = self.annotation.answers or (self.annotation.value or (),)
        return sum(self.span in answer for answer in answers) / max(self.annotation.n_asked, len(answers))


def measure_span_trust(project: Project, annotations: Mapping[str, Annotation]) -> TrustReport | None:
    """Trust of single spans beside the share of the answers that hold them, on gold dev; spans of a text stay together.

    None if `trust.enabled` is false, the task marks no spans, or the teacher marked none in gold dev. Every span is
    judged by a model that saw none of its text or group.
    """
    if not (project.settings.trust.enabled and project.task.marks_spans):
        return None
    dev = labelled(project.gold_of(Role.DEV), annotations)
    refuse_test(project, dev)
    spans = said_spans(dev, annotations)
    if not spans:
        return None
    rng = np.random.default_rng([project.settings.project.seed, 42])
    features = span_features(spans, references_of(project, annotations, rng), annotations, project.task.labels)
    right, groups = [said.is_right for said in spans], [said.group for said in spans]
    model = fit_trust(features, np.array(right, dtype=np.float64), rng, essential=ESSENTIAL, groups=groups)
    return report_trust(model.out_of_fold, [said.consistency for said in spans], right, rng, groups=groups)


def said_spans(documents: Iterable[Document], annotations: Mapping[str, Annotation]) -> list[SaidSpan]:
    """Every span of the labels of these documents, in their order."""
    return [
        SaidSpan(document, annotations[document.id], span)
        for document in documents
        for span in annotations[document.id].value or ()
        if isinstance(span, Span)
    ]


def references_of(
    project: Project, annotations: Mapping[str, Annotation], rng: np.random.Generator
) -> Sequence[Document]:
    """Texts that the teacher labelled, of pool, gold demo and gold dev; at random if they are many."""
    dev = labelled(project.gold_of(Role.DEV), annotations)
    others = labelled([*project.candidates, *project.gold_of(Role.DEMO)], annotations, but=dev)
    return _drawn([*others, *dev], rng)


def span_features(
    spans: Sequence[SaidSpan],
    references: Sequence[Document],
    annotations: Mapping[str, Annotation],
    labels: Sequence[str],
) -> FloatArray:
    """What is known of spans without a human, a row each; nan where there is nothing to know.

    Columns: log-odds of the share of the answers that hold the span; log-odds of the share of other texts with the same
    words in which the teacher marked them alike; stated confidence; length of the span; number of spans of its text;
    whether the text is suspicious; then for each label whether the span has it. Shares of n have half a case added on
    both sides.

    Parameters
    ----------
    references : texts that the teacher labelled; a span's own text does not count.
    """
    marked = {document.id: _marked(annotations[document.id]) for document in references}
    folded = {document.id: document.text.casefold() for document in references}
    elsewhere = {key: _elsewhere(*key, folded, marked) for key in dict.fromkeys(_key(said) for said in spans)}
    rows = [
        [
            _log_odds(said.consistency * said.annotation.n_asked, said.annotation.n_asked),
            _log_odds(*_without(elsewhere[_key(said)], said)),
            np.nan if said.annotation.confidence is None else said.annotation.confidence,
            np.log1p(len(said.span.text)),
            np.log1p(len(said.annotation.value or ())),
            float(bool(said.annotation.flags)),
            *(float(label == said.span.label) for label in labels),
        ]
        for said in spans
    ]
    return np.array(rows, dtype=np.float64).reshape(len(spans), 6 + len(labels))


def _drawn(documents: Sequence[Document], rng: np.random.Generator) -> list[Document]:
    return [documents[row] for row in np.sort(rng.permutation(len(documents))[:MOST_REFERENCES])]


def _key(said: SaidSpan) -> tuple[str, str]:
    return said.span.text.casefold(), said.span.label


def _marked(annotation: Annotation) -> frozenset[tuple[str, str]]:
    return frozenset((span.text.casefold(), span.label) for span in annotation.value or () if isinstance(span, Span))


def _elsewhere(
    words: str, label: str, folded: Mapping[str, str], marked: Mapping[str, frozenset[tuple[str, str]]]
) -> dict[str, bool]:
    """The references with these words, and whether they are marked there with this label."""
    return {identifier: (words, label) in marked[identifier] for identifier, text in folded.items() if words in text}


def _without(found: Mapping[str, bool], said: SaidSpan) -> tuple[int, int]:
    """Texts marked alike, and all with the words, but for the span's own."""
    own = said.document.id
    return sum(found.values()) - found.get(own, False), len(found) - (own in found)


def _log_odds(k: float, n: int) -> float:
    return float(np.log((k + 0.5) / (n - k + 0.5))) if n else np.nan
