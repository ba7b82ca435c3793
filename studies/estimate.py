"""What a correction by 250 gold labels is worth: shares of labels on public data, estimated in three ways.

    python studies/estimate.py [--gold 250] [--draws 200] [--sets NAME ...] [--write]

For each set, recorded model and label, all but `--gold` human labels are hidden, `--draws` times. The truth is the
share among all human labels of the set. Compared are the naive estimate (machine labels taken for true), gold alone
(Wilson) and PPI++ (gold alone where it refuses). Sets lie outside the repository, in `../shared/data` or where
UNDERSTUDY_SHARED_DATA says. Gold is drawn without replacement from a set that is not much larger, so that intervals
made for large populations cover a little more than they say.
`--write` keeps the table in `studies/results/estimate.md`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from understudy.evaluation.inference import Estimate, naive_share, powered_share
from understudy.study.public import Item, read_items

SETS = (
    "global_warming_stance", "media_bias_babe", "tcb_toxicity_en", "tcb_toxicity_de", "tcb_toxicity_zh",
    "tcb_policy_en", "finance_fomc",
)  # fmt: skip
FEWEST_ANSWERED = 0.9
"""Of the texts with a human label; models that answered fewer are left out."""

RESULT = Path(__file__).parent / "results" / "estimate.md"


@dataclass(frozen=True)
class Line:
    """One set and model, averaged over its labels (for two labels: the first) and draws.

    Attributes
    ----------
    accuracy : of the model's most frequent answers.
    naive_bias : mean absolute distance of the naive share from the truth.
    naive, gold, powered : share of 95 % intervals that hold the truth.
    gold_width, powered_width : mean half-widths.
    gain : mean of (gold width / powered width)^2: how many times more gold the same width would have taken.
    refused : share of draws that were too small to correct.
    """

    set: str
    model: str
    n: int
    n_labels: int
    accuracy: float
    naive_bias: float
    naive: float
    gold: float
    powered: float
    gold_width: float
    powered_width: float
    gain: float
    refused: float


def main() -> None:
    """Print a line for each set and model, then all of them as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--gold", type=int, default=250)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    lines = []
    for name in given.sets:
        for line in study(name, given.gold, given.draws):
            print(_row(line), flush=True)
            lines.append(line)
    if given.write:
        RESULT.write_text(_page(lines, given.gold, given.draws), encoding="utf-8")
    print(json.dumps({"gold": given.gold, "draws": given.draws, "lines": [asdict(line) for line in lines]}))


def study(name: str, n_gold: int, n_draws: int) -> Iterator[Line]:
    """One line for each model that answered enough of the set."""
    items = [item for item in read_items(_shared_data() / name) if item.label is not None]
    asked = [item for item in items if item.said]
    for model in sorted({model for item in asked for model in item.said}):
        answered = sum(any(item.said.get(model, ())) for item in asked)
        if answered >= FEWEST_ANSWERED * len(asked):
            yield _line(name, model, asked, n_gold, n_draws)


def _line(name: str, model: str, items: Sequence[Item], n_gold: int, n_draws: int) -> Line:
    labels = sorted({str(item.label) for item in items})
    truth = np.array([[item.label == label for label in labels] for item in items], dtype=float)
    shares = np.array([_shares(item, model, labels) for item in items])
    shares = np.where(np.isnan(shares), np.nanmean(shares, axis=0), shares)
    kept = [0] if len(labels) == 2 else range(len(labels))
    rng = np.random.default_rng(0)
    found = np.array([_draw(truth[:, k], shares[:, k], n_gold, rng) for k in kept for _ in range(n_draws)])
    bias = float(np.mean(np.abs(shares.mean(axis=0) - truth.mean(axis=0))))
    accuracy = float(np.mean(shares.argmax(axis=1) == truth.argmax(axis=1)))
    gains = found[found[:, 5] == 0, 3:5]
    return Line(
        set=name, model=model, n=len(items), n_labels=len(labels), accuracy=accuracy, naive_bias=bias,
        naive=found[:, 0].mean(), gold=found[:, 1].mean(), powered=found[:, 2].mean(),
        gold_width=found[:, 3].mean(), powered_width=found[:, 4].mean(),
        gain=float(np.mean((gains[:, 0] / gains[:, 1]) ** 2)) if len(gains) else float("nan"),
        refused=found[:, 5].mean(),
    )  # fmt: skip


def _draw(truth: np.ndarray, machine: np.ndarray, n_gold: int, rng: np.random.Generator) -> tuple[float, ...]:
    """Whether naive, gold and PPI++ hold the truth, the half-widths of the latter, and whether PPI++ was refused."""
    order = rng.permutation(len(truth))
    gold, rest = order[:n_gold], order[n_gold:]
    share = powered_share(truth[gold], machine[gold], machine[rest])
    estimates: tuple[Estimate, ...] = (naive_share(machine[gold], machine[rest]), share.gold_only, share.estimate)
    held = [float(not estimate.interval.excludes(float(truth.mean()))) for estimate in estimates]
    widths = [estimate.interval.half_width for estimate in estimates[1:]]
    return (*held, *widths, float(bool(share.refusal)))


def _shares(item: Item, model: str, labels: Sequence[str]) -> list[float]:
    answers = [answer for answer in item.said.get(model, ()) if answer is not None]
    return [answers.count(label) / len(answers) if answers else np.nan for label in labels]


def _row(line: Line) -> str:
    gain = "" if np.isnan(line.gain) else f"{line.gain:.2f}"
    return (
        f"| {line.set} | {line.model} | {line.n:,} | {line.accuracy:.3f} | {line.naive_bias:.3f} | {line.naive:.2f} | "
        f"{line.gold:.3f} | {line.powered:.3f} | {line.gold_width:.4f} | {line.powered_width:.4f} | {gain} | "
        f"{line.refused:.2f} |"
    )


def _page(lines: Sequence[Line], n_gold: int, n_draws: int) -> str:
    head = ("set", "model", "texts", "accuracy", "naive bias", "naive holds truth", "gold alone holds", "PPI++ holds",
            "gold half-width", "PPI++ half-width", "gain", "refused")  # fmt: skip
    command = f"python studies/estimate.py --gold {n_gold} --draws {n_draws} --write"
    naive, gold, powered = (np.mean([getattr(line, way) for line in lines]) for way in ("naive", "gold", "powered"))
    gain = np.nanmean([line.gain for line in lines])
    text = (
        f"`{command}`: all but {n_gold} human labels hidden, {n_draws} draws for each label; nominal 95 % intervals. "
        "*Gain* is how many times more gold the same width would have taken without machine labels, where the "
        f"correction was not refused. Mean over {len(lines)} pairs of set and model: naive intervals hold the truth "
        f"{naive:.2f} of the time, gold alone {gold:.3f}, PPI++ {powered:.3f}; gain {gain:.2f}."
    )
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *map(_row, lines)]
    return "\n".join(["# Shares of labels from machine labels and a little gold", "", text, "", *table, ""])


def _shared_data() -> Path:
    return Path(os.environ.get("UNDERSTUDY_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


if __name__ == "__main__":
    main()
