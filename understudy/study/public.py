"""Reads a folder of public data with recorded answers of models: its texts, human labels, models and definitions.

A set folder holds JSONL files, `stats.json` and `README.md`. Rows are `{"id", "text", "label", "llm": {MODEL: label
or [labels]}}`; null is an answer nobody could read. Splits nothing and writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from understudy.errors import UserError, did_you_mean

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


Answers = tuple[str | None, ...]


@dataclass(frozen=True)
class Item:
    """One text of the set.

    Attributes
    ----------
    label : the human label, or None.
    answers : what the chosen model answered, one or several, None where unreadable; empty if it was never asked.
    part : test, val, train, main or unlabelled, as the file's name says.
    group : texts of one group stay on one side of a split, or None.
    said : the answers of every model that was asked, in the form of `answers`.
    """

    id: str
    text: str
    label: str | None
    answers: Answers
    part: str
    group: str | None = None
    said: Mapping[str, Answers] = field(default_factory=dict)

    def taught_by(self, model: str | None) -> Item:
        """The same text with the answers of one model, or of none."""
        return replace(self, answers=self.said.get(model, ()) if model is not None else ())


def read_stats(folder: Path) -> Any:
    """What the set says about itself; raises UserError for a folder that is no set."""
    path = folder / "stats.json"
    if not path.is_file():
        raise UserError(f"{folder} holds no stats.json, so it is no set folder.", "Name one of the sets' folders.")
    return json.loads(path.read_text(encoding="utf-8"))


def read_readme(folder: Path) -> str:
    """The set's README, or ""."""
    path = folder / "README.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def refuse_other_kinds(name: str, task: str, as_texts: bool) -> None:
    """Raise UserError for a set of a kind that cannot become a classification of texts."""
    if task == "ner":
        raise UserError(f"{name} is a set of entities, which this version does not label yet.", "Choose another set.")
    if task == "relation" and not as_texts:
        raise UserError(
            f"{name} is a set of relations, which this version does not label yet.",
            "`--as-texts` converts it to a classification of texts with marked entities.",
        )


def choose_teacher(set_folder: Path, stats: Any, wanted: str | None) -> str | None:
    """The wanted model, or the most accurate one; None where the set has no LLM labels."""
    figures = [part.get("models", {}) for part in stats["files"].values()]
    accuracy = {model: max(f[model]["acc"] for f in figures if model in f) for models in figures for model in models}
    if wanted is None:
        return max(accuracy, key=lambda model: accuracy[model], default=None)
    recorded = accuracy if wanted in accuracy else recorded_models(set_folder)
    if wanted not in recorded:
        raise UserError(f"nobody recorded labels of `{wanted}`. {did_you_mean(wanted, recorded)}")
    return wanted


def recorded_models(set_folder: Path) -> list[str]:
    """Every model that answered anything, also where no human label says how well."""
    rows = (row for path in sorted(set_folder.glob("*.jsonl")) for row in _rows(path))
    return list(dict.fromkeys(model for row in rows for model in row.get("llm", {})))


def read_items(folder: Path) -> Iterator[Item]:
    """Every text of the set with what every model said about it, as if nobody were the teacher."""
    for path in sorted(folder.glob("*.jsonl")):
        part = "unlabelled" if path.name.startswith(UNLABELLED_PREFIX) else PART_OF_FILE.get(path.name)
        if part is None:
            raise UserError(f"{path}: a file of this name has no known part in a set.")
        yield from (_item(row, part) for row in _rows(path))


def with_groups(items: list[Item], pattern: str | None = None) -> list[Item]:
    """The texts with their groups, where every text matches `pattern` or a pattern known to name a group."""
    patterns = GROUP_PATTERNS if pattern is None else (pattern,)
    for candidate in patterns:
        matches = [re.search(candidate, item.text, re.DOTALL) for item in items]
        if all(matches):
            return [replace(item, group=_digest(m[1])) for item, m in zip(items, matches, strict=True) if m]
    if pattern is not None:
        missing = sum(re.search(pattern, item.text, re.DOTALL) is None for item in items)
        raise UserError(f"--group-regex does not match {missing} of {len(items)} texts.")
    return items


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


def _rows(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _item(row: Any, part: str) -> Item:
    text = row["text"] if "text" in row else _marked(row["tokens"], row["head"], row["tail"])
    said = {model: tuple(one) if isinstance(one, list) else (one,) for model, one in row.get("llm", {}).items()}
    return Item(row["id"], text, row.get("label"), (), part, said=said)


def _marked(tokens: Sequence[str], head: Sequence[int], tail: Sequence[int]) -> str:
    """A sentence with its head between [E1] and [/E1] and its tail between [E2] and [/E2]."""
    before = {head[0]: "[E1]", tail[0]: "[E2]"}
    after = {head[1] - 1: "[/E1]", tail[1] - 1: "[/E2]"}
    marked = ((before.get(i), token, after.get(i)) for i, token in enumerate(tokens))
    return " ".join(piece for pieces in marked for piece in pieces if piece)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
