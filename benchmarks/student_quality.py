"""F1 of Understudy's students beside what people would write, on the same labels of public sets.

    python benchmarks/student_quality.py [--sets NAME ...] [--students linear encoder] [--quick]

`linear` against sentence-transformers embeddings and scikit-learn's LogisticRegressionCV, mean over draws of the
training texts; `encoder` against Hugging Face's Trainer with the same model, texts and hyper-parameters, mean over
seeds, each with a draw of its own.
F1 is the positive class's for two labels, macro otherwise. The sets are read from `../shared/data`, or the folder that
UNDERSTUDY_SHARED_DATA names. The last line is one JSON object with both sides for every set.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import f1_score

from understudy.codebook import Codebook, Label, Task, task_of
from understudy.embedding import bundled_folder, load_encoder
from understudy.records import Document
from understudy.settings import EmbeddingSettings
from understudy.student import EncoderStudent, LinearStudent

BESIDE = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SPLIT_SEED = 0
TOLERANCE = {"linear": 0.005, "encoder": 0.01}
THEIR_NAMES = {"linear": "logistic_regression_cv", "encoder": "trainer"}


@dataclass(frozen=True)
class Source:
    """Where a set's labels are.

    Attributes
    ----------
    train, test : files; the same one is split.
    teacher : the model whose labels are learned; "" learns the human ones.
    positive : of two labels.
    trains_encoder : whether `encoder` is compared too.
    """

    train: str
    test: str
    teacher: str = ""
    positive: str = ""
    trains_encoder: bool = False


SOURCES = {
    "mr_sentiment": Source("data", "gold_test", "gpt-3.5-turbo (FreeAL)", "positive", trains_encoder=True),
    "media_bias_babe": Source("data", "data", "gpt_4", "biased", trains_encoder=True),
    "global_warming_stance": Source("data", "data", "gpt-4o", "agree"),
    "tcb_policy_da": Source("gold_train", "data"),
    "tcb_toxicity_en": Source("gold_train", "data", "", "toxic", trains_encoder=True),
}


@dataclass(frozen=True)
class Size:
    """How much is trained and judged.

    Attributes
    ----------
    linear, encoder, test : texts.
    draws : of the training texts; each is also a seed. The difference of one draw has a standard deviation near 0.01,
        so that `linear`, which is quick, is drawn often.
    """

    linear: int = 1000
    encoder: int = 600
    test: int = 1000
    draws: Mapping[str, int] = field(default_factory=lambda: {"linear": 10, "encoder": 3})
    epochs: int = 3


QUICK = Size(linear=300, encoder=64, test=200, draws={"linear": 2, "encoder": 2}, epochs=1)


@dataclass(frozen=True)
class Corpus:
    """Texts and label columns of one set; `test` is always human-labelled."""

    task: Task
    train_texts: list[str]
    train_labels: NDArray[np.int64]
    test_texts: list[str]
    test_labels: NDArray[np.int64]

    def f1(self, predicted: NDArray[np.int64]) -> float:
        """The set's headline."""
        positive = self.task.positive
        if positive is None:
            labels = np.unique(np.concatenate([self.test_labels, predicted]))
            return float(f1_score(self.test_labels, predicted, average="macro", labels=labels, zero_division=0))
        return float(f1_score(self.test_labels == positive, predicted == positive))

    def draw(self, n: int, seed: int) -> Corpus:
        """With at most `n` random training texts."""
        rows = np.random.default_rng(seed).permutation(len(self.train_texts))[:n]
        return Corpus(
            self.task, [self.train_texts[row] for row in rows], self.train_labels[rows], self.test_texts,
            self.test_labels,
        )  # fmt: skip


