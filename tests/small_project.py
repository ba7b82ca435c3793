"""Tiny project folders, written on the spot: texts of the words that the tiny encoder knows."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from understudy import Project

KNOWN_BY = {
    "pos": "good great fine lovely",
    "neg": "bad awful poor nasty",
    "cat": "cat",
    "dog": "dog",
    "red": "red",
    "green": "green",
}
QUICK = {
    "student.seeds": "2",
    "student.linear.folds": "2",
    "student.linear.c": "[100.0]",
    "gate.min_f1": "0.1",
    "gold.demo": "0.3",
    "gold.dev": "0.3",
    "arms.human": "[8]",
    "arms.teacher": "[10]",
}


def text_about(labels: Sequence[str], number: int) -> str:
    """A text that holds words of its labels; the number, which the encoder does not know, makes it unique."""
    words = [KNOWN_BY[label].split()[number % len(KNOWN_BY[label].split())] for label in labels]
    return f"the film was {' and '.join(words) or 'it'} number {number}"


def cell(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else "|".join(value) or "[]"


@dataclass
class SmallProject:
    """A folder to write and to open as often as a test likes.

    `values` are what texts are about, in turn; `gold` and `pool` hold id, text and label.
    """

    folder: Path
    encoder: Path
    labels: Sequence[str] = ("pos", "neg")
    values: Sequence[str | tuple[str, ...]] = ("pos", "neg")
    kind: str = "classification"
    n_gold: int = 40
    n_pool: int = 24
    settings: dict[str, str] = field(default_factory=dict)
    codebook: str = ""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.gold = [self._row("g", i) for i in range(self.n_gold)]
        self.pool = [self._row("p", i + 1000) for i in range(self.n_pool)]
        self.write()

    def _row(self, prefix: str, number: int) -> dict[str, str]:
        value = self.values[number % len(self.values)]
        labels = (value,) if isinstance(value, str) else value
        return {"id": f"{prefix}{number}", "text": text_about(labels, number), "label": cell(value)}

    def write(self) -> None:
        self.write_settings()
        _write_csv(self.folder / "gold.csv", self.gold, ["id", "text", "label"])
        _write_csv(self.folder / "pool.csv", self.pool, ["id", "text"])

    def write_settings(self, definition: str = "The text says so") -> None:
        lines = ["[codebook]", f'kind = "{self.kind}"', 'instructions = "What is it?"', self.codebook]
        for label in self.labels:
            lines += ["[[codebook.labels]]", f'name = "{label}"', f'definition = "{definition}: {KNOWN_BY[label]}."']
        lines += ["[data]", 'pool = ["pool.csv"]', 'gold = ["gold.csv"]']
        lines += ["[embedding]", f"model = {json.dumps(str(self.encoder))}"]
        (self.folder / "understudy.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def write_recorded(self, answers: Mapping[str, object]) -> None:
        """Recorded answers by id, and the settings that read them."""
        lines = [json.dumps({"id": identifier, "teacher": answer}) for identifier, answer in answers.items()]
        (self.folder / "recorded.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.settings |= {
            "teacher.kind": "recorded",
            "teacher.model": "gpt-0",
            "teacher.recorded": '["recorded.jsonl"]',
        }

    def use_model(self, url: str) -> None:
        self.settings |= {
            "teacher.kind": "openai", "teacher.model": "fake-1", "teacher.base_url": url, "teacher.price_in_usd": "1.0",
            "teacher.price_out_usd": "2.0", "teacher.concurrency": "4",
        }  # fmt: skip

    @property
    def overrides(self) -> dict[str, str]:
        return QUICK | self.settings

    @property
    def arguments(self) -> list[str]:
        """The settings for the command line."""
        return [part for name, value in self.overrides.items() for part in ("--set", f"{name}={value}")]

    def open(self, listener=None) -> Project:
        return Project.open(self.folder, self.overrides, listener)

    def students(self) -> dict[str, bytes]:
        """Every file of every student but the records of time and the cards, which tell test figures, by path."""
        root = self.folder / "students"
        files = [p for p in sorted(root.rglob("*")) if p.is_file() and p.name not in ("arm.json", "README.md")]
        return {str(path.relative_to(root)): path.read_bytes() for path in files}


def _write_csv(path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
