"""Trained arms on the disk: `students/<arm>/` with the student to deploy and what every run said about gold.

`arm.json` is written last; its fingerprint says whether the arm must be trained again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from understudy.corpus import document_digest
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.arms import Arm, plan_arms
from understudy.records import Annotation, Document, Role, Value
from understudy.report.data import NoiseTrial, SearchResult, SearchTrial

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.student import Student
    from understudy.student.reweighting import Distrust

STUDENTS = "students"
TRAINING = "training"
ARM_FILE = "arm.json"
PROBABILITIES_FILE = "gold.safetensors"
VALUES_FILE = "gold.json"
ARM_VERSION = 2

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DistrustedLabel:
    """A label that gold dev texts gave little weight in the training of the deployed student (`reweight`).

    Attributes
    ----------
    value : the label, as JSON.
    weight : mean over its visits; 1 is what plain training gives.
    visits, zeros : steps that contained it, and those in which it got no weight at all.
    """

    document_id: str
    value: Any
    weight: float
    visits: int
    zeros: int


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
    noise : the recipes against label noise that were tried; at most one of them is used.
    search : the settings that were tried; None without a search.
    train_s : seconds of training, all runs.
    distrusted : labels of the least weight, that one first; empty without reweighting.
    is_written : whether the teacher wrote the texts, too.
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
    noise: tuple[NoiseTrial, ...] = ()
    search: SearchResult | None = None
    distrusted: tuple[DistrustedLabel, ...] = ()
    is_written: bool = False
    version: int = ARM_VERSION

    def to_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        return asdict(self)

    @property
    def mean_dev_f1(self) -> float:
        """Mean headline F1 on gold dev; nan if a run has none."""
        return float(np.mean([np.nan if f1 is None else f1 for f1 in self.dev_f1]))


@dataclass(frozen=True)
class Said:
    """What one student says about the documents of one gold role.

    Attributes
    ----------
    values : n values, decided with its thresholds.
    probabilities : shape (n, K).
    """

    values: tuple[Value, ...]
    probabilities: FloatArray


@dataclass(frozen=True)
class Run:
    """One finished training run; `distrusted` labels had the least weight in it."""

    student: Student
    dev: Said
    test: Said
    thresholds: FloatArray
    dev_f1: float
    distrusted: tuple[Distrust, ...] = ()


def trained_arms(project: Project) -> tuple[tuple[TrainedArm, ...], tuple[str, ...]]:
    """The trained arms that the settings ask for, in planning order, and the names of those to train again.

    An arm that was trained on other labels, texts or settings than those of now is of the second sort: what it keeps
    about gold would not fit.
    """
    current, outdated = [], []
    for arm in plan_arms(project):
        kept = kept_arm(project, arm)
        if kept is None:
            outdated.append(arm.name)
        else:
            current.append(kept)
    return tuple(current), tuple(outdated)


def kept_arm(project: Project, arm: Arm) -> TrainedArm | None:
    """The arm as it was trained; None if it was not, or on something else than now."""
    kept = _read(project, arm.name)
    return kept if kept is not None and kept.fingerprint == fingerprint(project, arm) else None


def said_of(project: Project, arm: TrainedArm, role: Role) -> list[Said]:
    """What every run says about the gold documents of a role."""
    folder = arm_folder(project, arm.name)
    probabilities = load_file(folder / PROBABILITIES_FILE)
    values = json.loads((folder / VALUES_FILE).read_text(encoding="utf-8"))
    keys = [f"{role.value}-{run}" for run in range(arm.n_seeds)]
    return [Said(_values(project, values[key]), probabilities[key].astype(np.float64)) for key in keys]


def arm_folder(project: Project, name: str) -> Path:
    """Where an arm is kept."""
    return project.folder / STUDENTS / name


def workspace_of(project: Project, name: str, run: int) -> Path:
    """Where a run of an arm that was killed in training is gone on with; removed once the arm is kept."""
    return arm_folder(project, name) / TRAINING / f"run-{run}"


def write_arm(project: Project, arm: TrainedArm, runs: Sequence[Run]) -> None:
    """Store the deployed student and what every run said about gold."""
    folder = arm_folder(project, arm.name)
    if (folder / TRAINING).exists():
        shutil.rmtree(folder / TRAINING)
    runs[arm.deployed_run].student.save(folder, about=_about(project, arm))
    said = {f"{Role.DEV.value}-{i}": run.dev for i, run in enumerate(runs)}
    said |= {f"{Role.TEST.value}-{i}": run.test for i, run in enumerate(runs)}
    save_file(
        {key: np.ascontiguousarray(each.probabilities) for key, each in said.items()}, folder / PROBABILITIES_FILE
    )
    values = {key: [project.task.to_json(value) for value in each.values] for key, each in said.items()}
    (folder / VALUES_FILE).write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    (folder / ARM_FILE).write_text(json.dumps(arm.to_json(), indent=2, allow_nan=False), encoding="utf-8")


def fingerprint(project: Project, arm: Arm) -> str:
    """Hash of the settings, the labelled documents, and the gold texts about which something is kept."""
    settings = project.settings
    state = hashlib.sha256(
        json.dumps(
            [ARM_VERSION, arm.name, arm.n_labels, arm.cost_usd, settings.project.seed, settings.student.model_dump(),
             settings.embedding.model_dump(), project.codebook_digest, _contents(arm.source.documents),
             _contents(project.gold_of(Role.DEV)), [row[:2] for row in _contents(project.gold_of(Role.TEST))],
             str(arm.source.answers)],
        ).encode()
    )  # fmt: skip
    state.update(np.ascontiguousarray(arm.source.targets).tobytes())
    if any(arm.source.uncertain):
        state.update(str(arm.source.uncertain).encode("utf-8", "surrogatepass"))
    if settings.student.noise != "off":
        state.update(_noise_state(project, arm).encode())
    return state.hexdigest()


def _noise_state(project: Project, arm: Arm) -> str:
    """What recipes look at beside an arm's own targets, for its fingerprint."""
    annotations = stored_annotations(project)
    looked_up = (*project.candidates, *project.gold_of(Role.DEMO)) if project.task.marks_spans else arm.source.documents
    documents = [*looked_up, *project.gold_of(Role.DEV)]
    said = [(d.id, _essence(annotations[d.id])) for d in documents if d.id in annotations]
    return str((said, [(d.id, d.text, d.value) for d in project.gold_of(Role.DEMO)]))


