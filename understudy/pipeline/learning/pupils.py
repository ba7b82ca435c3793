"""The students of the rounds: trained on what is labelled so far, judged on gold dev and against each other.

Nothing is tuned on gold dev here but what a student does with it by itself (early stopping), unless `[learn]` asks for
thresholds or weights from it, and gold test is not looked at. Acquired texts judge nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.acquisition import Arm, equal_label_sets, judge
from understudy.errors import UserError
from understudy.evaluation import Counts, cohen_kappa, compare, headline_interval, headline_score
from understudy.evaluation.finite import finite_or_none
from understudy.pipeline.judging import groups_of
from understudy.pipeline.sources import TrainingSet, human_set, labelled_set
from understudy.pipeline.tuning import decided_out_of_fold, tuned_thresholds
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Annotation, Document, Role, Round
from understudy.report.data import PayoffTest

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.settings import StudentSettings
    from understudy.student import Student

STOP_SET = 2000
N_DRAWS = 3
"""Of the labels that stand for the batches in a test of choosing, because one draw scatters."""

Codes = NDArray[np.integer] | NDArray[np.bool_]


LEARN_IN_STEPS = ("encoder", "decoder-lora")
"""Students that weigh each batch of labels while they train."""


@dataclass(frozen=True)
class DevScore:
    """Headline F1 on gold dev with its 95 % interval; nan where undefined."""

    f1: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class School:
    """Trains and judges the students of one loop."""

    project: Project

    @cached_property
    def dev(self) -> tuple[Document, ...]:
        """Gold dev."""
        return self.project.gold_of(Role.DEV)

    @cached_property
    def stop_set(self) -> tuple[Document, ...]:
        """Pool texts, drawn by lot, on which successive students are compared."""
        candidates = self.project.candidates
        rng = np.random.default_rng([self.project.settings.project.seed, 31])
        rows = np.sort(rng.permutation(len(candidates))[:STOP_SET])
        return tuple(candidates[row] for row in rows)

    def train(self, lessons: TrainingSet, number: int) -> Student | None:
        """The student of a round; None if no text has a usable label."""
        from understudy.student import make_student

        if not lessons.documents:
            return None
        project = self.project
        seed = project.settings.project.seed + number
        made = make_student(self._student_settings, project.task, project.encoder, seed)
        student = made.fit(
            lessons.documents, lessons.targets, self.weights(lessons), dev=self._dev_lessons, answers=lessons.answers,
            uncertain=lessons.uncertain,
        )  # fmt: skip
        if self._tunes:
            student.set_thresholds(tuned_thresholds(project, student.predict_proba(self.dev), self.dev))
        return student

    @cached_property
    def _student_settings(self) -> StudentSettings:
        """Of the students of the rounds; those that learn in steps reweigh by themselves."""
        own, learn = self.project.settings.student, self.project.settings.learn
        update: dict[str, object] = {} if learn.student == "same" else {"kind": learn.student}
        if learn.reweight:
            update |= {
                "encoder": own.encoder.model_copy(update={"reweight": True}),
                "decoder": own.decoder.model_copy(update={"reweight": True}),
            }
        return own.model_copy(update=update)

    def weights(self, lessons: TrainingSet) -> NDArray[np.float64] | None:
        """Of the labels, for students that learn in one go; None where all count the same.

        Raises
        ------
        UserError
            If labels shall be weighed and there is no gold dev.
        """
        project = self.project
        if not project.settings.learn.reweight or self._learns_in_steps:
            return None
        if not self.dev:
            raise UserError("`learn.reweight` needs gold dev texts.", "Label texts for gold dev, or turn it off.")
        return _reweighted(project, lessons, self.dev)

    @property
    def learns_from_dev(self) -> bool:
        """Whether students take weights of labels or the end of their training from gold dev."""
        return self.project.settings.learn.reweight or self._learns_in_steps

    @property
    def _learns_in_steps(self) -> bool:
        return self._student_settings.kind in LEARN_IN_STEPS

    @cached_property
    def _dev_lessons(self) -> tuple[Sequence[Document], NDArray[np.float64]] | None:
        return (self.dev, human_set(self.project, self.dev).targets) if self.dev else None

    def score(self, student: Student | None) -> DevScore:
        """How the student does on gold dev."""
        if student is None or not self.dev:
            return DevScore(np.nan, np.nan, np.nan)
        counts = self._counts(student)
        headline = headline_of(self.project.task)
        rng = np.random.default_rng([self.project.settings.project.seed, 32])
        interval = headline_interval([counts], headline, rng, groups_of(self.dev))
        return DevScore(headline_score(counts, headline).f1, interval.low, interval.high)

    def codes(self, student: Student | None) -> Codes | None:
        """What the student says about the stop set, as numbers; None without a student."""
        if student is None or not self.stop_set:
            return None
        truths = self.project.task.encode(student.predict(self.stop_set))
        return truths.argmax(axis=1) if self.project.task.is_exclusive else truths

    def agreement(self, before: Codes | None, after: Codes | None, asked: set[str]) -> float:
        """Kappa of two students on the texts of the stop set that were not asked about; nan where undefined.

        Where labels do not exclude each other, every decision counts as one item.
        """
        free = np.array([document.id not in asked for document in self.stop_set], dtype=np.bool_)
        if before is None or after is None or not free.any():
            return float("nan")
        return cohen_kappa(np.column_stack([before[free].ravel(), after[free].ravel()]))

    def payoff(
        self, rounds: Sequence[Round], documents: Mapping[str, Document], annotations: Mapping[str, Annotation]
    ) -> PayoffTest | None:
        """Whether choosing pays at equal numbers of labels; None where nothing was drawn by lot or nothing chosen."""
        arms = {one.document_id: Arm(one.arm) for chosen in rounds for one in chosen.selections}
        lessons = labelled_set(self.project, [documents[identifier] for identifier in arms], annotations)
        known = [arms[document.id] for document in lessons.documents]
        if len(set(known)) < len(Arm) or not self.dev:
            return None
        sets = [self._sets(known, draw, len(rounds)) for draw in range(N_DRAWS)]
        batches = [self._counts(self._taught(lessons.take(mixed), len(rounds))) for mixed, _ in sets]
        lot = self._counts(self._taught(lessons.take(sets[0][1]), len(rounds)))
        return self._judged(batches, lot, len(sets[0][1]))

    def _sets(self, arms: Sequence[Arm], draw: int, number: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        rng = np.random.default_rng([self.project.settings.project.seed, 33, number, draw])
        found = equal_label_sets(np.arange(len(arms)), arms, rng)
        return found.as_labelled, found.random

    def _judged(self, batches: Sequence[Counts], lot: Counts, n_labels: int) -> PayoffTest:
        headline = headline_of(self.project.task)
        rng = np.random.default_rng([self.project.settings.project.seed, 34])
        found = compare("batches", batches, "lot", [lot], headline, rng, groups=groups_of(self.dev))
        test = judge(found.difference, found.interval.low, found.interval.high, n_labels)
        return PayoffTest(
            n_labels=n_labels,
            batches=finite_or_none(found.score_a),
            lot=finite_or_none(found.score_b),
            difference=finite_or_none(test.difference),
            low=finite_or_none(test.low),
            high=finite_or_none(test.high),
            verdict=test.payoff.value,
        )

    def _taught(self, lessons: TrainingSet, number: int) -> Student:
        student = self.train(lessons, number)
        assert student is not None  # both sets have a label
        return student

    @property
    def _tunes(self) -> bool:
        return self.project.settings.learn.tune_threshold and not self.project.task.marks_spans

    def _counts(self, student: Student) -> Counts:
        """On gold dev; decided with thresholds that were chosen on other texts of it."""
        if not self._tunes:
            return count_values(self.project.task, self.dev, student.predict(self.dev))
        decided = decided_out_of_fold(self.project, student.predict_proba(self.dev), self.dev)
        return count_values(self.project.task, self.dev, decided)


def _reweighted(project: Project, lessons: TrainingSet, dev: Sequence[Document]) -> NDArray[np.float64]:
    """Weights of labels by whether they pull where the human labels of gold dev pull, shape (n,), mean 1."""
    from understudy.student.noise import RECIPES, Human, Known, NoisyLabels
    from understudy.student.spans.decisions import word_decisions

    def encoded(documents: Sequence[Document]) -> NDArray[np.float64]:
        return project.encoder.encode([document.text for document in documents]).astype(np.float64)

    alike, gold = np.ones(len(lessons.documents)), human_set(project, dev)
    words, gold_words = word_decisions(project.settings.student, project.task, project.encoder, lessons, gold)
    labels = NoisyLabels(
        vectors=encoded(lessons.documents),
        given=project.task.encode([project.task.vote(said).value for said in lessons.answers]),
        shares=lessons.targets,
        consistency=alike,
        trust=alike,
        is_exclusive=project.task.is_exclusive,
        words=words,
    )
    human = Human(encoded(dev), gold.targets, gold_words)
    return RECIPES["reweighting"].teach(Known(labels, human, 1.0, np.random.default_rng(0))).weights
