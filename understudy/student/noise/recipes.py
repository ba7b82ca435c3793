"""The recipes against label noise by name: from what is known about labels to what a student is given.

Whether one of them helps is for gold to say; this module does not judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from understudy.student.noise.candidates import candidate_targets
from understudy.student.noise.confident import REDUCED, doubt_weights, doubtful
from understudy.student.noise.consistency import consistent
from understudy.student.noise.doubtful_spans import certain_spans
from understudy.student.noise.early_learning import early_learning_targets, remembered
from understudy.student.noise.generalised import generalised_weights
from understudy.student.noise.held_out import held_out_probabilities
from understudy.student.noise.labels import FloatArray, Human, Lesson, NoisyLabels
from understudy.student.noise.neighbours import smoothed_by_neighbours
from understudy.student.noise.reweighting import reweighted
from understudy.student.noise.soft_targets import expected_labels
from understudy.student.noise.trust_weights import trust_weights

N_ROUNDS = 3
"""Of the recipes that look at what a student makes of their own lesson."""


@dataclass(frozen=True, eq=False)
class Known:
    """What a recipe may look at.

    Attributes
    ----------
    labels : the noisy labels.
    human : human labels that the recipe may learn from; None without any.
    threshold : of the consistency filter, in [0, 1].
    rng : of folds.
    """

    labels: NoisyLabels
    human: Human | None
    threshold: float
    rng: np.random.Generator


@dataclass(frozen=True)
class Recipe:
    """One idea against label noise.

    Attributes
    ----------
    title : in a few words.
    teach : from what is known to the lesson.
    needs_trust : whether it looks at trust, which is learned on gold dev.
    needs_human : whether it looks at human labels (of gold dev).
    needs_repeats : whether it needs repeated answers that differ.
    needs_exclusive : whether it needs labels that exclude each other.
    gold_weight : what each human label of gold demo counts beside the teacher's; 0: they are not mixed in.
    not_for_spans : why it makes no sense where labels are spans; "" where it does.
    needs_spans : whether it needs labels that are spans.
    """

    title: str
    teach: Callable[[Known], Lesson]
    needs_trust: bool = False
    needs_human: bool = False
    needs_repeats: bool = False
    needs_exclusive: bool = False
    gold_weight: float = 0.0
    not_for_spans: str = ""
    needs_spans: bool = False


def _as_given(known: Known) -> Lesson:
    return known.labels.as_given()


def _soft_targets(known: Known) -> Lesson:
    lesson, labels = known.labels.as_given(), known.labels
    if labels.span_trust is not None:
        return lesson.with_span_shares(labels.span_trust)
    return lesson.with_targets(expected_labels(labels))


def _doubtful_spans(known: Known) -> Lesson:
    if known.labels.span_trust is None:
        raise ValueError("doubtful spans need trust of spans.")
    return known.labels.as_given().with_span_shares(certain_spans(known.labels.span_trust))


def _trust_weights(known: Known) -> Lesson:
    return known.labels.as_given().with_weights(trust_weights(known.labels.trust))


def _consistency_filter(known: Known) -> Lesson:
    return known.labels.as_given().with_weights(consistent(known.labels.consistency, known.threshold))


def _second_opinion(known: Known) -> FloatArray:
    return held_out_probabilities(known.labels, known.labels.as_given(), known.rng)


def _confident_prune(known: Known) -> Lesson:
    return _by_doubt(known, 0.0)


def _confident_weights(known: Known) -> Lesson:
    return _by_doubt(known, REDUCED)


def _by_doubt(known: Known, doubtful_weight: float) -> Lesson:
    is_doubtful = doubtful(known.labels.given, _second_opinion(known))
    return known.labels.as_given().with_weights(doubt_weights(is_doubtful, doubtful_weight))


def _neighbours(known: Known) -> Lesson:
    lesson, labels = known.labels.as_given(), known.labels
    return lesson.with_targets(smoothed_by_neighbours(labels.vectors, lesson.targets, labels.trust))


def _candidates(known: Known) -> Lesson:
    lesson, answered = known.labels.as_given(), known.labels.shares > 0
    for _ in range(N_ROUNDS):
        opinion = held_out_probabilities(known.labels, lesson, known.rng)
        lesson = lesson.with_targets(candidate_targets(opinion, answered))
    return lesson


def _generalised(known: Known) -> Lesson:
    lesson = known.labels.as_given()
    for _ in range(N_ROUNDS):
        opinion = held_out_probabilities(known.labels, lesson, known.rng)
        lesson = lesson.with_weights(generalised_weights(opinion, known.labels.given))
    return lesson


def _early_learning(known: Known) -> Lesson:
    lesson = plain = known.labels.as_given()
    memory = _second_opinion(known)
    opinion = memory
    for _ in range(N_ROUNDS):
        lesson = plain.with_targets(early_learning_targets(plain.targets, opinion, memory))
        opinion = held_out_probabilities(known.labels, lesson, known.rng)
        memory = remembered(memory, opinion)
    return lesson


def _reweighting(known: Known) -> Lesson:
    if known.human is None:
        raise ValueError("reweighting needs human labels.")
    found = reweighted(known.labels, known.human)
    return replace(known.labels.as_given(), weights=found.weights, given=found.given)


WHOLE = "it asks what the label of a whole text is"
"""Why an idea makes no sense for spans."""

RECIPES: dict[str, Recipe] = {
    "soft-targets": Recipe("targets from trust and repeated answers", _soft_targets, needs_trust=True),
    "trust-weights": Recipe("labels weigh as much as they are trusted", _trust_weights, needs_trust=True),
    "doubtful-spans": Recipe("spans that are probably wrong teach nothing", _doubtful_spans, needs_trust=True,
                             needs_spans=True),
    "filter": Recipe("inconsistent labels left out", _consistency_filter, needs_repeats=True),
    "gold-x4": Recipe("gold demo labels mixed in, weight 4", _as_given, gold_weight=4.0),
    "gold-x16": Recipe("gold demo labels mixed in, weight 16", _as_given, gold_weight=16.0),
    "reweighting": Recipe("weights by agreement with gold gradients", _reweighting, needs_human=True),
    "confident-prune": Recipe("labels that confident learning doubts left out", _confident_prune, needs_exclusive=True,
                              not_for_spans=WHOLE),
    "confident-weights": Recipe("labels that confident learning doubts count less", _confident_weights,
                                needs_exclusive=True, not_for_spans=WHOLE),
    "neighbours": Recipe("targets drawn towards the nearest texts' labels", _neighbours, needs_trust=True,
                         not_for_spans="spans of a text say nothing about where those of another stand"),
    "candidates": Recipe("every answer stays a candidate", _candidates, needs_repeats=True, needs_exclusive=True,
                         not_for_spans="students of spans learn every answer's shares already"),
    "gce": Recipe("generalised cross-entropy", _generalised, not_for_spans=WHOLE),
    "elr": Recipe("early-learning regularisation", _early_learning, needs_exclusive=True, not_for_spans=WHOLE),
}  # fmt: skip

AUTO = ("soft-targets", "trust-weights", "gold-x4", "gold-x16", "reweighting", "confident-prune")
"""What is tried where nobody names recipes: those that gained on noisy public sets; see `studies/noise.py`."""

AUTO_OF_SPANS = ("soft-targets", "trust-weights", "doubtful-spans", "gold-x4", "gold-x16", "reweighting")
"""The same where labels are spans."""
