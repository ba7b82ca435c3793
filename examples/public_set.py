"""Makes a project folder from a folder of public data with recorded LLM labels.

    python examples/public_set.py SET_FOLDER PROJECT_FOLDER [--teacher MODEL] [--seed N] [--kind STUDENT]

A set folder holds JSONL files, `stats.json` and `README.md`. Rows are `{"id", "text", "label", "llm": {MODEL: label
or [labels]}}`; null is an answer nobody could read. The texts stay outside the repository, and so must the project.
It does not download anything and asks no model: the recorded labels of one model become the teacher.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from understudy.errors import UserError, did_you_mean
from understudy.settings import FILE_NAME, StudentSettings

KINDS = get_args(StudentSettings.model_fields["kind"].annotation)
REPOSITORY = Path(__file__).resolve().parents[1]

FILES_OF_PART = {
    "test": ("gold_test.jsonl", "test.jsonl", "data_test.jsonl"),
    "val": ("gold_val.jsonl", "val.jsonl", "gold_dev.jsonl", "dev.jsonl", "data_valid.jsonl"),
    "train": ("gold_train.jsonl", "train.jsonl", "gold_rest.jsonl"),
    "main": ("data.jsonl", "data_train.jsonl"),
}
PART_OF_FILE = {name: part for part, names in FILES_OF_PART.items() for name in names}
UNLABELLED_PREFIX = "llm_only_"

GROUP_PATTERNS = (r"\A(Query: .*?)\nResponse:", r"\A(.*)\nAspect: ")
"""What texts of one group share: used when every text of the set looks like this."""

MANY = 3000
MOST_TEST, MOST_DEMO, MOST_DEV, DEV_WHEN_TEST_HAS_NO_ANSWERS = 1000, 1000, 250, 500
SMALLEST_DEV_SHARE = 8
OVERLONG = 20_000


@dataclass(frozen=True)
class Item:
    """One text of the set.

    Attributes
    ----------
    label : the human label, or None.
    answers : what the chosen model answered, one or several, None where unreadable; empty if it was never asked.
    part : test, val, train, main or unlabelled, as the file's name says.
    group : texts of one group stay on one side of a split, or None.
    """

    id: str
    text: str
    label: str | None
    answers: tuple[str | None, ...]
    part: str
    group: str | None = None


@dataclass(frozen=True)
class Roles:
    """Which text becomes what."""

    pool: tuple[Item, ...]
    demo: tuple[Item, ...]
    dev: tuple[Item, ...]
    test: tuple[Item, ...]
    left_out: tuple[Item, ...]

    def counts(self) -> dict[str, int]:
        """Texts of each role."""
        return {name: len(getattr(self, name)) for name in ("pool", "demo", "dev", "test", "left_out")}


@dataclass(frozen=True)
class Conversion:
    """What was made, and every choice on the way."""

    name: str
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
        yield f"{self.name}: {len(self.labels)} labels, positive: {self.positive or 'none declared'}"
        yield f"teacher: {self.teacher + ' (recorded)' if self.teacher else 'nearest-definition (no recorded answers)'}"
        for role, n in self.roles.counts().items():
            yield f"  {role:9} {n:6,} texts, {self.answered(role):6,} with an answer of the teacher"
        yield from self.remarks


@dataclass(frozen=True)
class Options:
    """What the command line can choose."""

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
        If the set is of another kind, the model unknown, the project folder taken or inside the repository.
    """
    _refuse_folder(project_folder)
    stats = _read_stats(set_folder)
    _refuse_other_kinds(set_folder.name, stats["task"], options.as_texts)
    teacher = _choose_teacher(set_folder, stats, options.teacher)
    items = _with_groups(list(_read_items(set_folder, teacher)), options.group_regex)
    roles = _assign(items, np.random.default_rng(options.seed))
    labels = tuple(sorted({item.label for item in items if item.label is not None}))
    readme = _readme(set_folder)
    positive = _positive(labels, stats.get("pos"))
    remarks = tuple(_remarks(stats, readme, roles, teacher, options))
    made = Conversion(set_folder.name, teacher, positive, labels, roles, remarks)
    _write(project_folder, made, _toml(made, stats["title"], definitions(readme, labels), options))
    return made


