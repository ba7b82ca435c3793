"""The student that is whichever of several does best on gold dev, or their joint answer; it keeps what it compared."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from understudy.student.blending import blended
from understudy.student.choice import Choice, Evidence, choose
from understudy.student.folder import Member as StoredMember
from understudy.student.folder import StudentFile, StudentFiles, Winner
from understudy.student.kinds import kinds_of, named, refuse_unknown_parameters
from understudy.student.linear import LinearStudent
from understudy.student.opinions import Opinions, opinions_of

FloatArray = NDArray[np.float64]

DEFAULTS = StudentSettings.model_construct()
WITH_NGRAMS = "linear+ngrams"
JOINT = "joint"
"""What the comparison calls the weighted mean of all candidates' probabilities."""

PARTS = 1000
"""Of a candidate's training, in progress reports."""


@dataclass(frozen=True)
class Member:
    """A trained student that answers, and its share of the answer."""

    name: str
    student: Student
    share: float


class AutoStudent(Student):
    """Trains every candidate on the same examples and keeps whatever has the smallest log-loss.

    That is one of them, or the weighted mean of what they say; spans, which have no mean, are always left to one.
    Judges are gold dev texts and training texts while every candidate held them out; see `choice`. A joint answer is
    judged on texts that had no part in its shares. Without any judge the first candidate named is kept.

    Parameters
    ----------
    task : what is learned.
    encoder : of candidates on frozen embeddings; None if there is none.
    settings : `auto` names the candidates, the other tables say how each is trained.
    seed : of every candidate and of the comparison.

    Attributes
    ----------
    members_ : the students that answer.
    choice_ : what was compared, and by how much the others are behind.
    """

    kind: ClassVar[str] = "auto"

    members_: tuple[Member, ...]
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
        for name, student in candidates.items():
            student.fit(
                examples.documents,
                examples.targets,
                examples.weights,
                None if dev is None else (dev.documents, dev.targets),
                tell.step,
                workspace=None if self._workspace is None else self._workspace / name,
                answers=examples.answers,
                uncertain=examples.uncertain,
            )
            tell.finished()
        self.choice_ = self._choose(candidates, examples, dev)
        self.members_ = tuple(Member(name, candidates[name], share) for name, share in self.choice_.shares.items())
        self.remarks_ += (self.choice_.sentence(),)

    def _choose(self, candidates: Mapping[str, Student], examples: Examples, dev: Examples | None) -> Choice:
        names, students = list(candidates), list(candidates.values())
        opinions, rng = opinions_of(students, examples, dev), np.random.default_rng(self.seed)
        accuracies = [float("nan") if dev is None else s.score(dev.documents, dev.targets) for s in students]
        evidence = [
            Evidence(name, losses[: opinions.n_dev], losses[opinions.n_dev :], accuracy)
            for name, losses, accuracy in zip(names, opinions.losses(), accuracies, strict=True)
        ]
        first = next(name for name in self.settings.auto if name in candidates)
        if self.task.marks_spans or len(names) < 2 or not len(opinions.targets):
            return choose(evidence, first, rng)
        shares = {name: float(share) for name, share in zip(names, opinions.shares(), strict=True) if share > 0}
        return choose([*evidence, self._joint_evidence(opinions, rng)], first, rng, {JOINT: shares})

    def _joint_evidence(self, opinions: Opinions, rng: np.random.Generator) -> Evidence:
        said, n_dev = opinions.joint(rng), opinions.n_dev
        losses = opinions.losses_of(said)
        return Evidence(JOINT, losses[:n_dev], losses[n_dev:], self._accuracy(said[:n_dev], opinions.targets[:n_dev]))

    def _accuracy(self, said: FloatArray, targets: FloatArray) -> float:
        pairs = zip(self.task.decode(said, None), self.task.decode(targets, None), strict=True)
        agreed = [ours == theirs for ours, theirs in pairs]
        return float(np.mean(agreed)) if agreed else float("nan")

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
        """What the members say together; of spans, what the only one says."""
        self._refuse_unfitted()
        return self.members_[0].student.label(documents) if self.task.marks_spans else super().label(documents)

    def token_scores(self, documents: Sequence[Document]) -> list[FloatArray]:
        """The members' together; of spans, the only one's."""
        self._refuse_unfitted()
        if self.task.marks_spans:
            return self.members_[0].student.token_scores(documents)
        return super().token_scores(documents)

    def set_thresholds(self, thresholds: FloatArray) -> Self:
        """Decide by these from now on, as the members do."""
        super().set_thresholds(thresholds)
        for member in self.members_:
            member.student.set_thresholds(thresholds)
        return self

    def answered_by(self, students: Sequence[Student]) -> Self:
        """The same student with others in its members' places, one each: the same ones in another form, say."""
        other = copy.copy(self)
        pairs = zip(self.members_, students, strict=True)
        other.members_ = tuple(replace(member, student=student) for member, student in pairs)
        return other

    def _probabilities(self, documents: Sequence[Document]) -> FloatArray:
        """Linear members have one encoder, which reads each text once."""
        students = [member.student for member in self.members_]
        linear = next((student for student in students if isinstance(student, LinearStudent)), None)
        vectors = None if linear is None else linear._vectors(documents)
        said = [
            student._said_of(vectors, documents)
            if vectors is not None and isinstance(student, LinearStudent)
            else student.predict_proba(documents)
            for student in students
        ]
        return blended(np.stack(said), np.array([member.share for member in self.members_]))

    def _parameters(self) -> dict[str, Any]:
        return {"settings": self.settings.model_dump(mode="json"), "seed": self.seed}

    def _embedding(self) -> tuple[EmbeddingSettings, str] | None:
        return next((found for member in self.members_ if (found := member.student._embedding())), None)

    def _files(self) -> StudentFiles:
        arrays: dict[str, NDArray[Any]] = {}
        texts: dict[str, str] = {}
        for number, member in enumerate(self.members_):
            files = member.student._files()
            arrays |= {f"{number}.{name}": array for name, array in files.arrays.items()}
            texts |= {f"{number}.{name}": text for name, text in files.texts.items()}
        return StudentFiles(arrays, texts)

    def _describe(self, about: Mapping[str, Any]) -> StudentFile:
        winner = Winner(members=tuple(map(_described, self.members_)), choice=self.choice_)
        return super()._describe(about).model_copy(update={"winner": winner})

    @classmethod
    def restore(cls, stored: StudentFile, files: StudentFiles, task: Task, encoder_cache: Path | None) -> Self:
        """The student from its checked files, without thresholds; it predicts and does not learn."""
        if stored.winner is None:
            raise UserError("the student cannot be used: its file names no winner.", "Train it again.")
        student = cls(task, None, _settings(stored.parameters.get("settings")), stored.parameters.get("seed", 0))
        student.choice_ = stored.winner.choice
        student.members_ = tuple(
            _restored(member, student.choice_, stored, _of_member(files, number), task, encoder_cache)
            for number, member in enumerate(stored.winner.members)
        )
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


