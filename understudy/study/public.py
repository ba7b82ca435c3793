"""Reads a folder of public data with recorded answers of models: its texts, human labels, models and definitions.

A set folder holds JSONL files, `stats.json` and `README.md`. Rows are `{"id", "text", "label", "llm": {MODEL: label
or [labels]}}`; null is an answer nobody could read. Entities have `tokens` and `tags` and tags of the models; relations
`tokens`, `head` and `tail`. Splits nothing and writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from understudy.corpus.spans.joining import Joined, join_tokens
from understudy.corpus.spans.tags import tag_spans
from understudy.errors import UserError, did_you_mean
from understudy.records import Span

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


Kind = Literal["classification", "entities", "relations"]
KIND_OF_TASK: Mapping[str, Kind] = {"ner": "entities", "relation": "relations"}
NULL_LABELS = frozenset({"other", "no_relation", "na", "none"})
Answers = tuple[str | None, ...]


@dataclass(frozen=True)
class Item:
    """One text of the set.

    Attributes
    ----------
    label : the human label as it stands in a cell (spans: a JSON list), or None.
    answers : what the chosen model answered, one or several, None where unreadable; empty if it was never asked.
    part : test, val, train, main or unlabelled, as the file's name says.
    group : texts of one group stay on one side of a split, or None.
    said : the answers of every model that was asked, in the form of `answers`.
    head, tail : what a relation is about, else None.
    span_labels : the labels of human spans, sorted and each once; None where a label is the whole text's.
    """

    id: str
    text: str
    label: str | None
    answers: Answers
    part: str
    group: str | None = None
    said: Mapping[str, Answers] = field(default_factory=dict)
    head: Span | None = None
    tail: Span | None = None
    span_labels: tuple[str, ...] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that people gave, sorted: of the text, or of its spans."""
        if self.span_labels is not None:
            return self.span_labels
        return () if self.label is None else (self.label,)

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


def kind_of(stats: Any, as_texts: bool) -> Kind:
    """The kind of task of a set; relations may be asked for as a classification of texts with marked entities."""
    kind = KIND_OF_TASK.get(stats["task"], "classification")
    return "classification" if as_texts and kind == "relations" else kind


def null_label(labels: Sequence[str]) -> str | None:
    """The label that says that there is no relation, if one is named so."""
    return next((label for label in labels if label.casefold() in NULL_LABELS), None)


def choose_teacher(set_folder: Path, stats: Any, wanted: str | None) -> str | None:
    """The wanted model, or the most accurate one; None where the set has no LLM labels."""
    figures = [part.get("models", {}) for part in stats["files"].values()]
    accuracy = {model: max(_skill(f[model]) for f in figures if model in f) for models in figures for model in models}
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


def read_items(folder: Path, kind: Kind = "classification") -> Iterator[Item]:
    """Every text of the set with what every model said about it, as if nobody were the teacher."""
    read = {"classification": _item, "entities": _entities, "relations": _relation}[kind]
    for path in sorted(folder.glob("*.jsonl")):
        part = "unlabelled" if path.name.startswith(UNLABELLED_PREFIX) else PART_OF_FILE.get(path.name)
        if part is None:
            raise UserError(f"{path}: a file of this name has no known part in a set.")
        yield from (read(row, part) for row in _rows(path))


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


def _skill(figures: Any) -> float:
    """How well a model did: its accuracy, or the F1 of its spans."""
    return float(figures["acc"] if "acc" in figures else figures["f1"])


def _item(row: Any, part: str) -> Item:
    text = row["text"] if "text" in row else _marked(row["tokens"], row["head"], row["tail"])
    return Item(row["id"], text, row.get("label"), (), part, said=_said(row))


def _entities(row: Any, part: str) -> Item:
    joined = join_tokens(row["tokens"])
    said = {
        model: tuple(_spans(joined, tags) for tags in (given if _is_repeated(given) else [given]))
        for model, given in row.get("llm", {}).items()
    }
    labels = tuple(sorted({label for _, _, label in tag_spans(row.get("tags", ()))}))
    return Item(row["id"], joined.text, _spans(joined, row.get("tags")), (), part, said=said, span_labels=labels)


def _relation(row: Any, part: str) -> Item:
    joined = join_tokens(row["tokens"])
    head, tail = _mark(joined, row["head"]), _mark(joined, row["tail"])
    return Item(row["id"], joined.text, row.get("label"), (), part, said=_said(row), head=head, tail=tail)


def _said(row: Any) -> dict[str, Answers]:
    return {model: tuple(one) if isinstance(one, list) else (one,) for model, one in row.get("llm", {}).items()}


def _is_repeated(given: Any) -> bool:
    return isinstance(given, list) and any(tags is None or isinstance(tags, list) for tags in given)


def _spans(joined: Joined, tags: Sequence[str] | None) -> str | None:
    """The spans of a sentence's tags as a cell; None where there are no tags."""
    if tags is None:
        return None
    found = [(joined.places[first][0], joined.places[last - 1][1], label) for first, last, label in tag_spans(tags)]
    spans = [{"start": a, "end": b, "label": label, "text": joined.text[a:b]} for a, b, label in found]
    return json.dumps(spans, ensure_ascii=False)


def _mark(joined: Joined, tokens: Sequence[int]) -> Span:
    start, end = joined.places[tokens[0]][0], joined.places[tokens[1] - 1][1]
    return Span(start, end, "", joined.text[start:end])


def _marked(tokens: Sequence[str], head: Sequence[int], tail: Sequence[int]) -> str:
    """A sentence with its head between [E1] and [/E1] and its tail between [E2] and [/E2]."""
    before = {head[0]: "[E1]", tail[0]: "[E2]"}
    after = {head[1] - 1: "[/E1]", tail[1] - 1: "[/E2]"}
    marked = ((before.get(i), token, after.get(i)) for i, token in enumerate(tokens))
    return " ".join(piece for pieces in marked for piece in pieces if piece)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
