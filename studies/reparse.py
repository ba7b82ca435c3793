"""Reads raw answers of two models about entities (public set ner_finer_ord) with the parser of this package.

The models were asked for one line ``TOKEN:LABEL`` per token. Their lines are made a repeated text with stretches, laid
on the source as `prompts.alignment` lays inline tags, and compared with the tags that the set's own script read from
the same answers. Prints one JSON object. ``python studies/reparse.py [FOLDER]``; the folder is that of the set.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from understudy.evaluation.spans import tag_spans
from understudy.prompts.alignment import align

MODELS = ("gpt-4", "gpt-3.5-turbo", "dolly-v2-12b")
LABELS = {"person": "PER", "location": "LOC", "organisation": "ORG", "organization": "ORG", "other": "O"}
TokenSpan = tuple[int, int, str]


def said_spans(raw: str) -> tuple[str, list[tuple[int, int, str]], int]:
    """The text that an answer repeats, the stretches of our types in it, and how many tokens have no known label."""
    text, spans, n_unknown = "", [], 0
    for line in filter(str.strip, raw.split("\n")):
        token, _, said = line.rpartition(":")
        kind, _, part = said.strip(" .,").partition("_")
        label = LABELS.get(kind.casefold()) if token else None
        token = token or line
        n_unknown += label is None
        if label not in (None, "O"):
            follows = bool(spans) and spans[-1][1] == len(text) - 1 and spans[-1][2] == label and part != "B"
            start = spans.pop()[0] if follows else len(text)
            spans.append((start, len(text) + len(token), label))
        text += token + " "
    return text, spans, n_unknown


def placed_spans(tokens: list[str], raw: str) -> tuple[set[TokenSpan], int, int] | None:
    """Spans in tokens, how many lack a certain place, tokens of unknown label; None if the text is not repeated."""
    said = said_spans(raw)
    starts = [len(" ".join(tokens[:n])) + (n > 0) for n in range(len(tokens))]
    alignment = align(" ".join(tokens), said[0])
    if alignment is None:
        return None
    places = [(alignment.place(start, end), label) for start, end, label in said[1]]
    ends = {start + len(token): n + 1 for n, (start, token) in enumerate(zip(starts, tokens, strict=True))}
    whole = {(starts.index(p[0]), ends[p[1]], label) for p, label in places if p and p[0] in starts and p[1] in ends}
    return whole, len(places) - len(whole), said[2]


def scores(found: Counter[str]) -> dict[str, float | int | None]:
    """Micro F1 from counts; None where undefined."""
    total = found["first"] + found["second"]
    return {**found, "f1": 2 * found["both"] / total if total else None}


def compare(rows: list[dict[str, Any]], model: str) -> dict[str, object]:
    """Outcomes of one model's answers; agreement with the recorded spans, both against gold, on texts that we read."""
    outcomes: Counter[str] = Counter()
    recorded, ours_gold, theirs_gold = Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        raw = row["raw"].get(model)
        if raw is None:
            outcomes["no answer"] += 1
            continue
        placed = placed_spans(row["tokens"], raw)
        if placed is None:
            outcomes["unparsed: the text is not repeated"] += 1
            continue
        ours, n_lost, n_unknown = placed
        outcomes["read"] += 1
        outcomes["tokens of unknown label"] += n_unknown
        outcomes["spans without a certain place"] += n_lost
        gold = set(tag_spans(row["tags"]))
        theirs = set(tag_spans(row["llm"][model])) if row["llm"].get(model) else set()
        for counter, one, other in ((recorded, ours, theirs), (ours_gold, ours, gold), (theirs_gold, theirs, gold)):
            counter.update(both=len(one & other), first=len(one), second=len(other))
    return {
        "outcomes": dict(outcomes),
        "ours against recorded": scores(recorded),
        "ours against gold": scores(ours_gold),
        "recorded against gold, same texts": scores(theirs_gold),
    }


def main() -> None:
    """Print the comparison for each model."""
    shared = Path(os.environ.get("UNDERSTUDY_SHARED_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else shared / "ner_finer_ord"
    rows = [json.loads(line) for line in (folder / "data.jsonl").read_text(encoding="utf-8").splitlines()]
    sys.stdout.write(json.dumps({model: compare(rows, model) for model in MODELS}, indent=1) + "\n")


if __name__ == "__main__":
    main()
