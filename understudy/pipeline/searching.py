"""Which values of its settings an arm's students are trained with: those that do best on gold dev. Test has no part.

Where gold dev cannot judge, because there is none or the arm learns from it, held-out labels of the arm itself do.
Every training run is kept in the journal, and one that was finished is not trained again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from understudy.errors import UserError
from understudy.evaluation.resampling import group_index
from understudy.pipeline.kept import fingerprint
from understudy.pipeline.lessons import Lessons
from understudy.pipeline.noise_choice import fit_on
from understudy.pipeline.space import Parameters, with_parameters, with_student
from understudy.pipeline.tuning import headline_f1, tuned_thresholds
from understudy.records import Document, Role, Trial, Value
from understudy.report.data import SearchResult, SearchTrial

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from understudy.pipeline.arms import Arm
    from understudy.pipeline.project import Project
    from understudy.pipeline.sources import TrainingSet
    from understudy.settings import SearchSettings
    from understudy.student import Student

N_FOLDS = 5
DEV, HELD_OUT = "gold dev", "held-out training labels"

FloatArray = NDArray[np.float64]
Places = Mapping[str, Sequence[Any]]
"""Values to try by name; numbers in ascending order."""


def search(project: Project, arm: Arm) -> SearchResult | None:
    """Try the values of `student.search` on an arm's labels; None if the settings want no search.

    A combination's score is the mean headline F1 of its training runs on the texts that judge, with thresholds from
    other texts. The best is chosen; of equal ones that whose values are named first.

    Raises
    ------
    UserError
        If optuna is not installed, or no combination has an F1.
    """
    settings = project.settings.student.search
    if settings.method == "off":
        return None
    trials = _Trials(project, arm)
    _walk(settings, project.settings.project.seed, trials.score)
    return trials.result()


def searched(project: Project, found: SearchResult | None) -> Project:
    """The project with the settings that a search chose."""
    if found is None:
        return project
    return with_student(project, with_parameters(project.settings.student, found.chosen))


@dataclass(eq=False)
class _Trials:
    """The training runs of one arm's search: made, kept, and not made twice."""

    project: Project
    arm: Arm

    def __post_init__(self) -> None:
        self.tried: dict[str, tuple[Trial, ...]] = {}

    @cached_property
    def key(self) -> str:
        """Fingerprint of all that a run's result depends on beside parameters and run."""
        student = with_parameters(self.project.settings.student, {})
        return fingerprint(with_student(self.project, student), self.arm)

    @cached_property
    def known(self) -> dict[tuple[str, int], Trial]:
        """Runs that ended with an F1, by parameters and run; a failed one is tried again."""
        with self.project.journal() as journal:
            return {(t.parameters, t.run): t for t in journal.trials(self.key) if t.f1 is not None}

    @cached_property
    def judge_is_dev(self) -> bool:
        """Whether gold dev judges."""
        dev = self.project.gold_of(Role.DEV)
        return bool(dev) and not self.arm.learns(dev)

    def score(self, parameters: Parameters) -> float:
        """Mean F1 of a combination's runs; nan if one has none."""
        text = json.dumps(parameters, sort_keys=True)
        if text not in self.tried:
            search = self.project.settings.student.search
            total = n_combinations(search) * search.runs
            self.project.listener.progress("search", len(self.tried) * search.runs, total, self.arm.name)
            self.tried[text] = tuple(self._known_or_run(parameters, text, run) for run in range(search.runs))
        return _mean(self.tried[text])

    def _known_or_run(self, parameters: Parameters, text: str, run: int) -> Trial:
        if (text, run) in self.known:
            return self.known[text, run]
        started = time.monotonic()
        f1, reason = self._attempt(parameters, run)
        trial = Trial(self.key, self.arm.name, run, text, f1, time.monotonic() - started, reason)
        with self.project.journal() as journal:
            journal.add_trial(trial).result()
        return trial

    def _attempt(self, parameters: Parameters, run: int) -> tuple[float | None, str]:
        """F1, or why there is none: what one combination cannot do, others may."""
        try:
            f1 = self._f1(parameters, run)
        except (UserError, RuntimeError, ValueError) as exc:
            return None, str(exc)
        return (None, "undefined on the texts that judge") if np.isnan(f1) else (f1, "")

    def _f1(self, parameters: Parameters, run: int) -> float:
        project = with_student(self.project, with_parameters(self.project.settings.student, parameters))
        drawn = self.arm.draw(np.random.default_rng([project.settings.project.seed, 4, run]))
        return _f1_on_dev(project, drawn, run) if self.judge_is_dev else _f1_held_out(project, drawn, run)

    def result(self) -> SearchResult:
        """What was tried, in the order of the values named, and the best of it."""
        search = self.project.settings.student.search
        trials = sorted((_described(text, runs) for text, runs in self.tried.items()), key=_order(search.space))
        scored = [trial for trial in trials if trial.f1 is not None]
        if not scored:
            raise UserError(
                f"{self.arm.name}: no combination of `student.search.space` has an F1 ({trials[0].reason}).",
                "Change the space, or switch the search off.",
            )
        return SearchResult(
            arm=self.arm.name,
            method=search.method,
            judged_on=DEV if self.judge_is_dev else HELD_OUT,
            n=len(self.project.gold_of(Role.DEV)) if self.judge_is_dev else self.arm.n_labels,
            trials=tuple(trials),
            chosen=max(scored, key=_known_f1).parameters,
        )


def n_combinations(search: SearchSettings) -> int:
    """How many combinations a search tries at most."""
    n = prod(len(values) for values in search.space.values())
    return n if search.method == "grid" else min(n, search.trials)


