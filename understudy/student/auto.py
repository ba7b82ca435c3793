"""The student that is whichever of several does best on gold dev; it compares and keeps what it found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from understudy.codebook import Task
from understudy.embedding import Encoder
from understudy.errors import UserError
from understudy.records import Document
from understudy.settings import EmbeddingSettings, StudentSettings
from understudy.student.base import Examples, Labelled, Report, Step, Student
from understudy.student.choice import Choice, Evidence, choose
from understudy.student.folder import StudentFile, StudentFiles, Winner
from understudy.student.kinds import kinds_of, named, refuse_unknown_parameters
from understudy.student.linear import LinearStudent
from understudy.student.logistic import log_losses

FloatArray = NDArray[np.float64]

DEFAULTS = StudentSettings.model_construct()
WITH_NGRAMS = "linear+ngrams"
PARTS = 1000
"""Of a candidate's training, in progress reports."""


class AutoStudent(Student):
    """Trains every candidate on the same examples and keeps the one with the smallest log-loss.

    Judges are gold dev texts and, for candidates that are cross-validated, training texts while held out. The cheaper
    one is kept where they cannot tell; see `choice`. Without any judge the first candidate named is kept.

    Parameters
    ----------
    task : what is learned.
    encoder : of candidates on frozen embeddings; None if there is none.
    settings : `auto` names the candidates, the other tables say how each is trained.
    seed : of every candidate and of the comparison.

    Attributes
    ----------
    winner_ : the student that was kept.
    choice_ : what was compared, and by how much the others are behind.
    """

    kind: ClassVar[str] = "auto"

    winner_: Student
    choice_: Choice

    def __init__(
        self, task: Task, encoder: Encoder | None, settings: StudentSettings = DEFAULTS, seed: int = 0
    ) -> None:
        self.task = task
        self.encoder = encoder
        self.settings = settings
        self.seed = seed

    @classmethod
    def from_settings(cls, settings: StudentSettings, task: Task, encoder: Encoder, seed: int) -> Self:
        """An untrained student as the project file describes it."""
        return cls(task, encoder, settings, seed)

    def _learn(self, examples: Examples, dev: Examples | None, report: Report) -> None:
        candidates = self._candidates()
        tell = _Progress(report, len(candidates))
        for student in candidates.values():
            student.fit(
                examples.documents,
                examples.targets,
                examples.weights,
                None if dev is None else (dev.documents, dev.targets),
                tell.step,
                answers=examples.answers,
                uncertain=examples.uncertain,
            )
            tell.finished()
        evidence = [_evidence(name, student, dev) for name, student in candidates.items()]
        first = next(name for name in self.settings.auto if name in candidates)
        self.choice_ = choose(evidence, first, np.random.default_rng(self.seed))
        self.winner_ = candidates[self.choice_.name]
        self.remarks_ += (self.choice_.sentence(),)

    def _candidates(self) -> dict[str, Student]:
        """Untrained, the cheapest first."""
        if self.encoder is None:
            raise UserError("this `auto` student was loaded to predict and cannot learn.", "Make a new one.")
        order = [*kinds_of(self.task)]
        if issubclass(kinds_of(self.task)[LinearStudent.kind], LinearStudent):
            order.insert(order.index(LinearStudent.kind) + 1, WITH_NGRAMS)
        names = [name for name in order if name in self.settings.auto]
        if not names:
            raise UserError(
                f"`student.auto` names no student that can learn {self.task.codebook.kind}.",
                f"Choose some of {', '.join(order)}.",
            )
        return {name: self._candidate(name, self.encoder) for name in names}

    def _candidate(self, name: str, encoder: Encoder) -> Student:
        kind = named(LinearStudent.kind if name == WITH_NGRAMS else name, kinds_of(self.task))
        student = kind.from_settings(self.settings, self.task, encoder, self.seed)
        if isinstance(student, LinearStudent):
            student.set_params(ngrams=name == WITH_NGRAMS)
        return student

    def label(self, documents: Sequence[Document]) -> Labelled:
        """What the winner says."""
        self._refuse_unfitted()
        return self.winner_.label(documents)

    def token_scores(self, documents: Sequence[Document]) -> list[FloatArray]:
        """The winner's."""
        self._refuse_unfitted()
        return self.winner_.token_scores(documents)

    def set_thresholds(self, thresholds: FloatArray) -> Self:
        """Decide by these from now on, as the winner does."""
        super().set_thresholds(thresholds)
        self.winner_.set_thresholds(thresholds)
        return self

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        return self.winner_.predict_proba(documents)

    def _parameters(self) -> dict[str, Any]:
        return {"settings": self.settings.model_dump(mode="json"), "seed": self.seed}

    def _embedding(self) -> tuple[EmbeddingSettings, str] | None:
        return self.winner_._embedding()

    def _files(self) -> StudentFiles:
        return self.winner_._files()

    def _describe(self, about: Mapping[str, Any]) -> StudentFile:
        winner = Winner(kind=self.winner_.kind, parameters=self.winner_._parameters(), choice=self.choice_)
        return super()._describe(about).model_copy(update={"winner": winner})

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:
        """The student from its checked files, without thresholds; it predicts and does not learn."""
        if stored.winner is None:
            raise UserError("the student cannot be used: its file names no winner.", "Train it again.")
        kind = named(stored.winner.kind, kinds_of(task))
        refuse_unknown_parameters(kind, stored.winner.parameters)
        student = cls(task, None, _settings(stored.parameters.get("settings")), stored.parameters.get("seed", 0))
        own = stored.model_copy(update={"kind": kind.kind, "parameters": stored.winner.parameters, "winner": None})
        student.winner_ = kind.restore(own, files, task, encoder_cache)
        student.winner_.thresholds_ = np.full(len(task.labels), np.nan)
        student.winner_.remarks_ = ()
        student.choice_ = stored.winner.choice
        return student


class _Progress:
    """Joins the progress of candidates into one that only goes forward."""

    def __init__(self, report: Report, n_candidates: int) -> None:
        self.report = report
        self.total = n_candidates * PARTS
        self.n_finished = 0
        self.told = 0

    def step(self, step: Step) -> None:
        part = min(PARTS - 1, PARTS * step.done // max(1, step.total))
        self._tell(self.n_finished * PARTS + part, step)

    def finished(self) -> None:
        self.n_finished += 1
        self._tell(self.n_finished * PARTS, Step(0, 0))

    def _tell(self, done: int, step: Step) -> None:
        if done > self.told:
            self.told = done
            self.report(step._replace(done=done, total=self.total))


def _evidence(name: str, student: Student, dev: Examples | None) -> Evidence:
    held_out: FloatArray = getattr(student, "held_out_", np.zeros(0))
    if dev is None:
        return Evidence(name, np.zeros(0), held_out, float("nan"))
    found = student.predict_proba(dev.documents)
    losses = log_losses(found, dev.targets, is_exclusive=student.task.is_exclusive).sum(axis=1)
    return Evidence(name, losses, held_out, student.score(dev.documents, dev.targets))


def _settings(stored: Any) -> StudentSettings:
    try:
        return StudentSettings.model_validate_json(json.dumps(stored))
    except ValidationError as exc:
        raise UserError(f"the student cannot be used: its settings are damaged ({exc}).", "Train it again.") from exc
