"""The commands about evidence on public sets: what they print, and whether it is true where the truth is known.

    python studies/evidence.py [--work FOLDER] [--write]

Projects are made of four sets with human labels and recorded answers of models; the human labels of their pools are
hidden from the project and used here alone, to see whether intervals hold the truth. Then the commands run as anybody
would run them: `estimate`, `audit`, `monitor`, `compare-teachers`. Last comes the alternative-annotator test on all
texts of CEBaB, beside the published figures. No text is printed.

The public data lie in `../shared/data` or where UNDERSTUDY_SHARED_DATA says. Projects are made in a folder that is
removed afterwards, or in `--work`. `--write` keeps the page in `studies/results/evidence.md`. The last line is one JSON
object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from understudy.evaluation import encode_ratings, krippendorff_alpha
from understudy.evaluation.inference import replacement_test

RESULT = Path(__file__).parent / "results" / "evidence.md"
PROGRAM = (sys.executable, "-c", "from understudy.cli import main; main()")
PERIODS = ("universal health care", "white-nationalism")
"""Topics of news that are kept out of the project, each as if it were all that came in during one month."""

N_PERIOD_GOLD = 60
PUBLISHED = {"gpt-4o": (0.90, 0.93), "gemini_flash": (0.70, 0.91), "llama-31": (0.60, 0.89)}
"""Winning rate and advantage at epsilon 0.1 over the ten annotators of CEBaB (Calderon, Reichart and Dror, 2025)."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A project and what is hidden from it: the human label of every text, by id."""

    folder: Path
    truth: Mapping[str, Row]


@dataclass(frozen=True)
class Roles:
    """How many texts become what; the rest is pool."""

    demo: int
    dev: int
    test: int


def main() -> None:
    """Print the page, then the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--work", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    started = time.monotonic()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        parts = []
        for part in (babe, toxicity, global_warming, cebab):
            for line in part(work, figures):
                print(line, flush=True)
                parts.append(line)
    if given.write:
        head = ["# The commands about evidence on public sets", "", "`python studies/evidence.py --write`.", ""]
        RESULT.write_text("\n".join([*head, *parts, ""]), encoding="utf-8")
    print(json.dumps({**figures, "wall_s": round(time.monotonic() - started)}))


def babe(work: Path, figures: dict[str, Any]) -> Iterator[str]:
    """media_bias_babe: thirteen teachers, groups by outlet, topics held out."""
    rows = [_flat(row) for row in _read("media_bias_babe")]
    models = sorted(column for column in rows[0] if column.startswith("said_"))
    later = {topic: [row for row in rows if row["topic"] == topic] for topic in PERIODS}
    rows = [row for row in rows if row["topic"] not in PERIODS]
    control, rows = rows[:150], rows[150:]
    made = _make(work / "babe", rows, Roles(100, 400, 900), "said_gpt_4", ("outlet", "topic"), "biased")
    yield "## media_bias_babe: is a sentence of the news biased?"
    yield ""
    yield f"Teacher `gpt_4` (eight answers each); {len(rows):,} texts, of which 1,400 are gold. The topics"
    yield f"{' and '.join(PERIODS)} are kept out as two later periods, 150 other texts as a period without change."
    yield ""
    _run(made, "run", "--yes")
    yield from _told(made, "estimate", "--by", "outlet")
    yield from _held(made, "outlet", "biased", figures)
    yield from _told(made, "audit", "--by", "outlet")
    yield from _told(made, "audit", "--outside", "topic")
    columns = [part for model in models if model != "said_gpt_4" for part in ("--column", model)]
    yield from _told(made, "compare-teachers", *columns)
    for name, texts in (("no-change", control), *later.items()):
        yield from _told(made, "monitor", *_period(made, name, texts))


def toxicity(work: Path, figures: dict[str, Any]) -> Iterator[str]:
    """tcb_toxicity: one project of three languages."""
    rows = [
        {**_flat(row), "id": f"{language}-{row['id']}", "language": language}
        for language in ("en", "de", "zh")
        for row in _read(f"tcb_toxicity_{language}")
    ]
    teacher = "said_gpt-4o-2024-05-13"
    made = _make(work / "toxicity", rows, Roles(90, 300, 750), teacher, ("language",), "toxic", ngrams=True)
    yield "## tcb_toxicity in English, German and Chinese as one project"
    yield ""
    yield f"Teacher `gpt-4o-2024-05-13`; {len(rows):,} texts, of which 1,140 are gold. The student is `linear` with"
    yield "the bundled encoder, which knows English, and n-grams."
    yield ""
    _run(made, "run", "--yes")
    yield from _told(made, "estimate", "--by", "language")
    yield from _held(made, "language", "toxic", figures)
    yield from _told(made, "audit", "--by", "language")
    yield from _told(made, "audit", "--outside", "language")


def global_warming(work: Path, figures: dict[str, Any]) -> Iterator[str]:
    """global_warming_stance: similar texts held out."""
    rows = [_flat(row) for row in _read("global_warming_stance")]
    made = _make(work / "warming", rows, Roles(50, 250, 700), "said_gpt-4o", (), "agree")
    yield "## global_warming_stance: clusters of similar texts held out"
    yield ""
    yield f"Teacher `gpt-4o`; {len(rows):,} texts, of which 1,000 are gold."
    yield ""
    _run(made, "run", "--yes")
    yield from _told(made, "audit", "--outside", "clusters")
    yield from _told(made, "estimate")
    yield from _held(made, None, "agree", figures)


def cebab(work: Path, figures: dict[str, Any]) -> Iterator[str]:
    """cebab_aspect_sentiment: four people's labels a text, and six models."""
    rows = [
        {**_flat(row), **{f"person_{k + 1}": said for k, said in enumerate(row["human"])}}
        for row in _read("cebab_aspect_sentiment")
    ]
    people = tuple(f"person_{k + 1}" for k in range(4))
    models = sorted(column for column in rows[0] if column.startswith("said_"))
    made = _make(work / "cebab", rows, Roles(600, 300, 36), "said_gpt-4o", people, None)
    yield "## cebab_aspect_sentiment: may a model take the place of an annotator?"
    yield ""
    yield "Four labels of people a text. Who gave which is not in the set, so that a column is no single person: the"
    yield "winning rate over ten annotators cannot be had from it, the advantage (a mean over people) roughly."
    yield ""
    columns = [part for model in models if model != "said_gpt-4o" for part in ("--column", model)]
    named = [part for person in people for part in ("--annotator", person)]
    yield from _told(made, "compare-teachers", *columns, *named, "--epsilon", "0.1")
    yield from _replacement(rows, models, people, figures)


