"""How fast a student of entities labels, form by form, beside transformers' `pipeline` on the same texts, on the CPU.

    python benchmarks/span_scoring.py DATA [--texts N] [--rounds N] [--threads N] [--seed N] [--quick]

DATA is a folder with `gold_ner_crossner_politics`. One `EncoderTagger` on the bundled encoder learns 300 of its texts;
every form then labels the same texts, those of `test` and the rest of `dev`, in turn and on the same number of threads,
from texts to spans. Beside them stands the same network in transformers' token classification, which bars no sequence
of tags (`aggregation_strategy="first"`), at its default, one text a call, and at the fastest batch size of 1, 8, 32 and
128. `agreement` is the share of texts with exactly the spans of single precision, `f1` is micro over exact spans of
`test`, and `dev_f1_lost` what `predict` would judge int8 by: points of F1 lost on the rest of `dev`. The last line is
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scoring import BATCH_SIZES, FAITHFUL, Seconds, ratio, store, timed
from span_students import N_TRAIN, PLAN, f1, sentences, spans_of

from understudy.codebook import task_of
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
    parser.add_argument("--texts", type=int, default=5_000, help="repeated if there are too few")
    parser.add_argument("--rounds", type=int, default=5, help="the texts are divided among them, sides take turns")
    parser.add_argument("--threads", type=int, default=1, help="more than 1 only on a machine that does nothing else")
    parser.add_argument("--seed", type=int, default=0, help="of the student")
    parser.add_argument("--quick", action="store_true", help="500 texts")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    student, dev, test = trained(given.data / "gold_ner_crossner_politics", given.seed)
    texts = drawn([*dev, *test], 500 if given.quick else given.texts)
    ours = {form: by_form(student, form, given.threads) for form in FORMS}
    with tempfile.TemporaryDirectory() as folder:
        store(student, Path(folder))
        best = fastest_batch_size(student, Path(folder), texts[:200])
        theirs = {name: by_pipeline(student, Path(folder), size) for name, size in ((BEST, best), (DEFAULT, 1))}
        sides: dict[str, Mark] = {**theirs, **ours}
        seconds, cpu_seconds, parts = timed(sides, texts, given.rounds)
        scores = {name: {"f1": f1(student.task, test, mark(test))} for name, mark in sides.items()}
    spans = {name: list(chain.from_iterable(found)) for name, found in parts.items()}
    for name, taken in seconds.items():
        scores[name] |= {"texts_per_s": len(texts) / sum(taken), "agreement": agreement(spans[name], spans["torch"])}
        print(f"{name:17}" + "".join(f"{what} {value:9.4f}  " for what, value in scores[name].items()), flush=True)
    dev_f1 = {form: f1(student.task, dev, ours[form](dev)) for form in ("torch", "int8")}
    lost = {"dev_f1_lost": round(100 * (dev_f1["torch"] - dev_f1["int8"]), 3)}
    print(json.dumps({**ratios(seconds, cpu_seconds, scores), **lost, "pipeline_batch_size": best, "sides": scores}))


def ratios(seconds: Seconds, cpu_seconds: Seconds, scores: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Of medians over rounds, for the fastest form that finds the same spans, and for int8."""
    faithful = [form for form in FORMS if scores[form]["agreement"] >= FAITHFUL]
    chosen = min(faithful, key=lambda form: sum(seconds[form]))
    found = {
        "ratio_to_pipeline": ratio(seconds[BEST], seconds[chosen]),
        "ratio_to_pipeline_default": ratio(seconds[DEFAULT], seconds[chosen]),
        "ratio_to_pipeline_default_cpu": ratio(cpu_seconds[DEFAULT], cpu_seconds[chosen]),
        "ratio_to_torch": ratio(seconds["torch"], seconds[chosen]),
        "ratio_quantised": ratio(seconds[BEST], seconds["int8"]),
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


def drawn(documents: Sequence[Document], n: int) -> list[Document]:
    """So many, in random order."""
    order = np.random.default_rng(0).permutation(len(documents))
    return [documents[order[i % len(order)]] for i in range(n)]


def agreement(ours: Sequence[Value], theirs: Sequence[Value]) -> float:
    """Share of texts with the same spans."""
    return float(np.mean([a == b for a, b in zip(ours, theirs, strict=True)]))


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
