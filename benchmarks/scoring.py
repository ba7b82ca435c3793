"""How fast a student labels, beside transformers' `pipeline` on the same texts of mixed length, on the CPU.

    python benchmarks/scoring.py [--texts N] [--rounds N] [--threads N] [--quick]

One encoder student is trained on the spot; both sides then label the same texts with it, in turn, on the same number
of threads, from texts to labels. The pipeline runs at its default (one text a call) and at the fastest batch size of
1, 8, 32 and 128, found on a tenth of the texts. Ours runs in every form that this machine can compute; the faithful one
is the fastest whose labels agree with single precision on at least 99.5 % of the texts. How sure int8 must be for the
form `cascade` to keep its label is chosen on 1,500 further texts. Texts and labels are those of
`medical_query_seriousness` and further sets from `../shared/data` or the folder that UNDERSTUDY_SHARED_DATA names;
where that is absent, generated texts of log-normal length. The last line is one JSON object; `f1_lost` is what the
quantised form loses on held-out texts, in points, and `ratio_to_pipeline_default_cpu` is in processor time, which a
busy machine moves less.
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
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from student_training import BESIDE, TASK, Texts, balanced, documents, generated, read_set

from understudy.embedding import bundled_folder
from understudy.pipeline.cascading import cascade_bound
from understudy.student import EncoderStudent
from understudy.student.cascade import CascadeStudent, margins
from understudy.student.fine_tuned import FineTunedStudent
from understudy.student.forms import FORMS, Form, in_form

MORE_SETS = ("media_bias_babe", "global_warming_stance", "mr_sentiment", "css_media_ideology")
BATCH_SIZES = (1, 8, 32, 128)
MAX_TOKENS = 256
FAITHFUL = 0.995
N_TRAIN, N_TEST, N_COMPARED = 600, 800, 1500

Labels = NDArray[np.int64]
Label = Callable[[Sequence[str]], Labels]
Seconds = dict[str, list[float]]


def main() -> None:
    """Train, measure in turn, print ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10, help="the texts are divided among them, sides take turns")
    parser.add_argument("--threads", type=int, default=1, help="more than 1 only on a machine that does nothing else")
    parser.add_argument("--quick", action="store_true", help="500 texts")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    student, test = trained()
    n = 500 if given.quick else given.texts
    drawn = mixed_lengths(n + N_COMPARED)
    texts, bound = drawn[:n], bound_of(student, drawn[n:])
    ours = {form: by_form(student, form, bound, given.threads) for form in FORMS}
    with tempfile.TemporaryDirectory() as folder:
        store(student, Path(folder))
        best = fastest_batch_size(Path(folder), texts[: max(64, len(texts) // 10)])
        theirs = {"pipeline": by_pipeline(Path(folder), best), "pipeline default": by_pipeline(Path(folder), None)}
        seconds, cpu_seconds, parts = timed({**theirs, **ours}, texts, given.rounds)
    labels = {side: np.concatenate(found) for side, found in parts.items()}
    for name, taken in seconds.items():
        agreement = np.mean(labels[name] == labels["torch"])
        speed = len(texts) / sum(taken)
        print(f"{name:17} {speed:7.1f} texts/s  agreement {agreement:.4f}", flush=True)
    print(json.dumps(summary(seconds, cpu_seconds, labels, {form: f1_of(ours[form], test) for form in FORMS}, best)))


def summary(
    seconds: Seconds, cpu_seconds: Seconds, labels: dict[str, Labels], f1: dict[Form, float], best: int
) -> dict[str, Any]:
    """Ratios of medians over rounds."""
    faithful = [form for form in FORMS if np.mean(labels[form] == labels["torch"]) >= FAITHFUL and form != "int8"]
    chosen = min(faithful, key=lambda form: sum(seconds[form]))
    numbers = {
        "ratio_to_pipeline": ratio(seconds["pipeline"], seconds[chosen]),
        "ratio_to_pipeline_default": ratio(seconds["pipeline default"], seconds[chosen]),
        "ratio_quantised": ratio(seconds["pipeline"], seconds["int8"]),
        "ratio_to_pipeline_default_cpu": ratio(cpu_seconds["pipeline default"], cpu_seconds[chosen]),
        "f1_lost": 100 * (f1["torch"] - f1["int8"]),
    }
    rounded = {name: round(number, 3) for name, number in numbers.items()}
    return {**rounded, "faithful_form": chosen, "pipeline_batch_size": best}


def ratio(theirs: list[float], ours: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def timed(
    sides: dict[str, Callable[[Sequence[Any]], Any]], texts: Sequence[Any], n_rounds: int
) -> tuple[Seconds, Seconds, dict[str, list[Any]]]:
    """Seconds by the clock and of the processor, and labels, by side and round."""
    seconds: Seconds = {side: [] for side in sides}
    cpu_seconds: Seconds = {side: [] for side in sides}
    labels: dict[str, list[Any]] = {side: [] for side in sides}
    for label in sides.values():
        label(texts[:8])
    for number in range(n_rounds):
        part = texts[number::n_rounds]
        for side in (list(sides), list(sides)[::-1])[number % 2]:
            started, cpu_started = time.perf_counter(), time.process_time()
            labels[side].append(sides[side](part))
            seconds[side].append(time.perf_counter() - started)
            cpu_seconds[side].append(time.process_time() - cpu_started)
    return seconds, cpu_seconds, labels


def bound_of(student: EncoderStudent, texts: Sequence[str]) -> float:
    """The margin up to which int8 does not decide, from texts that are not timed."""
    cascade = CascadeStudent(student, np.inf)
    quick, exact = (form.predict_proba(documents(texts)) for form in (cascade.quick, cascade.exact))
    found = margins(TASK, quick, student.thresholds_)
    bound = cascade_bound(found, quick.argmax(axis=1) == exact.argmax(axis=1))
    print(f"cascade: single precision up to a margin of {bound:.3f}, {np.mean(found <= bound):.1%} of the texts")
    return bound


def by_form(student: EncoderStudent, form: Form, bound: float, n_threads: int) -> Label:
    """The student's labels in one form."""
    scorer = in_form(student, form, bound=bound, n_threads=n_threads)
    return lambda texts: scorer.predict_proba(documents(texts)).argmax(axis=1)


def by_pipeline(folder: Path, batch_size: int | None) -> Label:
    """Transformers' text-classification pipeline."""
    from transformers import pipeline

    how = {} if batch_size is None else {"batch_size": batch_size}
    classify = pipeline("text-classification", model=str(folder), device=-1, **how)

    def label(texts: Sequence[str]) -> Labels:
        found = classify(list(texts), truncation=True, max_length=MAX_TOKENS)
        return np.array([TASK.labels.index(each["label"]) for each in found])

    return label


def fastest_batch_size(folder: Path, texts: Sequence[str]) -> int:
    found = {}
    for batch_size in BATCH_SIZES:
        label = by_pipeline(folder, batch_size)
        label(texts[:8])
        started = time.perf_counter()
        label(texts)
        found[batch_size] = time.perf_counter() - started
        print(f"pipeline, batch size {batch_size:3}: {len(texts) / found[batch_size]:6.1f} texts/s", flush=True)
    return min(found, key=lambda batch_size: found[batch_size])


def trained() -> tuple[EncoderStudent, Texts]:
    """A student with the head of its architecture, as the pipeline reads it, and texts that it has not seen."""
    known = balanced(read_set() or generated(2 * (N_TRAIN + N_TEST)))
    train, test = (
        known.rows(np.arange(N_TRAIN)),
        known.rows(np.arange(N_TRAIN, min(N_TRAIN + N_TEST, len(known.texts)))),
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(bundled_folder() / name, folder)
        student = EncoderStudent(TASK, folder, epochs=2, max_tokens=MAX_TOKENS)
        student.fit(documents(train.texts), np.eye(2)[train.columns])
    return student, test


def mixed_lengths(n: int) -> list[str]:
    """Texts of several sets in random order, repeated if there are too few."""
    folder = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", BESIDE))
    texts = list((read_set() or generated(n)).texts)
    for path in (folder / name / "data.jsonl" for name in MORE_SETS):
        if path.is_file():
            with path.open(encoding="utf-8") as lines:
                texts += [json.loads(line)["text"] for line in lines]
    order = np.random.default_rng(0).permutation(len(texts))
    return [texts[order[i % len(order)]] for i in range(n)]


def store(student: FineTunedStudent, folder: Path) -> None:
    """As other libraries read it."""
    from transformers import PreTrainedTokenizerFast

    student.learner_.network.save_pretrained(folder)
    (folder / "t.json").write_text(student.learner_.tokens.to_json(), encoding="utf-8")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "t.json"), pad_token="[PAD]")
    tokenizer.model_max_length = MAX_TOKENS
    tokenizer.save_pretrained(folder)


def f1_of(label: Label, test: Texts) -> float:
    return float(f1_score(test.columns == 0, label(test.texts) == 0))


if __name__ == "__main__":
    main()
