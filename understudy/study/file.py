"""The study file: which tasks, arms and seeds, as a pydantic model of one TOML file.

Reads and checks the file; opens none of the data that it names.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from understudy.errors import UserError, did_you_mean
from understudy.settings import Table, complaints

TEACHER_DIRECT = "teacher-direct"
LEARN = "learn"
LABELS = re.compile(rf"(?:human|teacher)-(?:\d+|all)|teacher\+human(?:-\d+)?|{TEACHER_DIRECT}|{LEARN}")

LABELS_HELP = (
    "human-N, human-all, teacher-N, teacher-all, teacher+human, teacher+human-N (N human labels, the teacher's for all "
    "other texts), teacher-direct, or learn (the loop of `[learn]` chooses what the teacher labels); empty: as `name`."
)

Metric = Literal["f1", "precision", "recall", "accuracy"]
Published = dict[Metric, float]
Overrides = dict[str, Any]

OVERRIDES = 'Settings of understudy.toml by dotted name: {"student.kind" = "encoder"}.'
PUBLISHED = "What a paper reports, printed beside."


class StudyTask(Table):
    """One task: a project folder, or a set of public data with recorded answers."""

    name: str = Field("", pattern=r"^[\w.+-]*$", description="In every table; empty: that of the set or folder.")
    set: str | None = Field(None, description="Folder of a public set, below `study.data`.")
    project: str | None = Field(None, description="Project folder, relative to the study file.")
    as_texts: bool = Field(False, description="Take a set of relations as texts with marked entities.")
    gold: int | None = Field(
        None,
        ge=10,
        description="Of a set: so many human labels are demonstrations and gold dev at once, and every other text that "
        "a model labelled is the pool. Empty: people and the teacher label the same texts, and there is no pool.",
    )
    pool: int | None = Field(None, ge=1, description="With `gold`: texts of the pool at most, drawn by lot.")
    pool_teacher: str = Field(
        "",
        description="Of a set: whose answers teach the texts that people did not label; empty: those are left out.",
    )
    settings: Overrides = Field({}, description=OVERRIDES)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.set is None) == (self.project is None):
            raise ValueError("name either `set` or `project`")
        if self.set is None and (self.gold, self.pool) != (None, None):
            raise ValueError("`gold` and `pool` are for a `set`; a project says it in its own settings")
        if self.pool is not None and self.gold is None:
            raise ValueError("`pool` needs `gold`: without it there is no pool")
        if self.pool_teacher and (self.set is None or self.gold is not None):
            raise ValueError("`pool_teacher` is for a `set` without `gold`")
        return self

    @property
    def title(self) -> str:
        """The task's name."""
        return self.name or self.set or Path(self.project or "").name


class StudyArm(Table):
    """One way to obtain a labeller."""

    name: str = Field(min_length=1, description="In every table.")
    labels: str = Field("", description=LABELS_HELP)
    min_consistency: float | None = Field(
        None, gt=0, le=1, description="Drop drawn teacher labels whose repeated answers agree less."
    )
    verbaliser: bool = Field(
        True, description="Whether the teacher reads the labels' verbalised names; false: only the labels themselves."
    )
    tasks: tuple[str, ...] = Field((), description="Only on these tasks; empty: on all.")
    settings: Overrides = Field({}, description=OVERRIDES)
    published: Published = Field({}, description=PUBLISHED)

    @model_validator(mode="after")
    def _known_labels(self) -> Self:
        if not LABELS.fullmatch(self.source):
            raise ValueError(f"`{self.source}` is no kind of labels; there is human-N, human-all, teacher-N, "
                             "teacher-all, teacher+human, teacher+human-N, teacher-direct and learn")  # fmt: skip
        if self.min_consistency is not None and not self.source.startswith("teacher-"):
            raise ValueError("`min_consistency` is for teacher-N and teacher-all")
        return self

    @property
    def source(self) -> str:
        """Whose labels and how many."""
        return self.labels or self.name

    @property
    def needs_teacher(self) -> bool:
        """Whether it depends on who the teacher is."""
        return not self.source.startswith("human")

    @property
    def learns_in_rounds(self) -> bool:
        """Whether the learning loop chooses what the teacher labels for it."""
        return self.source == LEARN

    @property
    def other_questions(self) -> tuple[str, ...]:
        """What it changes about the question to the teacher, by name."""
        changed = [name for name in self.settings if name.startswith("prompt.")]
        return (*changed, *(() if self.verbaliser else ("verbaliser",)))


