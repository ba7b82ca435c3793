"""Opens the tasks of a study: project folders as they are, public sets as project folders made on the spot.

A public set's best and median teacher are chosen on its gold dev; gold test is never looked at here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from understudy.codebook import Task, task_of
from understudy.errors import UserError, did_you_mean
from understudy.evaluation import headline_score
from understudy.pipeline import Project
from understudy.pipeline.annotation import documents_to_ask, documents_to_label, stored_annotations
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Document
from understudy.settings import Codebook, Label, Settings
from understudy.study.conversion import Options, labels_of, make_project, refuse_repository
from understudy.study.encoders import Encoders
from understudy.study.file import Study, StudyArm, StudyTask, as_text
from understudy.study.public import Item, Kind, kind_of, null_label, read_items, read_stats, with_groups
from understudy.study.splitting import Roles, assign_paired, assign_pool, drawn_pool
from understudy.teacher import RecordedTeacher

OWN = "own"
"""How a project folder's teacher is called in tables: the one that its settings name."""

ASKED_SHARE = 0.9
"""A model that was asked about fewer of the dev texts is no candidate for best or median."""


@dataclass(frozen=True)
class Candidate:
    """A model that may teach a public set.

    Attributes
    ----------
    dev_f1 : headline F1 of its answers on gold dev, unreadable and missing ones counted as wrong.
    """

    model: str
    dev_f1: float


@dataclass(frozen=True)
class TaughtTask:
    """One task with one teacher.

    Attributes
    ----------
    choice : ``best``, ``median``, a model's name, or ``own``.
    model : who that is.
    folder : the project folder.
    settings : overrides of task and study.
    encoders : of the task.
    """

    task: str
    choice: str
    model: str
    folder: Path
    settings: Mapping[str, str]
    encoders: Encoders

    def open(self, overrides: Mapping[str, str]) -> Project:
        """The project with an arm's settings and all its labels; asks no teacher that costs money.

        Raises
        ------
        UserError
            If labels are missing that would have to be paid for.
        """
        project = self.open_unlabelled(overrides)
        _label(project)
        return project

    def open_unlabelled(self, overrides: Mapping[str, str]) -> Project:
        """The project with an arm's settings and the labels that it has so far."""
        project = Project.open(self.folder, {**self.settings, **overrides})
        project.encoder = self.encoders.get(project.settings.embedding)
        return project


def missing_tasks(study: Study) -> dict[str, str]:
    """The tasks whose data are not there, each with where they were looked for."""
    looked = {task.title: _place(study, task) for task in study.file.tasks}
    return {name: str(place or "no folder of public sets is named") for name, place in looked.items()
            if place is None or not place.is_dir()}  # fmt: skip


def open_task(study: Study, task: StudyTask, work: Path) -> tuple[TaughtTask, ...]:
    """One task with each of its teachers, its project folders written below `work` where there are none yet.

    Raises
    ------
    UserError
        If its data are missing, or a model that the study names gave no answers.
    """
    place = _place(study, task)
    if place is None or not place.is_dir():
        raise UserError(
            f"the data of task `{task.title}` are missing: {place or 'no folder of public sets is named'}.",
            "Name their folder with `--data`, or in the study file as `study.data`.",
        )
    shared = {} if task.gold is None else {"gold.share_demo_dev": True}
    settings = as_text({"trust.enabled": False, **shared, **study.file.settings, **task.settings})
    encoders = Encoders(work / "embeddings")
    if task.project is not None:
        return (TaughtTask(task.title, OWN, Project.open(place).settings.teacher.name, place, settings, encoders),)
    return tuple(
        TaughtTask(task.title, choice, model, folder, settings, encoders)
        for choice, model, folder in _write_set(study, task, place, work / "tasks" / task.title)
    )


def overrides_of(taught: TaughtTask, arm: StudyArm) -> dict[str, str]:
    """An arm's settings on a task, as `TaughtTask.open` takes them.

    Raises
    ------
    UserError
        If the arm changes what the teacher is asked, and its answers are recorded.
    """
    overrides = as_text(arm.settings)
    if arm.other_questions:
        settings = Project.open(taught.folder, {**taught.settings, **overrides}).settings
        _refuse_recorded(taught, arm, settings)
        if not arm.verbaliser:
            labels = [label.model_copy(update={"verbalised": ""}).model_dump() for label in settings.codebook.labels]
            overrides["codebook.labels"] = json.dumps(labels, ensure_ascii=False)
    return overrides