def definitions(readme: str, labels: Sequence[str]) -> dict[str, str]:
    """Definitions that the set's README gives: a list of label codes, or the options of the recorded prompt."""
    found = {}
    for label in labels:
        code = re.search(rf"label codes:.*?(?<!\w){re.escape(label)} ([^;(\n]+)", readme)
        spoken = re.escape(label.replace("_", " "))
        option = re.search(rf"(?:\\n|\n)[A-Z]: {spoken}[^(\\\n]*\((.+?)\)(?=\\n[A-Z\\]|\n|\")", readme, re.IGNORECASE)
        match = code or option
        if match:
            found[label] = match[1].strip().replace("\\n", " ").replace('\\"', '"')
    return found


def _refuse_folder(folder: Path) -> None:
    if folder.resolve().is_relative_to(REPOSITORY):
        raise UserError(
            f"{folder} is inside the repository, where the public texts may not be copied.", "Name a folder outside."
        )
    if (folder / FILE_NAME).exists():
        raise UserError(f"{folder} already holds a project.", "Name another folder, or remove that one yourself.")


def _read_stats(folder: Path) -> Any:
    path = folder / "stats.json"
    if not path.is_file():
        raise UserError(f"{folder} holds no stats.json, so it is no set folder.", "Name one of the sets' folders.")
    return json.loads(path.read_text(encoding="utf-8"))


def _readme(folder: Path) -> str:
    path = folder / "README.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _refuse_other_kinds(name: str, task: str, as_texts: bool) -> None:
    if task == "ner":
        raise UserError(f"{name} is a set of entities, which this version does not label yet.", "Choose another set.")
    if task == "relation" and not as_texts:
        raise UserError(
            f"{name} is a set of relations, which this version does not label yet.",
            "`--as-texts` converts it to a classification of texts with marked entities.",
        )


def _choose_teacher(set_folder: Path, stats: Any, wanted: str | None) -> str | None:
    """The wanted model, or the most accurate one; None where the set has no LLM labels."""
    figures = [part.get("models", {}) for part in stats["files"].values()]
    accuracy = {model: max(f[model]["acc"] for f in figures if model in f) for models in figures for model in models}
    if wanted is None:
        return max(accuracy, key=lambda model: accuracy[model], default=None)
    recorded = accuracy if wanted in accuracy else _models(set_folder)
    if wanted not in recorded:
        raise UserError(f"nobody recorded labels of `{wanted}`. {did_you_mean(wanted, recorded)}")
    return wanted


def _models(set_folder: Path) -> list[str]:
    """Every model that answered anything, also where no human label says how well."""
    rows = (row for path in sorted(set_folder.glob("*.jsonl")) for row in _rows(path))
    return list(dict.fromkeys(model for row in rows for model in row.get("llm", {})))


