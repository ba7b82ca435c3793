"""The errors that Understudy raises on purpose, and how they find the nearest right name.

    UnderstudyError
      UserError          something to fix in the project: codebook, data, settings (exit 2, nothing was spent)
        GoldMisuse       a text would be judged that something has already learned from
      TeacherError       the teacher cannot go on (exit 4, resumable)
        BudgetSpent      the money or call limit is reached (exit 3, resumable)
      StoreError         the journal is locked, damaged or too new (exit 5)

A message says where, what was expected and what was found; `hint` says what to do. What was given to `keep_secret`
stands in no message.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

REDACTED = "[key]"
SHORTEST_SECRET = 8
"""Shorter ones are no keys, and leaving them out would tear words apart."""
_SECRETS: set[str] = set()


def keep_secret(value: str) -> None:
    """Leave a value, such as an API key, out of every message of this process from now on."""
    if len(value) >= SHORTEST_SECRET:
        _SECRETS.add(value)


def without_secrets(text: str) -> str:
    """A text in which every known secret is replaced by ``[key]``."""
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


class UnderstudyError(Exception):
    """Base of every error raised on purpose.

    Parameters
    ----------
    message : what happened and where, one sentence or a short list.
    hint : what to do about it; empty if there is nothing to add.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = without_secrets(message)
        self.hint = without_secrets(hint)
        super().__init__(self.message)


class UserError(UnderstudyError):
    """Something in the project must be fixed; nothing was spent."""


class GoldMisuse(UserError):  # noqa: N818  says what happened, as the field's words do
    """A text would be judged although something has learned from it."""


class TeacherError(UnderstudyError):
    """The teacher cannot go on: bad key, no quota, unreachable. Everything paid for is kept."""

    exit_code = 4


class BudgetSpent(TeacherError):  # noqa: N818  says what happened, as the field's words do
    """The budget is reached. Everything paid for is kept; a higher budget resumes."""

    exit_code = 3


class StoreError(UnderstudyError):
    """The journal cannot be used: locked, damaged, or written by a newer version."""

    exit_code = 5


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option that `name` was probably meant to be, case ignored; None if nothing is close."""
    by_folded = {option.casefold(): option for option in options}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """``Did you mean `x`?`` or, when nothing is close, the list of what exists."""
    options = list(options)
    close = nearest(name, options)
    if close is not None:
        return f"Did you mean `{close}`?"
    return "There is: " + ", ".join(f"`{option}`" for option in options) + "." if options else ""