def _essence(annotation: Annotation) -> tuple[object, ...]:
    return (annotation.value, annotation.answers, annotation.n_asked, annotation.confidence, annotation.flags)


def _values(project: Project, stored: Sequence[Any]) -> tuple[Value, ...]:
    return tuple(value for value in map(project.task.from_json, stored) if value is not None)


def _read(project: Project, name: str) -> TrainedArm | None:
    try:
        stored = json.loads((arm_folder(project, name) / ARM_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if stored.get("version") != ARM_VERSION:
        return None
    stored["dev_f1"] = tuple(stored["dev_f1"])
    stored["thresholds"] = tuple(tuple(row) for row in stored["thresholds"])
    stored["remarks"] = tuple(stored.get("remarks", ()))
    stored["distrusted"] = tuple(DistrustedLabel(**label) for label in stored.get("distrusted", ()))
    stored["noise"] = tuple(_trial(trial) for trial in stored.get("noise", ()))
    stored["search"] = None if stored.get("search") is None else _search(stored["search"])
    return TrainedArm(**stored)


def _trial(stored: dict[str, Any]) -> NoiseTrial:
    interval = stored["gain_interval"]
    return NoiseTrial(**stored | {"gain_interval": None if interval is None else tuple(interval)})


def _search(stored: dict[str, Any]) -> SearchResult:
    trials = tuple(SearchTrial(**trial) for trial in stored["trials"])
    return SearchResult(**stored | {"trials": trials, "seed_f1": tuple(stored["seed_f1"])})


def _about(project: Project, arm: TrainedArm) -> dict[str, Any]:
    return {
        "project": project.settings.project.name,
        "arm": arm.name,
        "description": arm.description,
        "teacher": project.settings.teacher.name if arm.name.startswith(("teacher", "active", "random")) else "",
        "n_labels": arm.n_labels,
        "human_labels": arm.human_labels,
        "dev_f1": list(arm.dev_f1),
        "deployed_run": arm.deployed_run,
        "codebook": project.codebook_digest,
    }


def _contents(documents: Sequence[Document]) -> list[list[str]]:
    return [[document.id, document_digest(document), str(document.value)] for document in documents]
