"""Is trust better calibrated than raw consistency? Repeated cross-validation on recorded answers of real models.

    python studies/trust.py [--models gpt_4 gpt_3_5 ...] [--repeats 10] [--gold 250] [--cache FOLDER]

The public set media_bias_babe (3,020 sentences, 8 or 9 recorded answers each) lies outside the repository, in
`../shared/data` or where UNDERSTUDY_SHARED_DATA says. Two questions a model: all texts are gold, and trust is
cross-validated; or only `--gold` texts are, drawn anew each time, and the other texts judge. Measures are means over
repeats. Intervals: for all texts, the paired bootstrap of the first repeat; for few, the middle 95 % of the draws.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy.codebook import Task, task_of
from understudy.embedding import load_encoder
from understudy.evaluation import TrustReport, fit_trust, report_trust
from understudy.pipeline.trust_features import ESSENTIAL, agreement, trust_features
from understudy.records import Annotation, Document, Outcome
from understudy.settings import Codebook, EmbeddingSettings, Label
from understudy.teacher import RecordedTeacher

SET = "media_bias_babe"
MODELS = ("gpt_4", "gpt_3_5", "mixtral_8x7b", "falcon_7b")
MEASURES = ("auroc", "ece", "brier")
Array = NDArray[np.float64]


def main() -> None:
    """Print the figures of each model, then all of them as JSON."""
    options = _options()
    rows = _read(_shared_data() / SET / "data.jsonl")
    task = task_of(Codebook(labels=(Label(name="biased"), Label(name="not_biased")), positive="biased"))
    documents = [Document(row["id"], row["text"], row["label"]) for row in rows]
    vectors = load_encoder(EmbeddingSettings(), options.cache).encode([document.text for document in documents])
    found = {}
    for model in options.models:
        found[model] = study(task, documents, {row["id"]: row["llm"][model] for row in rows}, vectors, options)
        print(*_lines(model, found[model], options.gold), sep="\n", flush=True)
    print(json.dumps({"set": SET, "repeats": options.repeats, "gold": options.gold, "models": found}, allow_nan=False))


def study(
    task: Task, documents: Sequence[Document], answers: dict[str, Any], vectors: Any, options: argparse.Namespace
) -> dict[str, Any]:
    """Figures of one model."""
    annotations = list(RecordedTeacher(task, "recorded", answers).annotate(documents))
    kept = [i for i, annotation in enumerate(annotations) if annotation.outcome is Outcome.LABELLED]
    labelled: list[Annotation] = [annotations[i] for i in kept]
    texts = [documents[i] for i in kept]
    consistency = np.array([agreement(annotation) for annotation in labelled])
    correct = np.array([a.value == d.value for a, d in zip(labelled, texts, strict=True)], dtype=np.float64)

    def judged_by_all(rng: np.random.Generator) -> TrustReport:
        features = trust_features(task, texts, labelled, vectors[kept], rng)
        trust = fit_trust(features, correct, rng, essential=ESSENTIAL).out_of_fold
        return report_trust(trust, consistency, correct, rng)

    features = trust_features(task, texts, labelled, vectors[kept], np.random.default_rng(0))

    def judged_by_the_rest(rng: np.random.Generator) -> TrustReport:
        order = rng.permutation(len(correct))
        gold, rest = order[: options.gold], order[options.gold :]
        model = fit_trust(features[gold], correct[gold], rng, essential=ESSENTIAL)
        return report_trust(model.predict(features[rest]), consistency[rest], correct[rest], rng, n_resamples=2)

    every, few = _repeated(judged_by_all, options.repeats), _repeated(judged_by_the_rest, 5 * options.repeats)
    return {
        "n": len(correct),
        "accuracy": float(correct.mean()),
        "all_gold": {name: _with_bootstrap(every, name) for name in MEASURES},
        "few_gold": {name: _with_draws(few, name) for name in MEASURES},
    }


def _repeated(judge: Callable[[np.random.Generator], TrustReport], n: int) -> list[TrustReport]:
    return [judge(np.random.default_rng([1, repeat])) for repeat in range(n)]


def _with_bootstrap(reports: Sequence[TrustReport], name: str) -> dict[str, Any]:
    interval = getattr(reports[0], name).interval
    return {**_means(reports, name), "interval": [interval.low, interval.high]}


def _with_draws(reports: Sequence[TrustReport], name: str) -> dict[str, Any]:
    differences = [getattr(report, name).difference for report in reports]
    low, high = np.quantile(differences, [0.025, 0.975])
    return {**_means(reports, name), "interval": [float(low), float(high)]}


def _means(reports: Sequence[TrustReport], name: str) -> dict[str, float]:
    measures = [getattr(report, name) for report in reports]
    return {
        side: float(np.mean([getattr(measure, side) for measure in measures]))
        for side in ("trust", "consistency", "difference")
    }


def _lines(model: str, found: dict[str, Any], n_gold: int) -> list[str]:
    lines = [f"{model}: n = {found['n']:,}, {found['accuracy']:.3f} right"]
    for key, title in (
        ("all_gold", "cross-validated, all gold"),
        ("few_gold", f"learned on {n_gold}, the rest judges"),
    ):
        for name in MEASURES:
            one = found[key][name]
            low, high = one["interval"]
            sides = f"trust {one['trust']:.4f}  consistency {one['consistency']:.4f}"
            lines.append(
                f"  {title:30} {name:6} {sides}  difference {one['difference']:+.4f} [{low:+.4f}, {high:+.4f}]"
            )
    return lines


def _read(path: Path) -> list[Any]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _shared_data() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", beside))
    if not (folder / SET).is_dir():
        raise SystemExit(f"No {SET} in {folder}; set UNDERSTUDY_SHARED_DATA.")
    return folder


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trust against raw consistency on recorded answers.")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--gold", type=int, default=250)
    parser.add_argument("--cache", type=Path, default=None, help="folder that keeps the embeddings")
    return parser.parse_args()


if __name__ == "__main__":
    main()