def _replacement(
    rows: Sequence[Row], models: Sequence[str], people: Sequence[str], figures: dict[str, Any]
) -> Iterator[str]:
    """The test on all texts."""
    labels = sorted({str(row["label"]) for row in rows})
    humans = encode_ratings([[row[person] for person in people] for row in rows], labels)
    alpha = krippendorff_alpha(humans)
    yield f"On all {len(rows)} texts, epsilon 0.1. Krippendorff's alpha of the people: {alpha:.3f}."
    yield ""
    yield "| model | winning rate | advantage | passes from | published winning rate | published advantage |"
    yield "|---|---|---|---|---|---|"
    figures["replacement"] = {}
    for model in models:
        codes = encode_ratings([[row[model][0]] for row in rows], labels)[:, 0]
        found = replacement_test(codes, humans, np.random.default_rng(0), epsilon=0.1)
        name = model.removeprefix("said_")
        omega, rho = (f"{value:.2f}" for value in PUBLISHED[name]) if name in PUBLISHED else ("", "")
        figures["replacement"][name] = found.advantage
        yield (
            f"| {name} | {found.winning_rate:.2f} | {found.advantage:.3f} [{found.interval.low:.3f}, "
            f"{found.interval.high:.3f}] | {found.smallest_epsilon:.3f} | {omega} | {rho} |"
        )
    yield ""


def _held(made: Made, by: str | None, label: str, figures: dict[str, Any]) -> Iterator[str]:
    """Whether the intervals of `estimate` hold the share among all human labels, hidden ones included."""
    found = json.loads(_run(made, "estimate", *(() if by is None else ("--by", by)), "--json").stdout)
    yield "Beside the truth, the share among all human labels of these texts, those of the pool included:"
    yield ""
    yield "| group | texts | truth | naive | holds it | corrected | holds it |"
    yield "|---|---|---|---|---|---|---|"
    held = []
    for share in found["shares"]:
        group = share["group"]
        texts = [row for row in made.truth.values() if not group or row[str(by)] == group]
        truth = float(np.mean([row["label"] == label for row in texts]))
        holds = [_holds(share[side], truth) for side in ("naive", "estimate")]
        held.append(holds)
        how = " (gold alone)" if share["refusal"] else ""
        yield (
            f"| {group or 'all'} | {len(texts):,} | {truth:.3f} | {_shown(share['naive'])} | {_yes(holds[0])} | "
            f"{_shown(share['estimate'])}{how} | {_yes(holds[1])} |"
        )
    yield ""
    naive, corrected = (sum(side) for side in zip(*held, strict=True))
    yield f"Of {len(held)} shares the naive interval holds {naive}, the corrected one {corrected}."
    yield ""
    figures[made.folder.name] = {"shares": len(held), "naive": naive, "corrected": corrected}


