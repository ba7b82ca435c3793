"""How fast a student of entities labels, form by form, beside transformers' `pipeline` on the same texts, on the CPU.

    python benchmarks/span_scoring.py DATA [--rounds N] [--threads N] [--seed N] [--quick]

DATA is a folder with `gold_ner_crossner_politics`. One `EncoderTagger` on the bundled encoder learns 300 of its texts;
every form then labels the same texts, those of `test` and the rest of `dev`, in turn and on the same number of threads,
from texts to spans. Beside them stands the same network in transformers' token classification, which bars no sequence
of tags (`aggregation_strategy="first"`), at its default, one text a call, and at the fastest batch size of 1, 8, 32 and
128. `texts_per_cpu_s` is in processor time, which a busy machine moves less. `agreement` is the share of texts with
exactly the spans of single precision, `f1` and `dev_f1` are micro over exact spans of `test` and of the rest of `dev`;
`dev_f1_lost`, in points, is what `predict` would judge int8 by. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence, Set
from itertools import chain, compress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scoring import BATCH_SIZES, FAITHFUL, Seconds, ratio, store, timed
from span_students import N_TRAIN, PLAN, f1, sentences, spans_of

from understudy.codebook import Task, task_of
from understudy.records import Document, Span, Value
from understudy.settings import Codebook, Label
from understudy.student.forms import Form, in_form
from understudy.student.spans.tagger import EncoderTagger

FORMS: tuple[Form, ...] = ("torch", "bf16", "onnx", "int8")
BEST, DEFAULT = "pipeline", "pipeline default"

Mark = Callable[[Sequence[Document]], list[Value]]


def main() -> None:
    """Train, measure in turn, print texts a second, agreement and F1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5, help="the texts are divided among them, sides take turns")
    parser.add_argument("--threads", type=int, default=1, help="more than 1 only on a machine that does nothing else")
    parser.add_argument("--seed", type=int, default=0, help="of the student")
    parser.add_argument("--quick", action="store_true", help="200 texts")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    student, dev, test = trained(given.data / "gold_ner_crossner_politics", given.seed)
    texts = drawn([*dev, *test])[: 200 if given.quick else None]
    ours = {form: by_form(student, form, given.threads) for form in FORMS}
    with tempfile.TemporaryDirectory() as folder:
        store(student, Path(folder))
        best = fastest_batch_size(student, Path(folder), texts[:100])
        theirs = {name: by_pipeline(student, Path(folder), size) for name, size in ((BEST, best), (DEFAULT, 1))}
        sides: dict[str, Mark] = {**theirs, **ours}
        seconds, cpu_seconds, parts = timed(sides, texts, given.rounds)
    asked = [document for number in range(given.rounds) for document in texts[number :: given.rounds]]
    spans = {name: list(chain.from_iterable(found)) for name, found in parts.items()}
    scores = {name: scored(student.task, asked, {d.id for d in test}, said) for name, said in spans.items()}
    for name, score in scores.items():
        score["texts_per_s"], score["texts_per_cpu_s"] = (len(texts) / sum(t[name]) for t in (seconds, cpu_seconds))
        score["agreement"] = float(np.mean([a == b for a, b in zip(spans[name], spans["torch"], strict=True)]))
        print(f"{name:17}" + "".join(f"{what} {value:9.4f}  " for what, value in score.items()), flush=True)
    lost = {"dev_f1_lost": round(100 * (scores["torch"]["dev_f1"] - scores["int8"]["dev_f1"]), 3)}
    print(json.dumps({**ratios(seconds, cpu_seconds, scores), **lost, "pipeline_batch_size": best, "sides": scores}))


def scored(task: Task, asked: Sequence[Document], test: Set[str], said: Sequence[Value]) -> dict[str, float]:
    """F1 on the texts of `test`, by their ids, and on the others."""
    rows = {"f1": [d.id in test for d in asked], "dev_f1": [d.id not in test for d in asked]}
    return {name: f1(task, list(compress(asked, own)), list(compress(said, own))) for name, own in rows.items()}


def ratios(seconds: Seconds, cpu_seconds: Seconds, scores: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Of medians over rounds, for the fastest form that finds the same spans, and for int8."""
    faithful = [form for form in FORMS if scores[form]["agreement"] >= FAITHFUL]
    chosen = min(faithful, key=lambda form: sum(seconds[form]))
    found = {
        "ratio_to_pipeline": ratio(seconds[BEST], seconds[chosen]),
        "ratio_to_pipeline_default": ratio(seconds[DEFAULT], seconds[chosen]),
        "ratio_to_pipeline_default_cpu": ratio(cpu_seconds[DEFAULT], cpu_seconds[chosen]),
        "ratio_to_torch": ratio(seconds["torch"], seconds[chosen]),
        "ratio_to_torch_cpu": ratio(cpu_seconds["torch"], cpu_seconds[chosen]),
        "ratio_quantised": ratio(seconds[BEST], seconds["int8"]),
        "ratio_quantised_to_torch_cpu": ratio(cpu_seconds["torch"], cpu_seconds["int8"]),
    }
    return {**{name: round(number, 3) for name, number in found.items()}, "faithful_form": chosen}


def trained(folder: Path, seed: int) -> tuple[EncoderTagger, list[Document], list[Document]]:
    """A student, and the texts of `dev` and `test` that it has not seen."""
    known = sentences(folder / "train.jsonl") + sentences(folder / "dev.jsonl")
    shown, dev = ([s.document for s in part] for part in (known[:N_TRAIN], known[N_TRAIN:]))
    labels = sorted({span.label for document in shown for span in spans_of(document)})
    task = task_of(Codebook(kind="entities", labels=tuple(Label(name=label) for label in labels)))
    student = EncoderTagger(task, **PLAN.model_dump(), seed=seed)
    student.fit(shown, task.encode([document.value for document in shown]).astype(np.float64))
    return student, dev, [s.document for s in sentences(folder / "test.jsonl")]


def drawn(documents: Sequence[Document]) -> list[Document]:
    """In random order."""
    return [documents[row] for row in np.random.default_rng(0).permutation(len(documents))]


def by_form(student: EncoderTagger, form: Form, n_threads: int) -> Mark:
    """The student's spans in one form."""
    labeller = in_form(student, form, n_threads=n_threads)
    return lambda documents: labeller.label(documents).values


def by_pipeline(student: EncoderTagger, folder: Path, batch_size: int) -> Mark:
    """Transformers' token-classification pipeline."""
    from transformers import pipeline

    classify: Any = pipeline(
        "token-classification", model=str(folder), device=-1, batch_size=batch_size, aggregation_strategy="first"
    )

    def mark(documents: Sequence[Document]) -> list[Value]:
        texts = [document.text for document in documents]
        return [
            student.task.check(
                tuple(
                    Span(each["start"], each["end"], each["entity_group"], text[each["start"] : each["end"]])
                    for each in found
                )
            )
            for text, found in zip(texts, classify(texts), strict=True)
        ]

    return mark


def fastest_batch_size(student: EncoderTagger, folder: Path, documents: Sequence[Document]) -> int:
    """Of the pipeline, on some of the texts."""
    taken = {}
    for batch_size in BATCH_SIZES:
        mark = by_pipeline(student, folder, batch_size)
        mark(documents[:8])
        started = time.perf_counter()
        mark(documents)
        taken[batch_size] = time.perf_counter() - started
        print(f"pipeline, batch size {batch_size:3}: {len(documents) / taken[batch_size]:6.1f} texts/s", flush=True)
    return min(taken, key=lambda batch_size: taken[batch_size])


if __name__ == "__main__":
    main()