Trainer = Callable[[Corpus, int], NDArray[np.int64]]
"""Trains on a corpus with a seed; returns the predicted columns of the test texts."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=sorted(SOURCES), default=list(SOURCES))
    parser.add_argument("--students", nargs="+", choices=sorted(TOLERANCE), default=list(TOLERANCE))
    parser.add_argument("--quick", action="store_true", help="a minute's check that everything runs")
    options = parser.parse_args(arguments)
    folder = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", BESIDE))
    if not folder.is_dir():
        print(f"no public data in {folder}; set UNDERSTUDY_SHARED_DATA")
        return 2
    size = QUICK if options.quick else Size()
    corpora = {name: read_set(folder / name, SOURCES[name], size.test) for name in options.sets}
    fine_tuned = {name: corpus for name, corpus in corpora.items() if SOURCES[name].trains_encoder}
    compared = {
        "linear": (corpora, linear, logistic_regression_cv),
        "encoder": (fine_tuned, fine_tune(size.epochs), hugging_face_trainer(size.epochs)),
    }
    result = {kind: compare_sets(kind, *compared[kind], size) for kind in options.students}
    print(json.dumps(result))
    return 0


def compare_sets(
    kind: str, corpora: dict[str, Corpus], ours: Trainer, theirs: Trainer, size: Size
) -> dict[str, dict[str, Any]]:
    """Both sides on every set."""
    n = size.linear if kind == "linear" else size.encoder
    return {
        name: compare(kind, name, [corpus.draw(n, seed) for seed in range(size.draws[kind])], ours, theirs)
        for name, corpus in corpora.items()
    }


def compare(kind: str, name: str, draws: Sequence[Corpus], ours: Trainer, theirs: Trainer) -> dict[str, Any]:
    """Train both on every draw, in turn; the number of the draw is the seed."""
    their_name = THEIR_NAMES[kind]
    scores: dict[str, list[float]] = {"understudy": [], their_name: []}
    seconds = dict.fromkeys(scores, 0.0)
    for seed, draw in enumerate(draws):
        for side, trainer in (("understudy", ours), (their_name, theirs)):
            started = time.perf_counter()
            scores[side].append(draw.f1(trainer(draw, seed)))
            seconds[side] += time.perf_counter() - started
    means = {side: float(np.mean(values)) for side, values in scores.items()}
    difference = means["understudy"] - means[their_name]
    is_within = difference >= -TOLERANCE[kind]
    print(
        f"{kind:8}{name:24} n = {len(draws[0].train_texts):5,}  "
        + "  ".join(f"{side} {mean:.4f} ({seconds[side]:.0f} s)" for side, mean in means.items())
        + f"  difference {difference:+.4f}  {'ok' if is_within else 'WORSE'}",
        flush=True,
    )
    return means | {
        "difference": difference,
        "is_within": is_within,
        "each": scores,
        "seconds": seconds,
        "n_train": len(draws[0].train_texts),
        "n_test": len(draws[0].test_texts),
    }


def read_set(folder: Path, source: Source, n_test: int) -> Corpus:
    """A set's texts; where training and test texts are in one file, a seeded split of it."""
    judging = shuffled(rows_of(folder, source.test))
    test = [(row["text"], row["label"]) for row in judging[:n_test]]
    learning = judging[n_test:] if source.test == source.train else list(rows_of(folder, source.train))
    labelled = [(row["text"], learned_label(row, source.teacher)) for row in learning]
    kept = [(text, label) for text, label in labelled if label is not None]
    names = sorted({label for _, label in kept} | {label for _, label in test})
    task = task_of(Codebook(positive=source.positive or None, labels=tuple(Label(name=name) for name in names)))
    columns = {name: column for column, name in enumerate(names)}
    return Corpus(
        task,
        [text for text, _ in kept],
        np.array([columns[label] for _, label in kept]),
        [text for text, _ in test],
        np.array([columns[label] for _, label in test]),
    )


