"""Teachers side by side on gold: how good, how dear, which mistakes, which of them shared, may one replace a person.

Judges on gold dev, filled up from demo, so that a teacher can be chosen; gold test takes no part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import UserError
from understudy.evaluation import (
    Comparison,
    Counts,
    Interval,
    Score,
    adjust_for_table,
    cohen_kappa,
    compare,
    encode_ratings,
    headline_interval,
    headline_score,
)
from understudy.evaluation.finite import finite_or_none
from understudy.evaluation.inference import ReplacementTest, replacement_test
from understudy.pipeline.annotation import total_cost, validation_documents
from understudy.pipeline.evidence.labellers import meta_column
from understudy.pipeline.probing import probe
from understudy.pipeline.teachers import open_teacher
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Annotation, Document, Outcome

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

PER_TEXTS = 1000
MOST_PAIRS = 10
"""Of teachers that are told of: those whose mistakes go together most."""


@dataclass(frozen=True)
class Candidate:
    """One teacher on gold.

    Attributes
    ----------
    score, interval : headline F1 with precision and recall.
    outcomes : of the texts asked about.
    cost_usd : of 1,000 texts; None if unknown, as for recorded labels, which somebody else has paid for.
    false_alarms : false positives for each false negative; above 1 it says the labels too often; nan without misses,
        and where every wrong label is one of each.
    comparison : against the first teacher, paired; None for the first.
    replacement : the alternative-annotator test; None without columns of several people's labels.
    """

    name: str
    score: Score
    interval: Interval
    outcomes: Mapping[Outcome, int]
    cost_usd: float | None
    false_alarms: float
    comparison: Comparison | None = None
    replacement: ReplacementTest | None = None

    def to_json(self) -> dict[str, Any]:
        """The teacher as a JSON object."""
        return {
            "name": self.name,
            "f1": finite_or_none(self.score.f1),
            "precision": finite_or_none(self.score.precision),
            "recall": finite_or_none(self.score.recall),
            "f1_interval": self.interval.to_json(),
            "outcomes": {outcome.value: n for outcome, n in self.outcomes.items()},
            "cost_usd_per_1000": self.cost_usd,
            "false_alarms_per_miss": finite_or_none(self.false_alarms),
            "against_first": None if self.comparison is None else self.comparison.to_json(),
            "replacement": None if self.replacement is None else self.replacement.to_json(),
        }

    def lines(self) -> Iterator[str]:
        """The teacher in words."""
        bounds = f" [{self.interval.low:.3f}, {self.interval.high:.3f}]" if self.interval.is_defined else ""
        cost = "price unknown" if self.cost_usd is None else f"${self.cost_usd:,.4f} per {PER_TEXTS:,} texts"
        alarms = "" if isnan(self.false_alarms) else f", {self.false_alarms:.3f} false alarms a miss"
        unusable = sum(n for outcome, n in self.outcomes.items() if outcome is not Outcome.LABELLED)
        yield (
            f"{self.name}: F1 {_shown(self.score.f1)}{bounds}, precision {_shown(self.score.precision)}, recall "
            f"{_shown(self.score.recall)}{alarms}, {unusable:,} texts without a label, {cost}"
        )
        if self.comparison is not None:
            yield f"  {self.comparison.verdict}"
        if self.replacement is not None:
            test = self.replacement
            verdict = "may replace one of these annotators" if test.passes else "does not pass as an annotator"
            yield (
                f"  {verdict} at epsilon {test.epsilon:g} (passes from {_shown(test.smallest_epsilon)} on); at least "
                f"as good as a person on {_shown(test.advantage)} [{test.interval.low:.3f}, {test.interval.high:.3f}]"
            )


@dataclass(frozen=True)
class SharedErrors:
    """Two teachers: how far they agree, and how often they err together.

    Attributes
    ----------
    kappa : Cohen's, nan where undefined or values are no single labels.
    both_wrong, expected : share of texts that both get wrong, and what independent mistakes would give.
    """

    first: str
    second: str
    kappa: float
    both_wrong: float
    expected: float

    def to_json(self) -> dict[str, Any]:
        """The pair as a JSON object."""
        return {"first": self.first, "second": self.second, "kappa": finite_or_none(self.kappa),
                "both_wrong": self.both_wrong, "expected_if_independent": self.expected}  # fmt: skip


@dataclass(frozen=True)
class Comparisons:
    """All teachers on the same `n` texts."""

    n: int
    candidates: tuple[Candidate, ...]
    pairs: tuple[SharedErrors, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything as a JSON object."""
        return {
            "n": self.n,
            "teachers": [candidate.to_json() for candidate in self.candidates],
            "pairs": [pair.to_json() for pair in self.pairs],
        }

    def lines(self) -> Iterator[str]:
        """Everything in words."""
        yield f"{len(self.candidates)} teachers on {self.n} texts of gold dev and demo:"
        for candidate in self.candidates:
            yield from candidate.lines()
        shown = sorted(self.pairs, key=lambda pair: pair.expected - pair.both_wrong)[:MOST_PAIRS]
        for pair in shown:
            yield (
                f"{pair.first} and {pair.second}: kappa {_shown(pair.kappa)}; both wrong on {pair.both_wrong:.1%} of "
                f"the texts, {pair.expected:.1%} if their mistakes were independent"
            )
        if len(shown) < len(self.pairs):
            yield f"{len(self.pairs) - len(shown)} other pairs share fewer mistakes than these (`--json` has them)"