def _refuse_recorded(taught: TaughtTask, arm: StudyArm, settings: Settings) -> None:
    if settings.teacher.kind == "recorded" and arm.needs_teacher:
        raise UserError(
            f"arm `{arm.name}` changes what the teacher is asked ({', '.join(arm.other_questions)}), but the answers "
            f"of task `{taught.task}` are recorded: they were given to one question.",
            "Measure it on a `project` whose teacher can be asked, or name other tasks in the arm's `tasks`.",
        )


def rank_teachers(task: Task, dev: Sequence[Item]) -> list[Candidate]:
    """The models that were asked about nearly every dev text, best headline F1 first; ties by name."""
    documents = [
        Document(
            item.id, item.text, None if item.label is None else task.read(item.label), head=item.head, tail=item.tail
        )
        for item in dev
    ]
    models = sorted({model for item in dev for model in item.said})
    asked = [model for model in models if sum(model in item.said for item in dev) >= ASKED_SHARE * len(dev)]
    found = []
    for model in asked:
        answers = {item.id: item.said.get(model, ()) for item in dev}
        said = [annotation.value for annotation in RecordedTeacher(task, model, answers).annotate(documents)]
        f1 = headline_score(count_values(task, documents, said), headline_of(task)).f1
        found.append(Candidate(model, float(np.nan_to_num(f1, nan=-1.0))))
    return sorted(found, key=lambda one: (-one.dev_f1, one.model))


def pick(ranked: Sequence[Candidate], choice: str) -> str:
    """The model behind `best`, `median` (of an even number the better of the middle two), or a name."""
    names = [candidate.model for candidate in ranked]
    if choice == "best":
        return names[0]
    if choice == "median":
        return names[(len(names) - 1) // 2]
    if choice not in names:
        raise UserError(f"nobody recorded labels of `{choice}` for gold dev. {did_you_mean(choice, names)}")
    return choice


def _place(study: Study, task: StudyTask) -> Path | None:
    if task.project is not None:
        return study.folder / task.project
    return None if study.data is None or task.set is None else study.data / task.set


def _write_set(study: Study, task: StudyTask, place: Path, folder: Path) -> Iterator[tuple[str, str, Path]]:
    refuse_repository(folder)
    stats = read_stats(place)
    kind = kind_of(stats, task.as_texts)
    items = with_groups(list(read_items(place, kind)))
    paired = task.gold is None
    roles = assign_paired(items, np.random.default_rng(0)) if task.gold is None else assign_pool(items, task.gold, 0)
    ranked = rank_teachers(_task(roles, stats, kind), roles.dev if paired else roles.demo)
    if not ranked:
        raise UserError(
            f"{place}: no model was asked about the texts of this set.", "Choose a set with recorded labels."
        )
    for choice in study.file.study.teachers:
        model = pick(ranked, choice)
        made = folder / re.sub(r"[^\w.-]+", "-", model)
        taught = roles.taught_by(model) if paired else drawn_pool(roles.taught_by(model), task.pool, 0)
        if task.pool_teacher:
            taught = replace(taught, pool=_unlabelled(items, task.pool_teacher, place))
        make_project(place, made, taught, model, Options(as_texts=task.as_texts))
        yield choice, model, made


def _unlabelled(items: Sequence[Item], model: str, place: Path) -> tuple[Item, ...]:
    """The texts without a human label that a model answered, with its answers."""
    found = tuple(item.taught_by(model) for item in items if item.label is None and model in item.said)
    if not found:
        raise UserError(
            f"{place}: `{model}` answered no text that people did not label.", "Name another `pool_teacher`, or none."
        )
    return found


def _task(roles: Roles, stats: Any, kind: Kind) -> Task:
    names, positive = labels_of(roles, stats)
    labels = tuple(Label(name=name) for name in names)
    null = null_label(names) if kind == "relations" else None
    return task_of(Codebook(kind=kind, labels=labels, positive=positive, null=null))


def _label(project: Project) -> None:
    documents = documents_to_label(project)
    missing = documents_to_ask(documents, stored_annotations(project))
    if missing and project.teacher_costs_money:
        raise UserError(
            f"{project.folder}: {len(missing):,} texts have no answer of the teacher yet, and a study asks nobody who "
            "costs money.",
            f"Run `understudy annotate {project.folder}` first.",
        )
    if missing:
        project.annotate()
