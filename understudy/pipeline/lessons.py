"""What a recipe against label noise makes of the labels that one training run draws. Judges no recipe.

Gold dev is learned from only as far as the caller allows: texts that shall judge are held out here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.evaluation import fit_trust
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.sources import TrainingSet, human_set
from understudy.pipeline.span_trust import ESSENTIAL as OF_SPANS
from understudy.pipeline.span_trust import SaidSpan, references_of, said_spans, span_features
from understudy.pipeline.trust_features import ESSENTIAL, agreement, trust_features
from understudy.records import Annotation, Document, Outcome, Role, Span, Value
from understudy.student.noise import Human, Known, Lesson, NoisyLabels, Recipe
from understudy.student.noise.decisions import Layers
from understudy.student.noise.reweighting import history_of
from understudy.student.spans.decisions import word_decisions

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.student.reweighting import Distrust

N_ANSWERS = 10
"""Pretended answers to a text whose spans hold in a share of them."""

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Taught:
    """What a student is given.

    Attributes
    ----------
    labels : n documents with what was said about them.
    weights : shape (n,), >= 0.
    given : shape (rounds, n), weights that human labels gave on the way; None without.
    """

    labels: TrainingSet
    weights: FloatArray
    given: FloatArray | None = None

    def distrusted(self, n: int) -> list[Distrust]:
        """The at most `n` documents that human labels gave the least weight; none where they weighed nothing."""
        if self.given is None:
            return []
        return history_of([document.id for document in self.labels.documents], self.given).distrusted(n)


@dataclass(frozen=True, eq=False)
class Lessons:
    """The teacher's labels of one training run, and the human ones beside them.

    Attributes
    ----------
    drawn : n documents that the teacher labelled.
    run : number of the training run, for the draws of recipes.
    """

    project: Project
    drawn: TrainingSet
    run: int

    @cached_property
    def annotations(self) -> Mapping[str, Annotation]:
        """Of every document that was asked about, by id."""
        return stored_annotations(self.project)

    @cached_property
    def dev(self) -> tuple[Document, ...]:
        """Gold dev, the rows of every mask."""
        return self.project.gold_of(Role.DEV)

    def why_not(self, recipe: Recipe) -> str:
        """Why a recipe cannot be tried on these labels, in words; "" if it can."""
        if self.project.task.marks_spans and recipe.not_for_spans:
            return recipe.not_for_spans
        if recipe.needs_spans and not self.project.task.marks_spans:
            return "for labels that are spans only"
        if recipe.needs_exclusive and not self.project.task.is_exclusive:
            return "for labels that exclude each other only"
        if recipe.needs_repeats and np.all(self._consistency == 1):
            return "the teacher's repeated answers do not differ"
        if recipe.needs_trust and not self._judged:
            return "the teacher labelled no text of gold dev"
        if recipe.gold_weight and not self.project.gold_of(Role.DEMO):
            return "there is no gold demo text"
        return ""

    def learns_from_dev(self, recipe: Recipe) -> bool:
        """Whether human labels of gold dev have a part in what the recipe teaches."""
        mixes_dev_in = recipe.gold_weight > 0 and self.project.ledger.shares_demo_dev
        return recipe.needs_trust or recipe.needs_human or mixes_dev_in

    def teach(self, recipe: Recipe, may_learn: BoolArray) -> Taught:
        """What the recipe makes of the labels.

        Parameters
        ----------
        may_learn : shape (texts of gold dev,); nothing is learned from the human labels of the others.
        """
        lesson = recipe.teach(self._known(recipe, may_learn))
        labels = replace(self.drawn, targets=lesson.targets)
        if lesson.span_shares is not None:
            labels = self._with_shares(labels, lesson.span_shares)
        if not recipe.gold_weight:
            return Taught(labels, lesson.weights, lesson.given)
        return self._with_gold(labels, lesson, recipe.gold_weight, may_learn)

    def _with_shares(self, labels: TrainingSet, shares: FloatArray) -> TrainingSet:
        """The labels with each span in its share of the answers; uncertain where that is nan."""
        answers, uncertain, first = [], [], 0
        for annotation, stretches in zip(self._drawn_annotations, labels.uncertain, strict=True):
            spans = _spans_of(annotation)
            own, first = shares[first : first + len(spans)], first + len(spans)
            answers.append(_pretended(spans, own))
            uncertain.append((*stretches, *(spans[place] for place in np.flatnonzero(np.isnan(own)))))
        return replace(labels, answers=tuple(answers), uncertain=tuple(uncertain))

    def _with_gold(self, labels: TrainingSet, lesson: Lesson, weight: float, may_learn: BoolArray) -> Taught:
        held_out = {d.id for d, may in zip(self.dev, may_learn, strict=True) if not may}
        gold = human_set(self.project, [d for d in self.project.gold_of(Role.DEMO) if d.id not in held_out])
        with_human = {document.id for document in gold.documents}
        repeated = np.array([document.id in with_human for document in labels.documents], dtype=np.bool_)
        weights = np.concatenate([np.where(repeated, 0.0, lesson.weights), np.full(len(gold.documents), weight)])
        return Taught(labels.joined(gold), weights)

    def _known(self, recipe: Recipe, may_learn: BoolArray) -> Known:
        seed = self.project.settings.project.seed
        labels = NoisyLabels(
            vectors=self._vectors,
            given=self.project.task.encode([annotation.value for annotation in self._drawn_annotations]),
            shares=self.drawn.targets,
            consistency=self._consistency,
            trust=self._trust(may_learn) if recipe.needs_trust else np.ones(len(self.drawn.documents)),
            is_exclusive=self.project.task.is_exclusive,
            words=self._words[0] if recipe.needs_human else None,
            span_trust=self._span_trust(may_learn) if recipe.needs_trust else None,
        )
        human = self._human(may_learn) if recipe.needs_human else None
        threshold = self.project.settings.student.noise_consistency
        return Known(labels, human, threshold, np.random.default_rng([seed, 12, self.run]))

    def _human(self, may_learn: BoolArray) -> Human:
        documents = [self.dev[row] for row in np.flatnonzero(may_learn)]
        words = self._words[1]
        own = None if words is None else [layer.within(may_learn) for layer in words]
        return Human(self._encoded(documents), human_set(self.project, documents).targets, own)

    @cached_property
    def _words(self) -> tuple[Layers | None, Layers | None]:
        """What is decided at the words of the drawn texts, and at those of gold dev; None where a text is a whole."""
        project = self.project
        gold = human_set(project, self.dev)
        return word_decisions(project.settings.student, project.task, project.encoder, self.drawn, gold)

    def _trust(self, may_learn: BoolArray) -> FloatArray:
        """Of the drawn labels, learned on the allowed part of gold dev alone."""
        n = len(self.drawn.documents)
        rows = [i for i, row in enumerate(self._judged) if may_learn[row]]
        if not rows:
            return np.ones(n)
        correct = [self._annotation(self.dev[self._judged[i]]).value == self.dev[self._judged[i]].value for i in rows]
        features = self._trust_features
        rng = np.random.default_rng([self.project.settings.project.seed, 13, self.run])
        groups = [self.dev[self._judged[i]].group for i in rows]
        chosen = features[[n + i for i in rows]]
        return fit_trust(chosen, np.array(correct, float), rng, essential=ESSENTIAL, groups=groups).predict(
            features[:n]
        )

    @cached_property
    def _trust_features(self) -> FloatArray:
        """Of the drawn documents, then of the texts of gold dev that the teacher labelled."""
        documents = [*self.drawn.documents, *(self.dev[row] for row in self._judged)]
        rng = np.random.default_rng([self.project.settings.project.seed, 14, self.run])
        chosen = [self._annotation(document) for document in documents]
        return trust_features(self.project.task, documents, chosen, self._encoded(documents), rng)

    def _span_trust(self, may_learn: BoolArray) -> FloatArray | None:
        """Of the spans of the drawn labels, learned on the allowed part of gold dev alone."""
        if not self.project.task.marks_spans:
            return None
        own, judged = self._said_spans
        allowed = {self.dev[row].id for row in np.flatnonzero(may_learn)}
        rows = [row for row, said in enumerate(judged) if said.document.id in allowed]
        if not (own and rows):
            return np.ones(len(own))
        right = np.array([judged[row].is_right for row in rows], dtype=np.float64)
        groups = [judged[row].group for row in rows]
        rng = np.random.default_rng([self.project.settings.project.seed, 17, self.run])
        chosen = self._span_features[[len(own) + row for row in rows]]
        model = fit_trust(chosen, right, rng, essential=OF_SPANS, groups=groups)
        return model.predict(self._span_features[: len(own)])

    @cached_property
    def _said_spans(self) -> tuple[list[SaidSpan], list[SaidSpan]]:
        """Of the drawn labels, then of the teacher's labels of gold dev."""
        judged = [self.dev[row] for row in self._judged]
        return said_spans(self.drawn.documents, self.annotations), said_spans(judged, self.annotations)

    @cached_property
    def _span_features(self) -> FloatArray:
        """Of both."""
        own, judged = self._said_spans
        rng = np.random.default_rng([self.project.settings.project.seed, 18, self.run])
        references = references_of(self.project, self.annotations, rng)
        return span_features([*own, *judged], references, self.annotations, self.project.task.labels)

    @cached_property
    def _judged(self) -> list[int]:
        """Rows of gold dev that the teacher labelled."""
        asked = [(row, self.annotations.get(document.id)) for row, document in enumerate(self.dev)]
        return [row for row, found in asked if found is not None and found.outcome is Outcome.LABELLED]

    @cached_property
    def _vectors(self) -> FloatArray:
        return self._encoded(self.drawn.documents)

    @cached_property
    def _drawn_annotations(self) -> list[Annotation]:
        return [self._annotation(document) for document in self.drawn.documents]

    @cached_property
    def _consistency(self) -> FloatArray:
        return np.array([agreement(annotation) for annotation in self._drawn_annotations])

    def _annotation(self, document: Document) -> Annotation:
        return self.annotations[document.id]

    def _encoded(self, documents: Sequence[Document]) -> FloatArray:
        return self.project.encoder.encode([document.text for document in documents]).astype(np.float64)


def _spans_of(annotation: Annotation) -> list[Span]:
    return [span for span in annotation.value or () if isinstance(span, Span)]


def _pretended(spans: Sequence[Span], shares: FloatArray) -> tuple[Value, ...]:
    """`N_ANSWERS` answers, of which each span stands in its share, the nearest that there is; in all if it is nan."""
    in_answers = np.where(np.isnan(shares), N_ANSWERS, np.round(N_ANSWERS * shares))
    return tuple(
        tuple(span for span, n in zip(spans, in_answers, strict=True) if number < n) for number in range(N_ANSWERS)
    )
