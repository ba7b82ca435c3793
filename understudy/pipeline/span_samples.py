"""The sample rows of new projects that mark spans, written with their marks in the text. Writes no file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MARK = re.compile(r"\[(\w+):([^\]]+)\]")

ENTITY_GOLD = (
    "[person:Mara Lund] starts at [company:Tern Bakery] on Monday.", "Nobody answers the phone.",
    "[company:Pell & Sons] delivers to [place:Oslo] again.", "Ask [person:Ivo] for the keys.",
    "[person:Dr Okoro] has left [company:Vela Labs].", "The office in [place:Ghent] moves to [place:Bruges].",
    "Invoices of [company:Pell & Sons] go to [person:Mara Lund].", "[place:Porto] was sunny.",
    "[person:Ivo Marsh] bought [company:Tern Bakery].", "Lunch is at one.",
)  # fmt: skip
ENTITY_POOL = (
    "Ivo Marsh is in Oslo this week.", "Tern Bakery opens a shop in Ghent.", "The printer is broken.",
    "Vela Labs has hired Mara Lund.", "Call Dr Okoro before noon.", "Pell & Sons is closed.",
    "The train to Bruges is late.", "Mara flies to Porto with Ivo.", "New chairs have come.", "Greetings from Oslo!",
)  # fmt: skip
RELATION_GOLD = (
    ("[head:Mara Lund] works for [tail:Tern Bakery].", "works_for"),
    ("[head:Ivo Marsh] founded [tail:Tern Bakery] in May.", "founded"),
    ("[head:Dr Okoro] walked past [tail:Vela Labs].", "no_relation"),
    ("After years at [tail:Vela Labs], [head:Ivo Marsh] is still its accountant.", "works_for"),
    ("[tail:Pell & Sons] was started by [head:Ann Pell].", "founded"),
    ("[head:Ann Pell] met Ivo before [tail:Vela Labs] existed.", "no_relation"),
    ("[tail:Tern Bakery] pays [head:Mara Lund] well.", "works_for"),
    ("It was [head:Dr Okoro] who set up [tail:Vela Labs].", "founded"),
    ("[head:Ivo Marsh] buys bread at [tail:Tern Bakery].", "no_relation"),
    ("[head:Ann Pell] runs the till at [tail:Pell & Sons].", "works_for"),
)
RELATION_POOL = (
    "[head:Ivo Marsh] joined [tail:Vela Labs] as an engineer.", "[head:Mara Lund] created [tail:Lund Tea].",
    "[head:Ann Pell] phoned [tail:Tern Bakery].", "[tail:Lund Tea] employs [head:Dr Okoro].",
    "[head:Dr Okoro] never visited [tail:Pell & Sons].", "[head:Ivo Marsh] and a friend began [tail:Marsh Maps].",
    "[head:Ann Pell] drives a van for [tail:Lund Tea].", "[head:Mara Lund] admires [tail:Vela Labs].",
    "The founder of [tail:Marsh Maps] is [head:Ivo Marsh].", "[head:Dr Okoro] is a clerk at [tail:Tern Bakery].",
)  # fmt: skip


def sample_rows(kind: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Gold and pool rows of a new project of kind `entities` or `relations`, as objects of a JSONL file."""
    gold = _entities() if kind == "entities" else _relations()
    pool = [(text, ()) for text in ENTITY_POOL] if kind == "entities" else [_unmarked(text) for text in RELATION_POOL]
    return (
        [{"id": f"g{number}", **row} for number, row in enumerate(gold, 1)],
        [{"id": f"p{number}", "text": text, **_ends(spans)} for number, (text, spans) in enumerate(pool, 1)],
    )


def _entities() -> Iterator[dict[str, Any]]:
    for marked in ENTITY_GOLD:
        text, spans = _unmarked(marked)
        yield {"text": text, "label": list(spans)}


def _relations() -> Iterator[dict[str, Any]]:
    for marked, label in RELATION_GOLD:
        text, spans = _unmarked(marked)
        yield {"text": text, "label": label, **_ends(spans)}


def _ends(spans: tuple[dict[str, Any], ...]) -> dict[str, list[int]]:
    return {span["label"]: [span["start"], span["end"]] for span in spans}


def _unmarked(marked: str) -> tuple[str, tuple[dict[str, Any], ...]]:
    """The text without its marks, and the spans that they stand for."""
    text, spans, end = "", [], 0
    for mark in MARK.finditer(marked):
        text += marked[end : mark.start()]
        spans.append({"start": len(text), "end": len(text) + len(mark[2]), "label": mark[1], "text": mark[2]})
        text += mark[2]
        end = mark.end()
    return text + marked[end:], tuple(spans)