def _period(made: Made, name: str, rows: Sequence[Row]) -> tuple[str, ...]:
    """The files of a period, its gold drawn by lot, as arguments of `monitor`."""
    stem = name.replace(" ", "-")
    drawn = np.random.default_rng(7).permutation(len(rows))[:N_PERIOD_GOLD]
    texts, gold = made.folder / f"{stem}-texts.jsonl", made.folder / f"{stem}.jsonl"
    _write(texts, ({"id": row["id"], "text": row["text"]} for row in rows))
    _write(gold, (rows[i] for i in sorted(drawn)))
    return "--texts", str(texts), "--gold", str(gold)


def _make(
    folder: Path, rows: Sequence[Row], roles: Roles, teacher: str, meta: Sequence[str], positive: str | None,
    *, ngrams: bool = False,
) -> Made:  # fmt: skip
    """A project of these texts: gold drawn by lot, the rest is pool without human labels."""
    order = np.random.default_rng(3).permutation(len(rows))
    named = ["demo"] * roles.demo + ["dev"] * roles.dev + ["test"] * roles.test
    folder.mkdir(parents=True)
    _write(folder / "gold.jsonl", ({**rows[i], "role": role} for i, role in zip(order, named, strict=False)))
    _write(folder / "pool.jsonl", ({k: v for k, v in rows[i].items() if k != "label"} for i in order[len(named) :]))
    labels = sorted({str(row["label"]) for row in rows})
    lines = ["[project]", f'name = "{folder.name}"', "[codebook]"]
    lines += [f'positive = "{positive}"'] if positive else []
    for label in labels:
        lines += ["[[codebook.labels]]", f'name = "{label}"', f'definition = "{label}"']
    lines += ["[data]", 'pool = ["pool.jsonl"]', 'gold = ["gold.jsonl"]', 'role = "role"', f"meta = {json.dumps(meta)}"]
    lines += ["[teacher]", 'kind = "recorded"', f"recorded_column = {json.dumps(teacher)}"]
    lines += [f"model = {json.dumps(teacher.removeprefix('said_'))}", "[gate]", f"texts = {roles.demo + roles.dev}"]
    lines += ["[trust]", "enabled = false", "[arms]", "human = []", "teacher = [250]", "[student]", "seeds = 1"]
    lines += ["[student.linear]", f"ngrams = {str(ngrams).lower()}"]
    (folder / "understudy.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Made(folder, {str(row["id"]): row for row in rows})


def _flat(row: Row) -> Row:
    """Text, label, meta columns, and a column of answers for each model."""
    said = {
        f"said_{model}": answers if isinstance(answers, list) else [answers] for model, answers in row["llm"].items()
    }
    return {"id": row["id"], "text": row["text"], "label": row["label"], **row.get("meta", {}), **said}


def _told(made: Made, *arguments: str) -> Iterator[str]:
    """A command, how it ended, and what it printed."""
    ended = _run(made, *arguments)
    shown = " ".join(f"'{part}'" if " " in part else part for part in _without_folders(arguments))
    yield f"`{f'understudy {arguments[0]} {made.folder.name} {shown}'.rstrip()}`: exit code {ended.returncode}"
    yield ""
    yield "```"
    yield ended.stdout.rstrip()
    yield "```"
    yield ""


def _run(made: Made, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, arguments[0], str(made.folder), *arguments[1:]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode > 1:
        raise SystemExit(f"understudy {' '.join(arguments)} ended with {ended.returncode}: {ended.stderr}")
    return ended


def _without_folders(arguments: Iterable[str]) -> list[str]:
    return [Path(part).name if os.sep in part else part for part in list(arguments)[1:]]


def _holds(estimate: Row, truth: float) -> bool:
    return bool(estimate["interval"]["low"] <= truth <= estimate["interval"]["high"])


def _shown(estimate: Row) -> str:
    return f"{estimate['value']:.3f} [{estimate['interval']['low']:.3f}, {estimate['interval']['high']:.3f}]"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _read(name: str) -> list[Row]:
    folder = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    with (folder / name / "data.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _write(path: Path, rows: Iterable[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
