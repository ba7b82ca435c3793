"""The `auto` student beside each student alone, on public sets in languages that the bundled encoder does not know.

    python benchmarks/auto_student.py [--sets NAME ...] [--seeds N] [--cache FOLDER] [--quick]

Human labels: 1,000 random texts of the set's training file; the judge is 250 texts of its validation file; the test is
its file with recorded LLM labels. Teacher labels: three fifths of the file with LLM labels, labelled by the set's most
accurate model; the same judge; the test is the rest of both files. Each seed draws anew. F1 is the positive class's at
the threshold that is best on the judge, as in a project, or macro; AUC needs no threshold, and tells students apart
where half of the texts are positive and weak students do best by calling nearly all of them so. The sets are read
from `../shared/data`, or the folder that UNDERSTUDY_SHARED_DATA names. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from understudy.codebook import Codebook, Label, Task, task_of
from understudy.embedding import Encoder, load_encoder
from understudy.evaluation import Headline, best_threshold
from understudy.records import Document
from understudy.settings import EmbeddingSettings, StudentSettings
from understudy.student import AutoStudent, LinearStudent, Student, TfidfStudent

BESIDE = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SETS = {
    "tcb_policy_da": ("gpt-4.5-preview-2025-02-27", ""),
    "tcb_toxicity_zh": ("gpt-4.1-2025-04-14", "toxic"),
    "tcb_toxicity_de": ("gpt-4.5-preview-2025-02-27", "toxic"),
}
"""Name: teacher and positive label."""

N_HUMAN, N_DEV, TEACHER_SHARE = 1000, 250, 0.6
TOLERANCE = 0.01
EMBEDDINGS = "linear (embeddings alone)"

Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Documents with the targets that are learned or judged by, shape (n, K)."""

    documents: list[Document]
    targets: NDArray[np.float64]


@dataclass(frozen=True)
class Draw:
    """One training set, its judge and its test."""

    train: Part
    dev: Part
    test: Part


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=sorted(SETS), default=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="few texts: whether everything runs")
    parser.add_argument("--cache", type=Path, help="where embeddings are kept for another time")
    options = parser.parse_args(arguments)
    folder = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", BESIDE))
    if not folder.is_dir():
        print(f"no public data in {folder}; set UNDERSTUDY_SHARED_DATA")
        return 2
    with tempfile.TemporaryDirectory() as passing:
        encoder = load_encoder(EmbeddingSettings(), options.cache or Path(passing))
        result = {
            f"{name}, {labels}": compare(folder, name, labels, encoder, options)
            for name in options.sets
            for labels in ("human", "teacher")
        }
    print(json.dumps(without_nan(result)))
    return 0


def compare(folder: Path, name: str, labels: str, encoder: Encoder, options: argparse.Namespace) -> Row:
    """Mean scores over the seeds, of every student and of `auto`."""
    each: dict[str, list[dict[str, float]]] = {}
    choices = []
    for seed in range(options.seeds):
        task, draw = read(folder / name, *SETS[name], labels, seed, 100 if options.quick else N_HUMAN)
        for student_name, student in students(task, encoder, seed).items():
            student.fit(draw.train.documents, draw.train.targets, dev=(draw.dev.documents, draw.dev.targets))
            each.setdefault(student_name, []).append(scores(student, draw))
            if isinstance(student, AutoStudent):
                choices.append(student.choice_.name)
    return summarise(f"{name:16} {labels:8} n = {len(draw.train.documents):5,}", each, choices)


def summarise(title: str, each: dict[str, list[dict[str, float]]], choices: list[str]) -> Row:
    means = {name: {key: float(np.mean([s[key] for s in runs])) for key in runs[0]} for name, runs in each.items()}
    auto = means["auto"]
    best = max(mean["f1"] for name, mean in means.items() if name != "auto")
    shown = "  ".join(
        f"{name} {mean['f1']:.3f} ({mean['accuracy']:.3f}, {mean['auc']:.3f})" for name, mean in means.items()
    )
    print(f"{title}  F1 (accuracy, AUC): {shown}; took {', '.join(choices)}", flush=True)
    return {
        "scores": means,
        "each": each,
        "chosen": choices,
        "auto_minus_best": auto["f1"] - best,
        "auto_minus_embeddings": auto["f1"] - means[EMBEDDINGS]["f1"],
        "auto_minus_embeddings_accuracy": auto["accuracy"] - means[EMBEDDINGS]["accuracy"],
        "auto_minus_embeddings_auc": auto["auc"] - means[EMBEDDINGS]["auc"],
        "is_within": auto["f1"] >= best - TOLERANCE,
    }


