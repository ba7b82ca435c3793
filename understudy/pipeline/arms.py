"""The arms that train students: which labels each learns from, and its training runs.

A trained arm is a folder `students/<arm>/`: the student to deploy, the probabilities of every run for gold dev and
test, and `arm.json`, written last, whose fingerprint says whether the arm must be trained again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from understudy.corpus import text_digest
from understudy.errors import UserError
from understudy.evaluation import best_threshold, headline_score, label_thresholds
from understudy.pipeline.annotation import stored_annotations, total_cost
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Annotation, Document, Outcome, Role, Value

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.student import Student

STUDENTS = "students"
ARM_FILE = "arm.json"
GOLD_FILE = "gold.safetensors"
ARM_VERSION = 1

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingSet:
    """What one training run learns from.

    Attributes
    ----------
    documents : n documents.
    targets : shape (n, K), in [0, 1]; rows of a classification add up to 1.
    """

    documents: tuple[Document, ...]
    targets: FloatArray


@dataclass(frozen=True)
class Arm:
    """One way to obtain a student.

    Attributes
    ----------
    name, description : such as ``human-250`` and what that means in plain words.
    source : every labelled document it may draw from, in drawing order, with targets.
    n_labels : how many it draws; a run with another seed draws others.
    human_labels : human labels among those it learns from.
    cost_usd : paid to the teacher for its labels, in proportion if it draws only some; None if unknown.
    """

    name: str
    description: str
    source: TrainingSet
    n_labels: int
    human_labels: int
    cost_usd: float | None

    def learns(self, documents: Sequence[Document]) -> bool:
        """Whether one of the documents may be learned from, so that nothing can be tuned on them."""
        ids = {document.id for document in documents}
        return any(document.id in ids for document in self.source.documents)

    def draw(self, rng: np.random.Generator) -> TrainingSet:
        """The training set of one run: `n_labels` documents of the source, at random unless it takes all."""
        if self.n_labels == len(self.source.documents):
            return self.source
        chosen = np.sort(rng.permutation(len(self.source.documents))[: self.n_labels])
        return TrainingSet(tuple(self.source.documents[i] for i in chosen), self.source.targets[chosen])


@dataclass(frozen=True)
class TrainedArm:
    """What is kept of a trained arm.

    Attributes
    ----------
    fingerprint : hash of everything the training depends on.
    dev_f1 : headline F1 on gold dev of each run; None where undefined or where the arm learns from gold dev.
    thresholds : decision thresholds of each run, codebook order, None where a label has none.
    deployed_run : the run whose student is saved: the median one on gold dev.
    remarks : what that student's training has to say, such as what `auto` compared.
    train_s : seconds of training, all runs.
    """

    name: str
    description: str
    student_kind: str
    n_labels: int
    n_seeds: int
    human_labels: int
    cost_usd: float | None
    train_s: float
    fingerprint: str
    dev_f1: tuple[float | None, ...]
    thresholds: tuple[tuple[float | None, ...], ...]
    deployed_run: int
    remarks: tuple[str, ...] = ()
    version: int = ARM_VERSION

    def to_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        return asdict(self)

    @property
    def mean_dev_f1(self) -> float:
        """Mean headline F1 on gold dev; nan if a run has none."""
        return float(np.mean([np.nan if f1 is None else f1 for f1 in self.dev_f1]))


@dataclass(frozen=True)
class Run:
    """One finished training run."""

    student: Student
    dev: FloatArray
    test: FloatArray
    thresholds: FloatArray
    dev_f1: float


def train(project: Project) -> tuple[TrainedArm, ...]:
    """Train the students of every arm; an arm whose fingerprint is unchanged is kept."""
    with project.journal():  # so that no other process trains the same arms meanwhile
        planned = list(plan_arms(project))
        if not planned:
            raise UserError(
                "There is nothing to train on: no gold `demo` text and no teacher label.",
                "Give more gold texts, or run `understudy annotate` first.",
            )
        return tuple(_train_or_keep(project, arm, i, len(planned)) for i, arm in enumerate(planned))


def plan_arms(project: Project) -> Iterator[Arm]:
    """The arms that the settings ask for, as far as there are labels."""
    human = _human_source(project)
    annotations = stored_annotations(project)
    teacher = _teacher_source(project, annotations)
    wanted = project.settings.arms
    for n in _sizes(wanted.human, len(human.documents)):
        yield Arm(f"human-{n}", f"students trained on {n:,} human labels", human, n, n, 0.0)
    sizes = _sizes(wanted.teacher, len(teacher.documents))
    if wanted.all_teacher and len(teacher.documents) > max(sizes, default=0):
        sizes.append(len(teacher.documents))
    cost = total_cost(annotations[d.id] for d in teacher.documents)
    for n in sizes:
        share = None if cost is None else cost * n / len(teacher.documents)
        yield Arm(f"teacher-{n}", f"students trained on {n:,} teacher labels", teacher, n, 0, share)
    if wanted.teacher_human and human.documents and teacher.documents:
        yield _teacher_human(project, teacher, human, cost)


def trained_arms(project: Project) -> tuple[tuple[TrainedArm, ...], tuple[str, ...]]:
    """The trained arms that the settings ask for, in planning order, and the names of those to train again.

    An arm that was trained on other labels, texts or settings than those of now is of the second sort: what it keeps
    about gold would not fit.
    """
    current, outdated = [], []
    for arm in plan_arms(project):
        kept = _read_arm(project, arm.name)
        if kept is None or kept.fingerprint != _fingerprint(project, arm):
            outdated.append(arm.name)
        else:
            current.append(kept)
    return tuple(current), tuple(outdated)


def gold_probabilities(project: Project, arm: TrainedArm, role: Role) -> list[FloatArray]:
    """Probabilities of every run for the gold documents of a role, each of shape (n, K)."""
    stored = load_file(arm_folder(project, arm.name) / GOLD_FILE)
    return [stored[f"{role.value}-{run}"].astype(np.float64) for run in range(arm.n_seeds)]


def thresholds_of(arm: TrainedArm, run: int) -> FloatArray:
    """Decision thresholds of one run, shape (K,), nan where a label has none."""
    return np.array([np.nan if t is None else t for t in arm.thresholds[run]], dtype=np.float64)


def arm_folder(project: Project, name: str) -> Path:
    """Where an arm is kept."""
    return project.folder / STUDENTS / name


def _sizes(wanted: Sequence[int], available: int) -> list[int]:
    """The wanted sizes that can be had; the first that cannot becomes all there is."""
    if not available:
        return []
    return sorted({min(n, available) for n in wanted if n > 0})


def _human_source(project: Project) -> TrainingSet:
    return _human_set(project, project.gold_of(Role.DEMO))


def _human_set(project: Project, documents: Sequence[Document]) -> TrainingSet:
    targets = project.task.encode([document.value for document in documents]).astype(np.float64)
    return TrainingSet(tuple(documents), targets)


def _teacher_source(project: Project, annotations: Mapping[str, Annotation]) -> TrainingSet:
    """Pool documents that the teacher labelled, then (if allowed and needed) gold demo documents it labelled."""
    pool = _labelled(project.candidates, annotations)
    if project.settings.arms.teacher_on_demo and len(pool) < max(project.settings.arms.teacher, default=0):
        pool += _labelled(project.gold_of(Role.DEMO), annotations)
    return TrainingSet(tuple(pool), _teacher_targets(project, [annotations[document.id] for document in pool]))


def _labelled(documents: Sequence[Document], annotations: Mapping[str, Annotation]) -> list[Document]:
    return [d for d in documents if d.id in annotations and annotations[d.id].outcome is Outcome.LABELLED]


def _teacher_targets(project: Project, annotations: Sequence[Annotation]) -> FloatArray:
    if project.settings.student.soft_targets:
        return project.task.shares([annotation.answers or (_value(annotation),) for annotation in annotations])
    return project.task.encode([annotation.value for annotation in annotations]).astype(np.float64)


def _value(annotation: Annotation) -> Value:
    if annotation.value is None:
        raise ValueError(f"{annotation.document_id}: a labelled annotation without a value.")
    return annotation.value


def _teacher_human(project: Project, teacher: TrainingSet, human: TrainingSet, cost: float | None) -> Arm:
    """Every teacher label and every human label; where both exist, the human one."""
    if project.settings.student.train_on_dev:
        dev = _human_set(project, [d for d in project.gold_of(Role.DEV) if d not in human.documents])
        human = _joined(human, dev)
    with_human = {document.id for document in human.documents}
    rest = [i for i, document in enumerate(teacher.documents) if document.id not in with_human]
    source = _joined(human, TrainingSet(tuple(teacher.documents[i] for i in rest), teacher.targets[rest]))
    return Arm(
        "teacher+human",
        f"students trained on {len(rest):,} teacher labels and {len(with_human):,} human labels",
        source,
        len(source.documents),
        len(with_human),
        cost,
    )


def _joined(first: TrainingSet, second: TrainingSet) -> TrainingSet:
    return TrainingSet(first.documents + second.documents, np.concatenate([first.targets, second.targets]))


def _train_or_keep(project: Project, arm: Arm, position: int, n_arms: int) -> TrainedArm:
    fingerprint = _fingerprint(project, arm)
    kept = _read_arm(project, arm.name)
    if kept is not None and kept.fingerprint == fingerprint:
        return kept
    started = time.monotonic()
    runs = []
    for run in range(project.settings.student.seeds):
        project.listener.progress("training", position * project.settings.student.seeds + run,
                                  n_arms * project.settings.student.seeds, arm.name)  # fmt: skip
        runs.append(_train_once(project, arm, run))
    trained = _describe(project, arm, runs, fingerprint, time.monotonic() - started)
    _write_arm(project, trained, runs)
    project.listener.progress("training", (position + 1) * project.settings.student.seeds,
                              n_arms * project.settings.student.seeds, arm.name)  # fmt: skip
    return trained


def _train_once(project: Project, arm: Arm, run: int) -> Run:
    from understudy.student import make_student

    seed = project.settings.project.seed
    drawn = arm.draw(np.random.default_rng([seed, 4, run]))
    dev = project.gold_of(Role.DEV)
    may_tune = bool(dev) and not arm.learns(dev)
    student = make_student(project.settings.student, project.task, project.encoder, seed + run)
    student.fit(drawn.documents, drawn.targets, dev=(dev, _human_set(project, dev).targets) if may_tune else None)
    on_dev = student.predict_proba(dev)
    thresholds = _thresholds(project, on_dev, dev if may_tune else ())
    student.set_thresholds(thresholds)
    dev_f1 = _score(project, dev, project.task.decode(on_dev, thresholds)) if may_tune else np.nan
    return Run(student, on_dev, student.predict_proba(project.gold_of(Role.TEST)), thresholds, dev_f1)


def _score(project: Project, documents: Sequence[Document], values: Sequence[Value]) -> float:
    return headline_score(count_values(project.task, documents, values), headline_of(project.task)).f1


def _thresholds(project: Project, on_dev: FloatArray, dev: Sequence[Document]) -> FloatArray:
    """Chosen on gold dev; none without dev."""
    task = project.task
    thresholds = np.full(len(task.labels), np.nan)
    if not dev or not project.settings.student.tune_threshold:
        return thresholds
    truth = task.encode([document.value for document in dev])
    if not task.is_exclusive:
        return label_thresholds(on_dev, truth)
    if task.positive is not None:
        thresholds[task.positive] = best_threshold(on_dev, truth, headline_of(task))
    return thresholds


def _describe(project: Project, arm: Arm, runs: Sequence[Run], fingerprint: str, train_s: float) -> TrainedArm:
    dev_f1 = [run.dev_f1 for run in runs]
    order = np.argsort(np.nan_to_num(dev_f1, nan=-1.0), kind="stable")
    deployed_run = int(order[len(order) // 2])
    return TrainedArm(
        name=arm.name,
        description=arm.description,
        student_kind=project.settings.student.kind,
        n_labels=arm.n_labels,
        n_seeds=len(runs),
        human_labels=arm.human_labels,
        cost_usd=arm.cost_usd,
        train_s=train_s,
        fingerprint=fingerprint,
        dev_f1=tuple(None if np.isnan(f1) else float(f1) for f1 in dev_f1),
        thresholds=tuple(tuple(None if np.isnan(t) else float(t) for t in run.thresholds) for run in runs),
        deployed_run=deployed_run,
        remarks=tuple(runs[deployed_run].student.remarks_),
    )


def _write_arm(project: Project, arm: TrainedArm, runs: Sequence[Run]) -> None:
    folder = arm_folder(project, arm.name)
    runs[arm.deployed_run].student.save(folder, about=_about(project, arm))
    arrays = {f"{Role.DEV.value}-{i}": np.ascontiguousarray(run.dev) for i, run in enumerate(runs)}
    arrays |= {f"{Role.TEST.value}-{i}": np.ascontiguousarray(run.test) for i, run in enumerate(runs)}
    save_file(arrays, folder / GOLD_FILE)
    (folder / ARM_FILE).write_text(json.dumps(arm.to_json(), indent=2, allow_nan=False), encoding="utf-8")


def _read_arm(project: Project, name: str) -> TrainedArm | None:
    try:
        stored = json.loads((arm_folder(project, name) / ARM_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if stored.get("version") != ARM_VERSION:
        return None
    stored["dev_f1"] = tuple(stored["dev_f1"])
    stored["thresholds"] = tuple(tuple(row) for row in stored["thresholds"])
    stored["remarks"] = tuple(stored.get("remarks", ()))
    return TrainedArm(**stored)


def _about(project: Project, arm: TrainedArm) -> dict[str, Any]:
    return {
        "project": project.settings.project.name,
        "arm": arm.name,
        "description": arm.description,
        "teacher": project.settings.teacher.name if arm.name.startswith("teacher") else "",
        "n_labels": arm.n_labels,
        "human_labels": arm.human_labels,
        "dev_f1": list(arm.dev_f1),
        "deployed_run": arm.deployed_run,
        "codebook": project.codebook_digest,
    }


def _fingerprint(project: Project, arm: Arm) -> str:
    """Hash of the settings, the labelled documents, and the gold texts whose probabilities are kept."""
    settings = project.settings
    state = hashlib.sha256(
        json.dumps(
            [ARM_VERSION, arm.name, arm.n_labels, arm.cost_usd, settings.project.seed, settings.student.model_dump(),
             settings.embedding.model_dump(), project.codebook_digest, _contents(arm.source.documents),
             _contents(project.gold_of(Role.DEV)), [row[:2] for row in _contents(project.gold_of(Role.TEST))]],
        ).encode()
    )  # fmt: skip
    state.update(np.ascontiguousarray(arm.source.targets).tobytes())
    return state.hexdigest()


def _contents(documents: Sequence[Document]) -> list[list[str]]:
    return [[document.id, text_digest(document.text), str(document.value)] for document in documents]