def _walk(search: SearchSettings, seed: int, score: Callable[[Parameters], float]) -> None:
    """Let optuna ask for one combination after the other; the same answers lead it the same way again."""
    optuna = _optuna()
    places = {name: _ascending(values) for name, values in search.space.items()}

    def objective(trial: Any) -> float:
        f1 = score({name: _suggested(trial, name, values) for name, values in places.items()})
        if np.isnan(f1):
            raise _NoScoreError
        return f1

    n = n_combinations(search) if search.method == "grid" else search.trials
    with _quiet(optuna):
        study = optuna.create_study(direction="maximize", sampler=_sampler(optuna, search, places, seed))
        study.optimize(objective, n_trials=n, catch=(_NoScoreError,))


def _sampler(optuna: Any, search: SearchSettings, places: Places, seed: int) -> BaseSampler:
    if search.method == "grid":
        grid: BaseSampler = optuna.samplers.GridSampler({n: range(len(v)) for n, v in places.items()}, seed=seed)
        return grid
    tpe: BaseSampler = optuna.samplers.TPESampler(seed=seed)
    return tpe


def _suggested(trial: Any, name: str, values: Sequence[Any]) -> Any:
    """One of the values; numbers are told to the sampler as ordered."""
    if _is_ordered(values):
        return values[trial.suggest_int(name, 0, len(values) - 1)]
    return values[trial.suggest_categorical(name, range(len(values)))]


def _ascending(values: Sequence[Any]) -> Sequence[Any]:
    return sorted(set(values)) if _is_ordered(values) else list(dict.fromkeys(values))


def _is_ordered(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _f1_on_dev(project: Project, drawn: TrainingSet, run: int) -> float:
    lessons = Lessons(project, drawn, run)
    student = fit_on(lessons, None, np.ones(len(lessons.dev), dtype=np.bool_))
    found = student.label(lessons.dev)
    return _f1(project, lessons.dev, found.values, found.probabilities, _folds(project, lessons.dev))


def _f1_held_out(project: Project, drawn: TrainingSet, run: int) -> float:
    """Against the labels of the training set itself, each text labelled by a student that had not seen it."""
    vote = project.task.vote
    documents = [replace(d, value=vote(a).value) for d, a in zip(drawn.documents, drawn.answers, strict=True)]
    folds = _folds(project, documents)
    values: list[Value | None] = [None] * len(documents)
    probabilities = np.zeros((len(documents), len(project.task.labels)))
    for fold in np.unique(folds):
        out = np.flatnonzero(folds == fold)
        found = _student_of(project, drawn.take(np.flatnonzero(folds != fold)), run).label([documents[r] for r in out])
        probabilities[out] = found.probabilities
        for row, value in zip(out, found.values, strict=True):
            values[row] = value
    return _f1(project, documents, values, probabilities, folds)


def _student_of(project: Project, drawn: TrainingSet, run: int) -> Student:
    """A student that gold dev has no part in."""
    lessons = Lessons(project, drawn, run)
    return fit_on(lessons, None, np.zeros(len(lessons.dev), dtype=np.bool_))


def _f1(
    project: Project,
    documents: Sequence[Document],
    values: Sequence[Any],
    probabilities: FloatArray,
    folds: NDArray[np.intp],
) -> float:
    """Headline F1 of values, decided where they have thresholds with those that suit the texts of other folds."""
    if project.task.marks_spans:
        return headline_f1(project, documents, values)
    decided: list[Any] = [None] * len(documents)
    for fold in np.unique(folds):
        out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        thresholds = tuned_thresholds(project, probabilities[rest], [documents[int(row)] for row in rest])
        for row, value in zip(out, project.task.decode(probabilities[out], thresholds), strict=True):
            decided[row] = value
    return headline_f1(project, documents, decided)


def _folds(project: Project, documents: Sequence[Document]) -> NDArray[np.intp]:
    """The fold of each text; groups stay whole."""
    units = group_index([document.group for document in documents], len(documents))
    members = np.unique(units, return_inverse=True)[1]
    rng = np.random.default_rng([project.settings.project.seed, 41])
    return np.asarray(rng.permutation(int(members.max(initial=-1)) + 1)[members] % N_FOLDS, dtype=np.intp)


def _described(text: str, runs: Sequence[Trial]) -> SearchTrial:
    mean = _mean(runs)
    return SearchTrial(
        parameters=json.loads(text),
        f1=None if np.isnan(mean) else mean,
        n_runs=len(runs),
        train_s=sum(run.train_s for run in runs),
        reason=next((run.reason for run in runs if run.reason), ""),
    )


def _mean(runs: Sequence[Trial]) -> float:
    return float(np.mean([np.nan if run.f1 is None else run.f1 for run in runs]))


def _order(space: Mapping[str, Sequence[Any]]) -> Callable[[SearchTrial], tuple[int, ...]]:
    """By the places at which a trial's values are named."""
    named = {name: [json.dumps(value) for value in values] for name, values in space.items()}
    return lambda trial: tuple(named[name].index(json.dumps(trial.parameters[name])) for name in named)


def _known_f1(trial: SearchTrial) -> float:
    return -np.inf if trial.f1 is None else trial.f1


class _NoScoreError(Exception):
    """Tells optuna that a combination has no score."""


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as exc:
        raise UserError(
            "`student.search` needs optuna, which is not installed.", 'Install it: pip install "understudy[search]"'
        ) from exc
    return optuna


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """No log lines of optuna: progress and the report say what happens."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