class StudyComparison(Table):
    """A question: arm `a` minus arm `b`."""

    a: str = Field(description="An arm's name.")
    b: str = Field(description="An arm's name.")
    published: Published = Field({}, description=PUBLISHED)


class StudyDistance(Table):
    """A question: how much of the way from one arm to another does every other arm go?"""

    start: str = Field(description="The name of the arm that goes none of it, a plain student say.")
    end: str = Field(description="The name of the arm that goes all of it, `teacher-direct` say.")


class StudyHead(Table):
    """What holds for the whole study."""

    name: str = Field(min_length=1, pattern=r"^[\w.+-]+$", description="Of its folders and page.")
    title: str = Field("", description="On its page; empty: its name.")
    data: str = Field("", description="Folder of the public sets, relative to the study file.")
    paper: str = Field("", description="Whose numbers `published` are.")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="Training runs of each arm.")
    teachers: tuple[str, ...] = Field(
        ("best",), min_length=1, description="Of a public set: `best` or `median` on gold dev, or models by name."
    )


class StudyFile(Table):
    """The whole of a study file."""

    study: StudyHead
    settings: Overrides = Field({}, description=OVERRIDES)
    tasks: tuple[StudyTask, ...] = Field(min_length=1)
    arms: tuple[StudyArm, ...] = Field(min_length=1)
    comparisons: tuple[StudyComparison, ...] = ()
    distances: tuple[StudyDistance, ...] = ()

    def arms_of(self, task: StudyTask) -> tuple[StudyArm, ...]:
        """The arms that run on a task, in file order."""
        return tuple(arm for arm in self.arms if not arm.tasks or task.title in arm.tasks)


@dataclass(frozen=True)
class Study:
    """A study file that was read, and where it stands.

    Attributes
    ----------
    folder : of the file; paths in it are relative to this.
    data : the folder of public sets, or None if neither the file nor the caller names one.
    """

    file: StudyFile
    folder: Path
    data: Path | None

    @property
    def name(self) -> str:
        """The study's name."""
        return self.file.study.name


def read_study(path: Path, data: Path | None = None) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    data : folder of public sets; stronger than the one that the file names.

    Raises
    ------
    UserError
        If it is missing, no TOML, names something unknown, or says something twice.
    """
    source = _source(path)
    try:
        file = StudyFile.model_validate_json(json.dumps(tomllib.loads(source)))
    except tomllib.TOMLDecodeError as exc:
        raise UserError(f"{path.name} is not valid TOML: {exc}.") from exc
    except ValidationError as exc:
        raise UserError("\n".join(complaints(exc, source, path.name, StudyFile))) from exc
    _refuse_unknown(path, file)
    named = (path.parent / file.study.data).resolve() if file.study.data else None
    return Study(file, path.parent, data or named)


def as_text(settings: Mapping[str, Any]) -> dict[str, str]:
    """Overrides as `Project.open` takes them."""
    return {name: json.dumps(value, ensure_ascii=False) for name, value in settings.items()}


def _source(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise UserError(f"`{path}` cannot be read as a study file: {exc}.") from exc


def _refuse_unknown(path: Path, file: StudyFile) -> None:
    tasks, arms = [task.title for task in file.tasks], [arm.name for arm in file.arms]
    for what, names in (("task", tasks), ("arm", arms)):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UserError(f"{path.name}: the {what} `{twice[0]}` stands twice.", "Give each a `name` of its own.")
    _refuse_strangers(path, "task", [name for arm in file.arms for name in arm.tasks], tasks)
    _refuse_strangers(path, "arm", [name for pair in file.comparisons for name in (pair.a, pair.b)], arms)
    _refuse_strangers(path, "arm", [name for pair in file.distances for name in (pair.start, pair.end)], arms)


def _refuse_strangers(path: Path, what: str, named: list[str], known: list[str]) -> None:
    for name in named:
        if name not in known:
            raise UserError(f"{path.name}: there is no {what} `{name}`.", did_you_mean(name, known))
