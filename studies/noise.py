"""What do recipes against label noise gain, and is the gate before them safe? Public sets with recorded LLM labels.

    python studies/noise.py [--sets NAME ...] [--seeds 3] [--gold 100] [--student linear] [--work FOLDER]

Of each set a teacher labels the training texts (3,000 at most); 100 gold texts, drawn anew for each seed and shared as
demo and dev, are all that recipes, thresholds and the gate may look at. The set's test texts judge. `gated` is what
`student.noise = "auto"` uses: the recipe that wins on the 100 gold texts, or plain training. Every cell (set, teacher,
seed, method) is kept in the work folder, outside the repository, and not computed again. Results stand in
`studies/results/noise.csv` and `.md`, of every task whose cells are there.

The public data lie in `../shared/data` or where UNDERSTUDY_SHARED_DATA says.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from understudy import Project
from understudy.embedding import load_encoder
from understudy.evaluation import Comparison, Counts, compare, headline_interval
from understudy.pipeline.arms import Arm, plan_arms
from understudy.pipeline.lessons import Lessons
from understudy.pipeline.noise_choice import fit_on, held_out_on_dev, judge_recipe, used_recipe, with_winner
from understudy.pipeline.tuning import tuned_thresholds
from understudy.pipeline.validation import count_values, headline_of
from understudy.records import Role
from understudy.student import Labelled
from understudy.student.noise import AUTO, RECIPES
from understudy.study.conversion import Options, make_project
from understudy.study.public import read_items
from understudy.study.splitting import Roles, assign

PLAIN, GATED = "plain", "gated"
METHODS = (PLAIN, *AUTO, "filter")
RESULTS = Path(__file__).parent / "results"
UNREADABLE = (None,)
MOST_LABELS = 3000
"""Teacher labels of a set: more would only take longer."""


@dataclass(frozen=True)
class Task:
    """A set and one of its teachers."""

    set: str
    teacher: str

    @property
    def title(self) -> str:
        """How tables call it."""
        return f"{self.set} / {self.teacher}"


TASKS = (
    Task("re_semeval2010_mixtral", "mixtral-8x22b-instruct (few-shot)"),
    Task("finance_fomc", "falcon-7b-instruct"),
    Task("finance_fomc", "gpt-3.5-turbo"),
    Task("media_bias_babe", "llama_7b"),
    Task("media_bias_babe", "falcon_7b"),
    Task("mr_sentiment", "gpt-3.5-turbo (FreeAL)"),
)


@dataclass(frozen=True)
class Row:
    """One line of the results: a method on a task, all seeds together."""

    set: str
    teacher: str
    student: str
    method: str
    n_seeds: int
    n_test: int
    f1: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float
    used: str


def main() -> None:
    """Compute what is missing, then write the tables."""
    options = _options()
    for task in TASKS:
        if not options.sets or task.set in options.sets:
            for seed in range(options.seeds):
                run_seed(task, seed, options)
            write_results(options)


def run_seed(task: Task, seed: int, options: argparse.Namespace) -> None:
    """Every method on one draw of gold."""
    project = open_project(task, seed, options)
    project.annotate()
    lessons = Lessons(project, _teacher_arm(project).source, 0)
    for method in _methods(options):
        reason = "" if method == PLAIN else lessons.why_not(RECIPES[method])
        _once(task, seed, method, options, lambda m=method, r=reason: {"reason": r} if r else _trained(lessons, m))
    _once(task, seed, GATED, options, lambda: _gated(task, seed, options, lessons))


def _methods(options: argparse.Namespace) -> tuple[str, ...]:
    return (PLAIN, *RECIPES) if options.every_recipe else METHODS


def _once(task: Task, seed: int, method: str, options: argparse.Namespace, make: Any) -> None:
    path = _cell_path(task, seed, method, options)
    if not path.exists():
        cell = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(cell), encoding="utf-8")
        unfinished.replace(path)
        print(f"{task.title}, seed {seed}, {method}: {cell.get('reason') or cell.get('used') or 'done'}", flush=True)


def _trained(lessons: Lessons, method: str) -> dict[str, Any]:
    """What the students say about gold dev (out of fold where the recipe learns from it) and about test."""
    project, dev = lessons.project, lessons.dev
    recipe = None if method == PLAIN else RECIPES[method]
    student = fit_on(lessons, recipe, np.ones(len(dev), dtype=np.bool_))
    learned_dev = recipe is not None and lessons.learns_from_dev(recipe)
    said = held_out_on_dev(lessons, recipe) if recipe and learned_dev else student.label(dev)
    student.set_thresholds(tuned_thresholds(project, said.probabilities, dev))
    values = student.predict(project.gold_of(Role.TEST))
    return {"values": [project.task.to_json(value) for value in values], "dev": said.probabilities.tolist()}


def _gated(task: Task, seed: int, options: argparse.Namespace, lessons: Lessons) -> dict[str, Any]:
    """What the gate makes of the recipes that `auto` tries."""
    said = {method: _read(task, seed, method, options).get("dev") for method in (PLAIN, *AUTO)}
    plain = _labelled(said[PLAIN])
    trials = [judge_recipe(lessons, "teacher", name, _labelled(said[name]), plain) for name in AUTO if said[name]]
    judged = with_winner(trials)
    return {"used": used_recipe(judged) or PLAIN, "trials": [asdict(trial) for trial in judged]}


def _labelled(probabilities: list[list[float]]) -> Labelled:
    """What was said about gold dev; the gate decides values from probabilities itself."""
    return Labelled([], np.array(probabilities))


def _read(task: Task, seed: int, method: str, options: argparse.Namespace) -> Any:
    path = _cell_path(task, seed, method, options)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"reason": "not computed"}


def open_project(task: Task, seed: int, options: argparse.Namespace) -> Project:
    """The project of one draw: the teacher's labels as pool, 100 gold texts as demo and dev, the set's test texts."""
    folder = options.work / "projects" / f"{task.set}-{_short(task.teacher)}-{options.gold}-{seed}"
    if not (folder / "understudy.toml").exists():
        set_folder = _shared_data() / task.set
        items = [item.taught_by(task.teacher) for item in read_items(set_folder)]
        roles = _roles(assign(items, np.random.default_rng(0)), options.gold, seed)
        make_project(set_folder, folder, roles, task.teacher, Options(task.teacher, seed, as_texts=True))
    project = Project.open(folder, {
        "gold.share_demo_dev": "true", "student.kind": options.student, "student.linear.ngrams": "false",
        "arms.human": "[]", "arms.teacher": "[]", "arms.teacher_human": "false",
        "arms.teacher_on_demo": "false", "gate.min_f1": "0.0",
    })  # fmt: skip
    project.encoder = load_encoder(project.settings.embedding, options.work / "embeddings")
    return project


def _roles(assigned: Roles, n_gold: int, seed: int) -> Roles:
    """Texts of dev that the teacher answered are the source of gold; answered texts of pool and demo are to learn."""
    judged = [item for item in assigned.dev if item.answers not in ((), UNREADABLE)]
    order = np.random.default_rng([seed, 100]).permutation(len(judged))[:n_gold]
    answered = [i for i in (*assigned.pool, *assigned.demo) if i.answers and i.part != "unlabelled"]
    chosen = np.sort(np.random.default_rng(100).permutation(len(answered))[:MOST_LABELS])
    return replace(
        assigned, pool=tuple(answered[i] for i in chosen), demo=(), dev=tuple(judged[i] for i in order), left_out=()
    )


def _teacher_arm(project: Project) -> Arm:
    return next(arm for arm in plan_arms(project) if arm.name.startswith("teacher-"))


def write_results(options: argparse.Namespace) -> None:
    """The tables of every task whose seeds are complete."""
    rows = [row for task in TASKS for row in _rows(task, options)]
    if not rows:
        return
    RESULTS.mkdir(exist_ok=True)
    stem = "noise" if options.student == "linear" else f"noise-{options.student}"
    with (RESULTS / f"{stem}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(row).items()} for row in rows
        )
    (RESULTS / f"{stem}.md").write_text("\n".join(_markdown(rows, options)) + "\n", encoding="utf-8")


def _rows(task: Task, options: argparse.Namespace) -> Iterator[Row]:
    seeds, methods = range(options.seeds), (PLAIN, *RECIPES, GATED)
    cells = {(seed, method): _read(task, seed, method, options) for seed in seeds for method in methods}
    if any("reason" in cells[seed, method] for seed in seeds for method in (PLAIN, GATED)):
        return
    project = open_project(task, 0, options)
    plain = [_counts(project, cells[seed, PLAIN]) for seed in seeds]
    for method in methods:
        if any("reason" in cells[seed, method] for seed in seeds):
            continue
        used = [cells[seed, method].get("used", method) for seed in seeds]
        counts = [_counts(project, cells[seed, name]) for seed, name in zip(seeds, used, strict=True)]
        yield _row(task, options, method, counts, plain, project, ", ".join(used) if method == GATED else "")


def _row(
    task: Task, options: argparse.Namespace, method: str, counts: list[Counts], plain: list[Counts], project: Project,
    used: str,
) -> Row:  # fmt: skip
    headline, rng = headline_of(project.task), np.random.default_rng(0)
    interval = headline_interval(counts, headline, rng)
    gain: Comparison = compare(method, counts, PLAIN, plain, headline, rng)
    same = all(a is b or (np.array_equal(a.tp, b.tp) and np.array_equal(a.fp, b.fp))
               for a, b in zip(counts, plain, strict=True))  # fmt: skip
    ends = (0.0, 0.0) if same else (gain.interval.low, gain.interval.high)
    return Row(task.set, task.teacher, options.student, method, len(counts), counts[0].n, gain.score_a, interval.low,
               interval.high, gain.difference, *ends, used)  # fmt: skip


def _counts(project: Project, cell: dict[str, Any]) -> Counts:
    values = [project.task.from_json(value) for value in cell["values"]]
    return count_values(project.task, project.gold_of(Role.TEST), values)


def _markdown(rows: Sequence[Row], options: argparse.Namespace) -> Iterator[str]:
    yield "# Recipes against label noise"
    yield ""
    yield (
        f"Student `{options.student}`, {options.gold} gold texts a draw, {options.seeds} draws. F1 is the positive "
        "label's or the macro mean, in points, with the 95 % interval over test texts and draws; gain is over plain "
        "training on the same texts (paired). Made by `python studies/noise.py`."
    )
    yield from _summary(rows)
    for title in dict.fromkeys((row.set, row.teacher) for row in rows):
        group = [row for row in rows if (row.set, row.teacher) == title]
        yield from ("", f"## {title[0]}, teacher {title[1]}", "", f"{group[0].n_test:,} test texts.", "")
        yield from ("| method | F1 | 95 % | gain | 95 % | used |", "|---|---|---|---|---|---|")
        for row in group:
            yield (
                f"| {row.method} | {100 * row.f1:.1f} | {100 * row.low:.1f} to {100 * row.high:.1f} | "
                f"{100 * row.gain:+.1f} | {100 * row.gain_low:+.1f} to {100 * row.gain_high:+.1f} | {row.used} |"
            )


def _summary(rows: Sequence[Row]) -> Iterator[str]:
    """What the gate makes of each task, beside the best single recipe, which nobody could have known before."""
    yield from ("", "## What the gate gains", "")
    yield from (
        "| set | teacher | plain | gated | gain | 95 % | best recipe on test |",
        "|---|---|---|---|---|---|---|",
    )
    for gated in (row for row in rows if row.method == GATED):
        task = [row for row in rows if (row.set, row.teacher) == (gated.set, gated.teacher)]
        best = max((row for row in task if row.method not in (PLAIN, GATED)), key=lambda row: row.gain)
        yield (
            f"| {gated.set} | {gated.teacher} | {100 * (gated.f1 - gated.gain):.1f} | {100 * gated.f1:.1f} | "
            f"{100 * gated.gain:+.1f} | {100 * gated.gain_low:+.1f} to {100 * gated.gain_high:+.1f} | "
            f"{best.method} {100 * best.gain:+.1f} |"
        )


def _cell_path(task: Task, seed: int, method: str, options: argparse.Namespace) -> Path:
    name = f"{task.set}-{_short(task.teacher)}-{options.student}-{options.gold}-{seed}"
    return Path(options.work) / "cells" / name / f"{method.replace(' ', '-')}.json"


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _shared_data() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("UNDERSTUDY_SHARED_DATA", beside))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Recipes against label noise on public sets.")
    parser.add_argument("--sets", nargs="+", choices=sorted({task.set for task in TASKS}))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--gold", type=int, default=100, help="human-labelled texts, demo and dev at once")
    parser.add_argument("--student", default="linear")
    parser.add_argument("--every-recipe", action="store_true", help="also those that `auto` does not try")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "understudy-studies" / "noise",
                        help="where projects, embeddings and finished cells are kept")  # fmt: skip
    given = parser.parse_args()
    missing = [task.set for task in TASKS if not (_shared_data() / task.set).is_dir()]
    if missing:
        sys.exit(f"No {', '.join(dict.fromkeys(missing))} in {_shared_data()}; set UNDERSTUDY_SHARED_DATA.")
    return given


if __name__ == "__main__":
    main()
