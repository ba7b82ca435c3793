"""Prints: data to standard output, everything else to standard error; control characters never reach the terminal."""

from __future__ import annotations

import json
import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from understudy.errors import UnderstudyError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

STEPS_WITHOUT_TERMINAL = 10
ENOUGH_FOR_ETA = 20
PIPED_WIDTH = 200


def console(*, is_error: bool = False) -> Console:
    """A console that highlights nothing and reads no markup in data."""
    from rich.console import Console

    is_dull = bool(os.environ.get("NO_COLOR")) or None
    found = Console(stderr=is_error, highlight=False, markup=False, soft_wrap=True, emoji=False, no_color=is_dull)
    if not found.is_terminal:
        found.width = PIPED_WIDTH
    return found


def clean(text: str) -> str:
    """The text without control and bidirectional characters, so that it cannot steer a terminal."""
    return "".join(c if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"} else "\N{REPLACEMENT CHARACTER}"
                   for c in text)  # fmt: skip


def print_json(data: Any) -> None:
    """One strict JSON object on standard output; ASCII, so that every terminal and encoding can take it."""
    sys.stdout.write(json.dumps(data, allow_nan=False, indent=2) + "\n")


def print_lines(lines: Iterable[str]) -> None:
    """Human-readable data on standard output."""
    out = console()
    for line in lines:
        out.print(clean(line))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A table on standard output; columns in `right` are right-aligned."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column, title in enumerate(header):
        table.add_column(title, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    console().print(table)


def print_error(error: UnderstudyError, as_json: bool) -> None:
    """What happened, a blank line, and what to do; with `as_json` also one JSON object on standard output."""
    if as_json:
        kind = type(error).__name__
        print_json({"error": {"kind": kind, "message": error.message, "hint": error.hint}})
    err = console(is_error=True)
    err.print("error: " + clean(error.message), style="red")
    if error.hint:
        err.print("\nhint: " + clean(error.hint), style="cyan")


@dataclass
class ConsoleListener:
    """Shows progress on standard error: a bar on a terminal that can draw one, otherwise a line for each tenth."""

    _progress: Progress | None = None
    _tasks: dict[str, TaskID] = field(default_factory=dict)
    _started: dict[str, float] = field(default_factory=dict)
    _printed: dict[str, int] = field(default_factory=dict)

    def say(self, message: str) -> None:
        """Print one line."""
        self._finish()
        console(is_error=True).print(clean(message))

    def progress(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Show how far one piece of work is; `done == total` ends it."""
        self._started.setdefault(what, time.monotonic())
        if _can_draw():
            self._draw(what, done, total, detail)
        else:
            self._print_step(what, done, total, detail)
        if done >= total:
            self._started.pop(what, None)
            self._printed.pop(what, None)

    def _draw(self, what: str, done: int, total: int, detail: str) -> None:
        if self._progress is None:
            self._progress = _new_progress()
            self._progress.start()
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, detail="", rate="")
        rate = f"{self._rate(what, done):,.0f}/s"
        self._progress.update(self._tasks[what], completed=done, total=total, detail=clean(detail), rate=rate)
        if done >= total:
            self._finish()

    def _print_step(self, what: str, done: int, total: int, detail: str) -> None:
        step = STEPS_WITHOUT_TERMINAL * done // max(total, 1)
        if self._printed.get(what) == step or (step == 0 and done):
            return
        self._printed[what] = step
        parts = [f"{what}: {done:,}/{total:,}", *self._pace(what, done, total), *([clean(detail)] if detail else [])]
        console(is_error=True).print(" · ".join(parts))

    def _pace(self, what: str, done: int, total: int) -> list[str]:
        """Rate, and time to go once there is something to judge it by."""
        if not done:
            return []
        rate = self._rate(what, done)
        left = [f"{_duration((total - done) / rate)} to go"] if ENOUGH_FOR_ETA <= done < total else []
        return [f"{rate:,.0f}/s" if rate >= 1 else f"{60 * rate:,.1f}/min", *left]

    def _rate(self, what: str, done: int) -> float:
        return done / max(time.monotonic() - self._started[what], 1e-3)

    def _finish(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._tasks = None, {}


def _can_draw() -> bool:
    """Whether standard error is a terminal that moves its cursor, and nobody asked for plain output."""
    is_plain = any(os.environ.get(name) for name in ("NO_COLOR", "CI")) or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not is_plain


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _new_progress() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    return Progress(*columns, console=console(is_error=True), transient=False)
