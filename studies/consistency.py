"""Does it help to leave out labels on which a teacher's repeated answers differ? The ablation of paper A.

    python studies/consistency.py [--seeds 5] [--gold 100] [--work FOLDER]

Pangakis and Wolken (2024, arXiv 2406.17633) train on labels whose consistency reaches a threshold. Here the teacher is
gpt_4 on media_bias_babe, eight answers a text under eight prompts; the threshold is 0, 0.5, 0.67 or 1. Consistency is
the share of the answers asked for that are equal to the label: an answer nobody could read agrees with nothing.
Students are `linear` without n-grams, trained on the majority label and, for comparison, on the shares of the answers;
each seed draws other gold texts (for the decision threshold) and other folds. The same labels without a filter but
weighed by consistency stand beside. The set's test texts judge.

Results stand in `studies/results/consistency.csv` and `.md`. The public data lie in `../shared/data` or where
UNDERSTUDY_SHARED_DATA says.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from understudy import Project
from understudy.embedding import load_encoder
from understudy.evaluation import Counts, compare, headline_interval
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.arms import plan_arms
from understudy.pipeline.sources import TrainingSet
from understudy.pipeline.trust_features import agreement
from understudy.pipeline.tuning import tuned_thresholds
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Role
from understudy.student import make_student
from understudy.student.noise.consistency import consistent
from understudy.study.conversion import Options, make_project
from understudy.study.public import read_items
from understudy.study.splitting import assign

SET, TEACHER = "media_bias_babe", "gpt_4"
THRESHOLDS = (0.0, 0.5, 0.67, 1.0)
RESULTS = Path(__file__).parent / "results"
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """One way to use consistency, all seeds together; `gain` is over majority labels without a filter."""

    targets: str
    use: str
    n_labels: int
    labels_right: float
    n_test: int
    f1: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float


def main() -> None:
    """Train, judge and write the table."""
    options = _options()
    projects = [open_project(seed, options) for seed in range(options.seeds)]
    rows = list(_rows(projects))
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "consistency.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(row).items()} for row in rows
        )
    text = "\n".join(_markdown(rows, options)) + "\n"
    (RESULTS / "consistency.md").write_text(text, encoding="utf-8")
    print(text)


def _rows(projects: Sequence[Project]) -> Iterator[Row]:
    base: list[Counts] = []
    for targets in ("majority", "shares"):
        for use in (*(f"at least {threshold:g}" for threshold in THRESHOLDS), "as weight"):
            done = [train(project, targets, use) for project in projects]
            counts = [counts for counts, _, _ in done]
            base = base or counts
            yield _row(
                projects[0], targets, use, counts, base, done[0][1], float(np.mean([right for *_, right in done]))
            )


def train(project: Project, targets: str, use: str) -> tuple[Counts, int, float]:
    """Counts on test, labels used, and how many of them are right (by the human label, which nothing else sees)."""
    source = next(arm for arm in plan_arms(project) if arm.name.startswith("teacher-")).source
    annotations = stored_annotations(project)
    consistency = np.array([agreement(annotations[document.id]) for document in source.documents])
    given = project.task.encode([annotations[document.id].value for document in source.documents])
    weights = consistency if use == "as weight" else consistent(consistency, float(use.removeprefix("at least ")))
    truth = _truth()
    right = [
        annotations[d.id].value == truth[d.id] for d, weight in zip(source.documents, weights, strict=True) if weight
    ]
    learned = source.targets if targets == "shares" else given.astype(np.float64)
    return _judged(project, source, learned, weights), len(right), float(np.mean(right))


def _judged(project: Project, source: TrainingSet, targets: FloatArray, weights: FloatArray) -> Counts:
    dev, test = project.gold_of(Role.DEV), project.gold_of(Role.TEST)
    student = make_student(project.settings.student, project.task, project.encoder, project.settings.project.seed)
    student.fit(source.documents, targets, weights)
    student.set_thresholds(tuned_thresholds(project, student.predict_proba(dev), dev))
    return count_values(project.task, test, student.predict(test))


def _row(
    project: Project, targets: str, use: str, counts: list[Counts], base: list[Counts], n: int, right: float
) -> Row:
    headline, rng = headline_of(project.task), np.random.default_rng(0)
    interval = headline_interval(counts, headline, rng)
    gain = compare(use, counts, "all labels", base, headline, rng)
    ends = (0.0, 0.0) if counts is base else (gain.interval.low, gain.interval.high)
    return Row(targets, use, n, right, counts[0].n, gain.score_a, interval.low, interval.high, gain.difference, *ends)


def open_project(seed: int, options: argparse.Namespace) -> Project:
    """The set with its eight answers a text; gold for the threshold is drawn anew for each seed."""
    folder = options.work / "projects" / f"consistency-{options.gold}-{seed}"
    if not (folder / "understudy.toml").exists():
        roles = assign([item.taught_by(TEACHER) for item in read_items(_set_folder())], np.random.default_rng(0))
        judged = [item for item in roles.dev if item.answers]
        chosen = np.random.default_rng([seed, 100]).permutation(len(judged))[: options.gold]
        pool = tuple(i for i in (*roles.pool, *roles.demo) if i.answers and i.part != "unlabelled")
        roles = replace(roles, pool=pool, demo=(), dev=tuple(judged[i] for i in chosen), left_out=())
        make_project(_set_folder(), folder, roles, TEACHER, Options(TEACHER, seed))
    project = Project.open(folder, {
        "gold.share_demo_dev": "true", "student.linear.ngrams": "false", "arms.human": "[]", "arms.teacher": "[]",
        "arms.teacher_human": "false", "arms.teacher_on_demo": "false",
    })  # fmt: skip
    project.encoder = load_encoder(project.settings.embedding, options.work / "embeddings")
    project.annotate()
    return project


def _truth() -> dict[str, str | None]:
    return {item.id: item.label for item in read_items(_set_folder())}


def _markdown(rows: Sequence[Row], options: argparse.Namespace) -> Iterator[str]:
    yield "# Labels left out by consistency"
    yield ""
    yield (
        f"{SET}, teacher {TEACHER} (eight answers a text), student `linear`, {options.seeds} seeds, "
        f"{rows[0].n_test:,} test texts. F1 is the positive label's, in points; gain is over the majority labels of "
        "all texts (paired). 95 % intervals over test texts and seeds. Made by `python studies/consistency.py`."
    )
    yield ""
    yield "| targets | consistency | labels | of them right | F1 | 95 % | gain | 95 % |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {row.targets} | {row.use} | {row.n_labels:,} | {100 * row.labels_right:.1f} % | {100 * row.f1:.1f} | "
            f"{100 * row.low:.1f} to {100 * row.high:.1f} | {100 * row.gain:+.1f} | "
            f"{100 * row.gain_low:+.1f} to {100 * row.gain_high:+.1f} |"
        )


def _set_folder() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("UNDERSTUDY_SHARED_DATA", beside)) / SET


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The consistency ablation on a public set.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--gold", type=int, default=100, help="texts of gold dev that choose the decision threshold")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "understudy-studies" / "consistency",
                        help="where projects and embeddings are kept, outside the repository")  # fmt: skip
    given = parser.parse_args()
    if not _set_folder().is_dir():
        sys.exit(f"No {_set_folder()}; set UNDERSTUDY_SHARED_DATA.")
    return given


if __name__ == "__main__":
    main()
