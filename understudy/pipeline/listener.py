"""Whoever wants to know how far the work is: a terminal, a notebook, or nobody."""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """Is told what happens; returns nothing and decides nothing."""

    def say(self, message: str) -> None:
        """One line about what was done or found."""

    def progress(self, what: str, done: int, total: int, detail: str = "") -> None:
        """How far one named piece of work is; ``done == total`` ends it."""


class SilentListener:
    """Tells nobody."""

    def say(self, message: str) -> None:
        """Nothing."""

    def progress(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Nothing."""
