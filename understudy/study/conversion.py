"""Makes a project folder from a public set: the recorded answers of one model become the teacher.

The texts stay outside the repository, and so must the project. Downloads nothing and asks no model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from understudy.corpus.spans.marks import write_mark
from understudy.errors import UserError
from understudy.settings import FILE_NAME
from understudy.study.public import (
    Item,
    Kind,
    choose_teacher,
    definitions,
    kind_of,
    null_label,
    read_items,
    read_readme,
    read_stats,
    with_groups,
)
from understudy.study.splitting import Roles, assign

REPOSITORY = Path(__file__).resolve().parents[2]
OVERLONG = 20_000


@dataclass(frozen=True)
class Conversion:
    """What was made, and every choice on the way."""

    name: str
    kind: Kind
    teacher: str | None
    positive: str | None
    labels: tuple[str, ...]
    roles: Roles
    remarks: tuple[str, ...]

    def answered(self, role: str) -> int:
        """Texts of a role that the teacher answered."""
        return sum(bool(item.answers) for item in getattr(self.roles, role))

    def lines(self) -> Iterator[str]:
        """The conversion in words."""
        yield f"{self.name}: {self.kind}, {len(self.labels)} labels, positive: {self.positive or 'none declared'}"
        yield f"teacher: {self.teacher + ' (recorded)' if self.teacher else 'nearest-definition (no recorded answers)'}"
        for role, n in self.roles.counts().items():
            yield f"  {role:9} {n:6,} texts, {self.answered(role):6,} with an answer of the teacher"
        yield from self.remarks


@dataclass(frozen=True)
class Options:
    """What whoever converts can choose."""

    teacher: str | None = None
    seed: int = 0
    student: str = "linear"
    group_regex: str | None = None
    as_texts: bool = False


def convert(set_folder: Path, project_folder: Path, options: Options) -> Conversion:
    """Write a project folder from a set folder.

    Raises
    ------
    UserError
        If the model is unknown, the project folder taken or inside the repository.
    """
    refuse_repository(project_folder)
    if (project_folder / FILE_NAME).exists():
        raise UserError(
            f"{project_folder} already holds a project.", "Name another folder, or remove that one yourself."
        )
    stats = read_stats(set_folder)
    kind = kind_of(stats, options.as_texts)
    teacher = choose_teacher(set_folder, stats, options.teacher)
    items = with_groups([item.taught_by(teacher) for item in read_items(set_folder, kind)], options.group_regex)
    roles = assign(items, np.random.default_rng(options.seed))
    return make_project(set_folder, project_folder, roles, teacher, options)


def make_project(
    set_folder: Path, project_folder: Path, roles: Roles, teacher: str | None, options: Options
) -> Conversion:
    """Write a project folder with these roles, whose texts hold the answers of `teacher`; replaces what is there."""
    stats, readme = read_stats(set_folder), read_readme(set_folder)
    labels, positive = labels_of(roles, stats)
    kind = kind_of(stats, options.as_texts)
    remarks = tuple(_remarks(stats, readme, roles, teacher, options))
    made = Conversion(set_folder.name, kind, teacher, positive, labels, roles, remarks)
    _write(project_folder, made, _toml(made, stats["title"], definitions(readme, labels), options))
    return made


def labels_of(roles: Roles, stats: Any) -> tuple[tuple[str, ...], str | None]:
    """The labels that people gave, sorted, and the positive one of two, if the set tells."""
    everything = (*roles.pool, *roles.demo, *roles.dev, *roles.test, *roles.left_out)
    labels = tuple(sorted({label for item in everything for label in item.labels}))
    return labels, _positive(labels, stats.get("pos"))


def refuse_repository(folder: Path) -> None:
    """Raise UserError for a folder inside the repository, where the public texts may not be copied."""
    if folder.resolve().is_relative_to(REPOSITORY):
        raise UserError(
            f"{folder} is inside the repository, where the public texts may not be copied.", "Name a folder outside."
        )


def _positive(labels: Sequence[str], declared: str | None) -> str | None:
    """Of two labels: the one the set reports precision and recall for, or the one that the other negates."""
    if len(labels) != 2 or declared is not None:
        return declared if len(labels) == 2 else None
    for label, other in (labels, reversed(labels)):
        if re.fullmatch(rf"(?:not|non|no)[_\- ]?{re.escape(label)}", other, re.IGNORECASE):
            return label
    return None


def _remarks(stats: Any, readme: str, roles: Roles, teacher: str | None, options: Options) -> Iterator[str]:
    everything = (*roles.pool, *roles.demo, *roles.dev, *roles.test)
    if teacher and options.teacher is None:
        yield "teacher chosen as the most accurate of the set; `--teacher` names another"
    if teacher and not any(item.answers for item in roles.dev):
        yield "no dev text has an answer of the teacher: the gate cannot judge it"
    if teacher and not any(item.answers for item in roles.test):
        yield "no test text has an answer of the teacher: teacher-direct cannot be judged on test, only on dev"
    if roles.left_out:
        yield f"{len(roles.left_out):,} texts left out: beyond the sizes above, or without an answer of this teacher"
    groups = {item.group for item in everything if item.group}
    if groups:
        yield f"{len(groups):,} groups, none on two sides of the split"
    language = re.search(r"language: (\w+)", readme)
    if language and language[1] != "en":
        yield f"language is {language[1]}: the bundled encoder is English; set embedding.model to a multilingual one"
    if stats["task"] == "relation" and options.as_texts:
        yield "relations as texts: head between [E1] and [/E1], tail between [E2] and [/E2]"


def _write(folder: Path, made: Conversion, toml: str) -> None:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    _write_rows(folder / "data" / "pool.jsonl", (_row(item, made.kind) for item in made.roles.pool))
    gold = (
        _row(item, made.kind) | {"label": _cell(item.label, made.kind), "role": role}
        for role in ("demo", "dev", "test")
        for item in getattr(made.roles, role)
    )
    _write_rows(folder / "data" / "gold.jsonl", gold)
    (folder / FILE_NAME).write_text(toml, encoding="utf-8")


def _write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _row(item: Item, kind: Kind) -> dict[str, Any]:
    """Without the human label; an unreadable answer is a null in a list, no answer is no cell."""
    row: dict[str, Any] = {"id": item.id, "text": item.text}
    row |= {name: write_mark(mark) for name, mark in (("head", item.head), ("tail", item.tail)) if mark is not None}
    if item.group is not None:
        row["group"] = item.group
    if item.answers:
        answers = [_cell(answer, kind) for answer in item.answers]
        is_plain = len(answers) == 1 and isinstance(answers[0], str)
        row["teacher"] = answers[0] if is_plain else answers
    return row


def _cell(text: str | None, kind: Kind) -> Any:
    """A label as it stands in a JSON lines file."""
    return json.loads(text) if kind == "entities" and text is not None else text


def _toml(made: Conversion, title: str, meanings: dict[str, str], options: Options) -> str:
    lines = ["[project]", f"name = {_quoted(made.name)}", f"seed = {options.seed}", ""]
    lines += ["[codebook]", f"kind = {_quoted(made.kind)}", f"instructions = {_quoted(title)}"]
    lines += [f"positive = {_quoted(made.positive)}"] if made.positive and made.kind == "classification" else []
    null = null_label(made.labels) if made.kind == "relations" else None
    lines += [f"null = {_quoted(null)}"] if null is not None else []
    for label in made.labels:
        lines += ["", "[[codebook.labels]]", f"name = {_quoted(label)}"]
        lines += [f"definition = {_quoted(meanings[label])}"] if label in meanings else []
    pool = '["data/pool.jsonl"]' if made.roles.pool else "[]"
    lines += ["", "[data]", f"pool = {pool}", 'gold = ["data/gold.jsonl"]', 'role = "role"']
    texts = [item for role in (made.roles.pool, made.roles.demo, made.roles.dev, made.roles.test) for item in role]
    lines += ['head = "head"', 'tail = "tail"'] if made.kind == "relations" else []
    lines += ['group = "group"'] if any(item.group for item in texts) else []
    lines += ['overlong = "keep"'] if any(len(item.text) > OVERLONG for item in texts) else []
    lines += ["", "[teacher]"]
    lines += (
        ['kind = "recorded"', f"model = {_quoted(made.teacher)}"] if made.teacher else ['kind = "nearest-definition"']
    )
    return "\n".join([*lines, "", "[student]", f"kind = {_quoted(options.student)}", ""])


def _quoted(text: str) -> str:
    """A TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