def shuffled(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    listed = list(rows)
    return [listed[row] for row in np.random.default_rng(SPLIT_SEED).permutation(len(listed))]


def rows_of(folder: Path, file: str) -> Iterator[dict[str, Any]]:
    with (folder / f"{file}.jsonl").open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def learned_label(row: dict[str, Any], teacher: str) -> str | None:
    """The human label, or the teacher's most frequent readable answer."""
    if not teacher:
        return row["label"]
    answers = row["llm"].get(teacher)
    readable = [answer for answer in (answers if isinstance(answers, list) else [answers]) if answer is not None]
    return Counter(readable).most_common(1)[0][0] if readable else None


def linear(corpus: Corpus, seed: int) -> NDArray[np.int64]:
    """Understudy's `linear` student."""
    student = LinearStudent(corpus.task, bundled_encoder(), seed=seed)
    student.fit(documents(corpus.train_texts), one_hot(corpus))
    return student.predict_proba(documents(corpus.test_texts)).argmax(axis=1)


def logistic_regression_cv(corpus: Corpus, seed: int) -> NDArray[np.int64]:
    """Sentence-transformers and LogisticRegressionCV, as a tutorial would have it."""
    del seed
    train, test = sentence_vectors(corpus.train_texts), sentence_vectors(corpus.test_texts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes with fewer texts than folds, and announced changes of defaults
        return np.asarray(LogisticRegressionCV(cv=5, max_iter=1000).fit(train, corpus.train_labels).predict(test))


def fine_tune(epochs: int) -> Trainer:
    """Understudy's `encoder` student without dev texts: a fixed number of epochs."""

    def trainer(corpus: Corpus, seed: int) -> NDArray[np.int64]:
        student = EncoderStudent(corpus.task, epochs=epochs, seed=seed)
        student.fit(documents(corpus.train_texts), one_hot(corpus))
        return student.predict_proba(documents(corpus.test_texts)).argmax(axis=1)

    return trainer


def hugging_face_trainer(epochs: int) -> Trainer:
    """transformers.Trainer with the student's hyper-parameters and dynamic padding."""

    def trainer(corpus: Corpus, seed: int) -> NDArray[np.int64]:
        import torch
        from transformers import (
            AutoModelForSequenceClassification,
            AutoTokenizer,
            DataCollatorWithPadding,
            Trainer,
            TrainingArguments,
        )

        same = EncoderStudent(corpus.task)
        tokenizer = AutoTokenizer.from_pretrained(bundled_folder())

        def rows(texts: Sequence[str], labels: NDArray[np.int64]) -> list[dict[str, Any]]:
            read = tokenizer(list(texts), truncation=True, max_length=same.max_tokens, padding=False)
            return [
                {"input_ids": ids, "attention_mask": mask, "labels": int(label)}
                for ids, mask, label in zip(read["input_ids"], read["attention_mask"], labels, strict=True)
            ]

        n_steps = -(-len(corpus.train_texts) // same.batch_size) * epochs
        torch.manual_seed(seed)
        model = AutoModelForSequenceClassification.from_pretrained(bundled_folder(), num_labels=len(corpus.task.labels))
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder, learning_rate=same.learning_rate, per_device_train_batch_size=same.batch_size,
                num_train_epochs=epochs, warmup_steps=int(np.ceil(same.warmup * n_steps)),
                weight_decay=same.weight_decay, max_grad_norm=same.max_grad_norm, lr_scheduler_type="linear",
                seed=seed, save_strategy="no", logging_strategy="no", report_to=[], disable_tqdm=True,
                per_device_eval_batch_size=32, dataloader_pin_memory=False,
            )  # fmt: skip
            trainer = Trainer(
                model, arguments, DataCollatorWithPadding(tokenizer),
                train_dataset=rows(corpus.train_texts, corpus.train_labels),
            )  # fmt: skip
            trainer.train()
            return np.asarray(trainer.predict(rows(corpus.test_texts, corpus.test_labels)).predictions.argmax(axis=1))

    return trainer


@cache
def bundled_encoder() -> Any:
    return load_encoder(EmbeddingSettings(), Path(vectors_folder().name))


@cache
def vectors_folder() -> tempfile.TemporaryDirectory[str]:
    """Removed at the end; a text of several draws is embedded once, as in a project."""
    return tempfile.TemporaryDirectory()


@cache
def sentence_transformer() -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(bundled_folder()), device="cpu")


@cache
def known_vectors() -> dict[str, NDArray[np.float32]]:
    return {}


def sentence_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    known = known_vectors()
    new = list(set(texts) - set(known))
    if new:
        known.update(zip(new, sentence_transformer().encode(new, show_progress_bar=False), strict=True))
    return np.stack([known[text] for text in texts])


def documents(texts: Sequence[str]) -> list[Document]:
    return [Document(str(number), text) for number, text in enumerate(texts)]


def one_hot(corpus: Corpus) -> NDArray[np.float64]:
    return np.eye(len(corpus.task.labels))[corpus.train_labels]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