def without_nan(value: Any) -> Any:
    """The same for JSON: None for nan."""
    if isinstance(value, dict):
        return {key: without_nan(kept) for key, kept in value.items()}
    if isinstance(value, list):
        return [without_nan(kept) for kept in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def students(task: Task, encoder: Encoder, seed: int) -> dict[str, Student]:
    """Untrained, by the name in the table."""
    return {
        "tfidf-linear": TfidfStudent(task, seed=seed),
        EMBEDDINGS: LinearStudent(task, encoder, ngrams=False, seed=seed),
        "linear+ngrams": LinearStudent(task, encoder, ngrams=True, seed=seed),
        "auto": AutoStudent(task, encoder, StudentSettings(kind="auto"), seed),
    }


def scores(student: Student, draw: Draw) -> dict[str, float]:
    """On the test, decided as a project decides."""
    task, truth = student.task, draw.test.targets.argmax(axis=1)
    if task.positive is not None:
        headline = Headline("positive", task.positive)
        found = student.predict_proba(draw.dev.documents)
        thresholds = np.full(len(task.labels), np.nan)
        thresholds[task.positive] = best_threshold(found, draw.dev.targets > 0, headline)
        student.set_thresholds(thresholds)
    predicted = task.encode(student.predict(draw.test.documents)).argmax(axis=1)
    if task.positive is not None:
        f1 = f1_score(truth == task.positive, predicted == task.positive)
    else:
        f1 = f1_score(truth, predicted, average="macro", labels=np.union1d(truth, predicted), zero_division=0)
    return {"f1": float(f1), "accuracy": float(accuracy_score(truth, predicted)), "auc": auc(student, draw)}


def auc(student: Student, draw: Draw) -> float:
    """Area under the ROC curve of the positive label on the test; nan without one."""
    positive = student.task.positive
    if positive is None:
        return float("nan")
    found = student.predict_proba(draw.test.documents)
    return float(roc_auc_score(draw.test.targets[:, positive] > 0, found[:, positive]))


def read(folder: Path, teacher: str, positive: str, labels: str, seed: int, n_human: int) -> tuple[Task, Draw]:
    """One draw of a set."""
    rng = np.random.default_rng(seed)
    judging, answered = shuffled(folder / "gold_val.jsonl", rng), shuffled(folder / "data.jsonl", rng)
    learning = shuffled(folder / "gold_train.jsonl", rng)
    names = sorted({row["label"] for row in [*judging, *answered, *learning]})
    task = task_of(Codebook(positive=positive or None, labels=tuple(Label(name=name) for name in names)))
    if labels == "human":
        train, test = [(row, row["label"]) for row in learning[:n_human]], answered
    else:
        n = int(len(answered) * TEACHER_SHARE)
        train = [(row, label) for row in answered[:n] if (label := answer(row, teacher, names)) is not None][:n_human]
        test = answered[n:] + judging[N_DEV:]
    dev = judging[:N_DEV]
    return task, Draw(
        part(task, [row for row, _ in train], [label for _, label in train]),
        part(task, dev, [row["label"] for row in dev]),
        part(task, test, [row["label"] for row in test]),
    )


def shuffled(path: Path, rng: np.random.Generator) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [rows[i] for i in rng.permutation(len(rows))]


def answer(row: Row, teacher: str, names: Sequence[str]) -> str | None:
    """The teacher's most frequent readable answer."""
    answers = row["llm"].get(teacher)
    readable = [a for a in (answers if isinstance(answers, list) else [answers]) if a in names]
    return Counter(readable).most_common(1)[0][0] if readable else None


def part(task: Task, rows: Sequence[Row], labels: Sequence[str]) -> Part:
    documents = [Document(str(row["id"]), row["text"]) for row in rows]
    return Part(documents, task.encode(list(labels)).astype(np.float64))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
