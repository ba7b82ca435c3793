"""Training speed of the `encoder` student beside Hugging Face's Trainer with its defaults, on texts of mixed length.

    python benchmarks/student_training.py [--rounds N] [--threads N] [--quick]

Both sides fine-tune the bundled encoder on the same texts, with the same seed, batch size, epochs and
hyper-parameters, in turn, each on the same number of threads; the clock runs from texts to a trained model. Both read
the first token's state, as the architecture has it: the student gets a copy of the encoder that does not say how its
sentence vectors are pooled. The Trainer has what it does by default: random batches, each padded to its longest text,
in single precision. Texts and human labels are those of `medical_query_seriousness` (is the query serious?; half of
the texts have fewer than 40 tokens, a tenth more than 104) from `../shared/data` or the folder that
UNDERSTUDY_SHARED_DATA names; where that is absent, generated texts of log-normal length. The last line is one JSON
object: `ratio_to_trainer`, the median over rounds of how many times more texts a second the student trains, and
`f1_difference`, its mean F1 on held-out texts minus the Trainer's. `ratio_to_trainer_cpu` is the same ratio in
processor time, which a busy machine moves less, and `f1_spread` the larger of the two standard deviations over seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from understudy.codebook import Codebook, Label, task_of
from understudy.embedding import bundled_folder
from understudy.records import Document
from understudy.student import EncoderStudent

BESIDE = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SET, POSITIVE = "medical_query_seriousness", {"Serious", "Critical"}
TASK = task_of(Codebook(positive="yes", labels=(Label(name="yes"), Label(name="no"))))
MAX_TOKENS = 256

Predict = Callable[[Sequence[str]], NDArray[np.int64]]


@dataclass(frozen=True)
class Texts:
    """Texts with the column of their label, 0 for the positive one."""

    texts: list[str]
    columns: NDArray[np.int64]

    def rows(self, chosen: NDArray[np.int64]) -> Texts:
        """Some of them."""
        return Texts([self.texts[row] for row in chosen], self.columns[chosen])


@dataclass(frozen=True)
class Size:
    """How much is trained and judged."""

    train: int = 320
    test: int = 400
    epochs: int = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3, help="each with another seed and other training texts")
    parser.add_argument("--threads", type=int, default=1, help="more than 1 only on a machine that does nothing else")
    parser.add_argument("--quick", action="store_true", help="160 training texts, one epoch, 200 test texts")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    size = Size(160, 200, 1) if given.quick else Size()
    known = balanced(read_set() or generated(4 * (size.train + size.test)))
    sides = {"understudy": understudy, "trainer": hugging_face_trainer}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    cpu_seconds: dict[str, list[float]] = {side: [] for side in sides}
    f1: dict[str, list[float]] = {side: [] for side in sides}
    for seed in range(given.first_seed, given.first_seed + given.rounds):
        order = np.random.default_rng(seed).permutation(len(known.texts))
        train, test = known.rows(order[: size.train]), known.rows(order[size.train : size.train + size.test])
        for side in (list(sides), list(sides)[::-1])[seed % 2]:
            started, cpu_started = time.perf_counter(), time.process_time()
            predict = sides[side](train, size.epochs, seed)
            seconds[side].append(time.perf_counter() - started)
            cpu_seconds[side].append(time.process_time() - cpu_started)
            f1[side].append(float(f1_score(test.columns == 0, predict(test.texts) == 0)))
            speed = size.train * size.epochs / seconds[side][-1]
            print(f"seed {seed}  {side:11} {speed:6.1f} texts/s  F1 {f1[side][-1]:.3f}", flush=True)
    print(json.dumps(summary(seconds, cpu_seconds, f1)))


def summary(
    seconds: dict[str, list[float]], cpu_seconds: dict[str, list[float]], f1: dict[str, list[float]]
) -> dict[str, float]:
    numbers = {
        "ratio_to_trainer": median_ratio(seconds),
        "ratio_to_trainer_cpu": median_ratio(cpu_seconds),
        "f1_difference": statistics.mean(f1["understudy"]) - statistics.mean(f1["trainer"]),
        "f1_spread": max(statistics.pstdev(values) for values in f1.values()),
    }
    return {name: round(number, 3) for name, number in numbers.items()}


def median_ratio(seconds: dict[str, list[float]]) -> float:
    return statistics.median(
        theirs / ours for theirs, ours in zip(seconds["trainer"], seconds["understudy"], strict=True)
    )


def understudy(train: Texts, epochs: int, seed: int) -> Predict:
    """The student as it comes."""
    with tempfile.TemporaryDirectory() as folder:
        model = shutil.copytree(bundled_folder(), Path(folder) / "model", ignore=shutil.ignore_patterns("modules.json"))
        student = EncoderStudent(TASK, str(model), epochs=epochs, max_tokens=MAX_TOKENS, seed=seed)
        student.fit(documents(train.texts), np.eye(2)[train.columns])
    return lambda texts: student.predict_proba(documents(texts)).argmax(axis=1)


def hugging_face_trainer(train: Texts, epochs: int, seed: int) -> Predict:
    """transformers.Trainer with the student's hyper-parameters."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    same = EncoderStudent(TASK)
    tokenizer = AutoTokenizer.from_pretrained(bundled_folder())

    def rows(texts: Sequence[str], columns: NDArray[np.int64]) -> list[dict[str, Any]]:
        read = tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS, padding=False)
        pairs = zip(read["input_ids"], read["attention_mask"], columns.tolist(), strict=True)
        return [{"input_ids": ids, "attention_mask": mask, "labels": label} for ids, mask, label in pairs]

    n_steps = -(-len(train.texts) // same.batch_size) * epochs
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(bundled_folder(), num_labels=2)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, learning_rate=same.learning_rate, per_device_train_batch_size=same.batch_size,
            num_train_epochs=epochs, warmup_steps=int(np.ceil(same.warmup * n_steps)), use_cpu=True,
            weight_decay=same.weight_decay, max_grad_norm=same.max_grad_norm, seed=seed,
            save_strategy="no", logging_strategy="no", report_to=[], disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        data = rows(train.texts, train.columns)
        trainer = Trainer(model, arguments, DataCollatorWithPadding(tokenizer), train_dataset=data)
        trainer.train()

    def predict(texts: Sequence[str]) -> NDArray[np.int64]:
        found = trainer.predict(rows(texts, np.zeros(len(texts), dtype=np.int64)))
        return np.asarray(found.predictions.argmax(axis=1))

    return predict


def read_set() -> Texts | None:
    """The public set, or None where it is absent."""
    path = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", BESIDE)) / SET / "data.jsonl"
    if not path.is_file():
        print(f"no public data in {path}: generated texts")
        return None
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return Texts([row["text"] for row in rows], np.array([row["label"] not in POSITIVE for row in rows], dtype=int))


def generated(n: int) -> Texts:
    """Texts of log-normal length in which some words lean to one label."""
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 2, n)
    words = np.array([["pain", "blood", "sudden"], ["diet", "sleep", "walking"]])
    lengths = np.clip(rng.lognormal(3.7, 0.8, n), 5, 240).astype(int)
    texts = [" ".join(np.where(rng.random(k) < 0.04, rng.choice(words[c], k), "and then"))
             for k, c in zip(lengths, columns, strict=True)]  # fmt: skip
    return Texts(texts, columns)


def balanced(known: Texts) -> Texts:
    """A seeded part with as many texts of the one label as of the other, in random order."""
    rng = np.random.default_rng(0)
    groups = [rng.permutation(np.flatnonzero(known.columns == column)) for column in (0, 1)]
    n = min(len(group) for group in groups)
    return known.rows(rng.permutation(np.concatenate([group[:n] for group in groups])))


def documents(texts: Sequence[str]) -> list[Document]:
    return [Document(str(number), text) for number, text in enumerate(texts)]


if __name__ == "__main__":
    main()