def _described(member: Member) -> StoredMember:
    student, embedding = member.student, member.student._embedding()
    return StoredMember(
        name=member.name,
        kind=student.kind,
        parameters=student._parameters(),
        embedding=embedding[0] if embedding else None,
        embedding_digest=embedding[1] if embedding else "",
    )


def _of_member(files: StudentFiles, number: int) -> StudentFiles:
    start = f"{number}."
    return StudentFiles(
        {name.removeprefix(start): array for name, array in files.arrays.items() if name.startswith(start)},
        {name.removeprefix(start): text for name, text in files.texts.items() if name.startswith(start)},
    )


def _restored(
    member: StoredMember,
    choice: Choice,
    stored: StudentFile,
    files: StudentFiles,
    task: Task,
    encoder_cache: Path | None,
) -> Member:
    if member.name not in choice.shares:
        raise UserError(f"the student cannot be used: `{member.name}` has no share of it.", "Train it again.")
    kind = named(member.kind, kinds_of(task))
    refuse_unknown_parameters(kind, member.parameters)
    own = stored.model_copy(update={
        "kind": member.kind, "parameters": member.parameters, "winner": None,
        "embedding": member.embedding, "embedding_digest": member.embedding_digest,
    })  # fmt: skip
    student = kind.restore(own, files, task, encoder_cache)
    student.thresholds_ = np.full(len(task.labels), np.nan)
    student.remarks_ = ()
    return Member(member.name, student, choice.shares[member.name])


def _settings(stored: Any) -> StudentSettings:
    try:
        return StudentSettings.model_validate_json(json.dumps(stored))
    except ValidationError as exc:
        raise UserError(f"the student cannot be used: its settings are damaged ({exc}).", "Train it again.") from exc