def variants(project: Project, models: Sequence[str], columns: Sequence[str]) -> list[Project]:
    """The project's own teacher, then the same project with other models or with other columns of recorded labels.

    Raises
    ------
    UserError
        If none is named, models are named for a teacher that is no model, or columns for one that is not recorded.
    """
    teacher = project.settings.teacher
    if not models and not columns:
        raise UserError("no other teacher is named.", "Give `--model NAME`, or `--column NAME` for recorded labels.")
    if models and not teacher.is_language_model:
        raise UserError(f"{teacher.name} is no model that could be asked beside others.", "Use `--column`.")
    if columns and teacher.kind != "recorded":
        raise UserError(f"{teacher.name} is no recorded teacher, so columns cannot stand beside it.", "Use `--model`.")
    changes = [{"model": model} for model in models]
    changes += [{"recorded_column": column, "model": column} for column in columns]
    return [project, *(_variant(project, change) for change in changes)]


def compare_teachers(
    teachers: Sequence[Project], *, annotators: Sequence[str] = (), epsilon: float = 0.15
) -> Comparisons:
    """Ask every teacher about the validation texts and compare them.

    Parameters
    ----------
    teachers : as of `variants`; what the journal has is not asked again.
    annotators : declared columns with single people's labels, at least two, for the replacement test.
    epsilon : its tolerance.
    """
    project, documents = teachers[0], validation_documents(teachers[0])
    said = {
        each.settings.teacher.name: probe(each, open_teacher(each), documents, f"asking {each.settings.teacher.name}")
        for each in teachers
    }
    values = {name: [answers[d.id].value for d in documents] for name, answers in said.items()}
    counts = {name: count_values(project.task, documents, given) for name, given in values.items()}
    humans = [meta_column(project, documents, column) for column in annotators]
    tests = {
        name: _replacement(project, given, humans, annotators, epsilon) for name, given in values.items() if humans
    }
    compared = (None, *_compared(project, counts, documents))
    candidates = [
        _candidate(project, name, counts[name], said[name], comparison, tests.get(name))
        for name, comparison in zip(values, compared, strict=True)
    ]
    wrong = {name: np.asarray(count.correct) == 0 for name, count in counts.items()}
    pairs = [_pair(project, values, wrong, a, b) for a, b in combinations(values, 2)]
    return Comparisons(len(documents), tuple(candidates), tuple(pairs))


def _variant(project: Project, change: dict[str, str]) -> Project:
    from understudy.pipeline.project import Project

    teacher = project.settings.teacher.model_copy(update=change)
    settings = project.settings.model_copy(update={"teacher": teacher})
    return Project(project.folder, settings, project.task, project.listener)


def _compared(project: Project, counts: Mapping[str, Counts], documents: Sequence[Document]) -> tuple[Comparison, ...]:
    rng = np.random.default_rng([project.settings.project.seed, 22])
    groups = [d.group for d in documents] if any(d.group for d in documents) else None
    base, *others = counts
    headline = headline_of(project.task)
    return adjust_for_table(
        [compare(name, [counts[name]], base, [counts[base]], headline, rng, groups=groups) for name in others]
    )


def _candidate(
    project: Project, name: str, counts: Counts, answers: Mapping[str, Annotation], comparison: Comparison | None,
    replacement: ReplacementTest | None,
) -> Candidate:  # fmt: skip
    rng = np.random.default_rng([project.settings.project.seed, 23])
    headline = headline_of(project.task)
    reduced = headline.reduce(counts).total()
    is_told = project.task.positive is not None or not project.task.is_exclusive
    missed = float(reduced.fn.sum()) if is_told else 0.0
    cost = None if project.settings.teacher.kind == "recorded" else total_cost(answers.values())
    return Candidate(
        name,
        headline_score(counts, headline),
        headline_interval([counts], headline, rng),
        Counter(annotation.outcome for annotation in answers.values()),
        None if cost is None else cost / len(answers) * PER_TEXTS,
        float(reduced.fp.sum()) / missed if missed else nan,
        comparison,
        replacement,
    )


def _replacement(
    project: Project, given: Sequence[Any], humans: Sequence[Sequence[str | None]], names: Sequence[str], epsilon: float
) -> ReplacementTest:
    if len(humans) < 2:
        raise UserError("the replacement test needs the labels of at least two people.", "Name two columns or more.")
    labels = project.task.labels
    codes = encode_ratings([[value] if isinstance(value, str) else [None] for value in given], labels)[:, 0]
    ratings = encode_ratings([list(row) for row in zip(*humans, strict=True)], labels)
    rng = np.random.default_rng([project.settings.project.seed, 24])
    return replacement_test(codes, ratings, rng, epsilon=epsilon, names=names)


def _pair(
    project: Project, values: Mapping[str, Sequence[Any]], wrong: Mapping[str, Any], first: str, second: str
) -> SharedErrors:
    kappa = nan
    if project.task.is_exclusive:
        kappa = cohen_kappa(encode_ratings(list(zip(values[first], values[second], strict=True)), project.task.labels))
    expected = float(wrong[first].mean() * wrong[second].mean())
    return SharedErrors(first, second, kappa, float((wrong[first] & wrong[second]).mean()), expected)


def _shown(value: float) -> str:
    return "undefined" if isnan(value) else f"{value:.3f}"