def _rows(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _read_items(folder: Path, teacher: str | None) -> Iterator[Item]:
    for path in sorted(folder.glob("*.jsonl")):
        part = "unlabelled" if path.name.startswith(UNLABELLED_PREFIX) else PART_OF_FILE.get(path.name)
        if part is None:
            raise UserError(f"{path}: a file of this name has no known part in a set.")
        yield from (_item(row, part, teacher) for row in _rows(path))


def _item(row: Any, part: str, teacher: str | None) -> Item:
    text = row["text"] if "text" in row else _marked(row["tokens"], row["head"], row["tail"])
    llm = row.get("llm", {})
    answers = llm.get(teacher, ())
    several = tuple(answers) if isinstance(answers, list | tuple) else (answers,)
    return Item(row["id"], text, row.get("label"), several, part)


def _marked(tokens: Sequence[str], head: Sequence[int], tail: Sequence[int]) -> str:
    """A sentence with its head between [E1] and [/E1] and its tail between [E2] and [/E2]."""
    before = {head[0]: "[E1]", tail[0]: "[E2]"}
    after = {head[1] - 1: "[/E1]", tail[1] - 1: "[/E2]"}
    marked = ((before.get(i), token, after.get(i)) for i, token in enumerate(tokens))
    return " ".join(piece for pieces in marked for piece in pieces if piece)


def _with_groups(items: list[Item], pattern: str | None) -> list[Item]:
    patterns = GROUP_PATTERNS if pattern is None else (pattern,)
    for candidate in patterns:
        matches = [re.search(candidate, item.text, re.DOTALL) for item in items]
        if all(matches):
            return [replace(item, group=_digest(m[1])) for item, m in zip(items, matches, strict=True) if m]
    if pattern is not None:
        missing = sum(re.search(pattern, item.text, re.DOTALL) is None for item in items)
        raise UserError(f"--group-regex does not match {missing} of {len(items)} texts.")
    return items


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _assign(items: Sequence[Item], rng: np.random.Generator) -> Roles:
    """Roles by file name where it says so, else by a stratified draw of whole groups."""
    parts = {part: [item for item in items if item.part == part] for part in (*FILES_OF_PART, "unlabelled")}
    answered = [item for item in parts["main"] if item.answers]
    human = [item for item in (*parts["train"], *parts["main"]) if not item.answers]
    test, val = parts["test"], parts["val"]
    if not (answered or human):
        human, val = val, []
    if not human and not answered:
        human, test = test, []
    n_answered = len(answered)
    if not test:
        source = answered or human
        n = len(source)
        test, rest = _draw(source, MOST_TEST if n >= MANY else 2 * n // 5, rng)
        answered, human = (rest, human) if answered else (answered, rest)
    dev = _dev_for_the_gate(test, val, answered, n_answered, rng)
    answered = _without(answered, dev)
    demo, human = _draw(human, min(MOST_DEMO, _two_thirds(human) if not answered else len(human)), rng)
    if not demo:
        demo, answered = _draw(answered, min(MOST_DEMO, 9 * len(answered) // 10), rng)
    human_dev, val = _draw(_without(val, dev), MOST_DEV, rng)
    if not human_dev and (human or not dev):
        human_dev, human = _draw(human, min(MOST_DEV, len(human) // 2), rng)
    dev = dev + human_dev
    pool = [*answered, *(item for item in parts["unlabelled"] if item.answers)] or human
    kept = {item.id for item in (*pool, *demo, *dev, *test)}
    left_out = tuple(item for item in items if item.id not in kept)
    return Roles(tuple(pool), tuple(demo), tuple(dev), tuple(test), left_out)


def _two_thirds(items: Sequence[Item]) -> int:
    return 2 * len(items) // 3


def _dev_for_the_gate(
    test: Sequence[Item], val: Sequence[Item], answered: Sequence[Item], n: int, rng: np.random.Generator
) -> list[Item]:
    """Texts with human label and teacher's answer, so that the teacher can be judged before the test."""
    most = MOST_DEV if any(item.answers for item in test) else DEV_WHEN_TEST_HAS_NO_ANSWERS
    from_val = [item for item in val if item.answers]
    source, wanted = (from_val, most) if from_val else (answered, min(most, n // SMALLEST_DEV_SHARE))
    return _draw(source, wanted, rng)[0]


def _without(items: Iterable[Item], taken: Iterable[Item]) -> list[Item]:
    ids = {item.id for item in taken}
    return [item for item in items if item.id not in ids]


def _draw(items: Sequence[Item], n: int, rng: np.random.Generator) -> tuple[list[Item], list[Item]]:
    """About `n` items (exactly `n` without groups) in their label proportions, and the rest; whole groups only."""
    if n <= 0 or not items:
        return [], list(items)
    units: dict[str, list[Item]] = {}
    for item in items:
        units.setdefault(item.group or " ".join(item.text.split()), []).append(item)
    keys = sorted(units)
    order = sorted(rng.permutation(len(keys)), key=lambda i: units[keys[i]][0].label or "")
    n_units = min(len(keys), max(1, round(n * len(keys) / len(items))))
    spots = np.floor((np.arange(n_units) + rng.random()) * len(keys) / n_units).astype(int)
    chosen = {item.id for spot in spots for item in units[keys[order[spot]]]}
    return [item for item in items if item.id in chosen], [item for item in items if item.id not in chosen]


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
    if stats["task"] == "relation":
        yield "relations as texts: head between [E1] and [/E1], tail between [E2] and [/E2]"


def _write(folder: Path, made: Conversion, toml: str) -> None:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    _write_rows(folder / "data" / "pool.jsonl", (_row(item) for item in made.roles.pool))
    gold = ((item, role) for role in ("demo", "dev", "test") for item in getattr(made.roles, role))
    _write_rows(folder / "data" / "gold.jsonl", (_row(i) | {"label": i.label, "role": role} for i, role in gold))
    (folder / FILE_NAME).write_text(toml, encoding="utf-8")


def _write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _row(item: Item) -> dict[str, Any]:
    """Without the human label; an unreadable answer is a null in a list, no answer is no cell."""
    row: dict[str, Any] = {"id": item.id, "text": item.text}
    if item.group is not None:
        row["group"] = item.group
    if item.answers:
        is_plain = len(item.answers) == 1 and item.answers[0] is not None
        row["teacher"] = item.answers[0] if is_plain else list(item.answers)
    return row


def _toml(made: Conversion, title: str, meanings: dict[str, str], options: Options) -> str:
    lines = ["[project]", f"name = {_quoted(made.name)}", f"seed = {options.seed}", ""]
    lines += ["[codebook]", 'kind = "classification"', f"instructions = {_quoted(title)}"]
    lines += [f"positive = {_quoted(made.positive)}"] if made.positive else []
    for label in made.labels:
        lines += ["", "[[codebook.labels]]", f"name = {_quoted(label)}"]
        lines += [f"definition = {_quoted(meanings[label])}"] if label in meanings else []
    lines += ["", "[data]", 'pool = ["data/pool.jsonl"]', 'gold = ["data/gold.jsonl"]', 'role = "role"']
    texts = [item for role in (made.roles.pool, made.roles.demo, made.roles.dev, made.roles.test) for item in role]
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


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when the project is written, 2 when something is to be fixed first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("set_folder", type=Path, help="folder with JSONL files, stats.json and README.md")
    parser.add_argument("project_folder", type=Path, help="folder to make, outside the repository")
    parser.add_argument("--teacher", metavar="MODEL", help="whose recorded labels; default: the most accurate model's")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the project")
    parser.add_argument("--kind", choices=KINDS, default="linear", help="of the student")
    parser.add_argument("--group-regex", metavar="REGEX", help="its first group, found in the text, names the group")
    parser.add_argument("--as-texts", action="store_true", help="relations as texts with marked entities")
    given = parser.parse_args(arguments)
    options = Options(given.teacher, given.seed, given.kind, given.group_regex, given.as_texts)
    try:
        made = convert(given.set_folder, given.project_folder, options)
    except UserError as error:
        print(f"error: {error.message} {error.hint}".rstrip(), file=sys.stderr)
        return error.exit_code
    print("\n".join(made.lines()))
    balance = Counter(item.label for item in made.roles.test)
    print("test labels: " + ", ".join(f"{label} {n:,}" for label, n in balance.most_common()))
    print(f"now: understudy run {given.project_folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
