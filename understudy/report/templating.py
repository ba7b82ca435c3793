"""How pages are made of templates: environment, policy, style sheet. Whatever comes from outside stays text.

Every string passes `unhidden` and HTML escaping; the template cannot print a number that was not put into words, so an
undefined one cannot slip through as `nan`. Knows nothing of what a page is about.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from understudy.report import words
from understudy.report.figures import Picture
from understudy.report.unhide import pieces, unhidden

STYLESHEET = "report.css"
RELATION_WORDS = {
    "right": "right",
    "direction": "turned round",
    "other": "another relation",
    "missed": "a relation missed",
    "spurious": "a relation invented",
    "unanswered": "without an answer",
}


@cache
def environment() -> Environment:
    """How pages are made of templates: everything is escaped, hidden characters are shown, numbers need words."""
    made = Environment(
        loader=FunctionLoader(read_template),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "amount": words.amount,
        "brackets": words.brackets,
        "decimal": words.decimal,
        "duration": words.duration,
        "embedded": _embedded,
        "money": words.money,
        "pieces": pieces,
        "moment": words.moment,
        "prose": _prose,
    }
    made.globals |= {"percent": words.percent, "isfinite": math.isfinite, "relation_words": RELATION_WORDS}
    return made


def _printed(value: Any) -> Any:
    """What reaches the page: text without hidden characters, or what is already HTML or a whole number."""
    if hasattr(value, "__html__") or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str):
        return unhidden(value)
    raise TypeError(f"report template: expected text or a whole number, found {value!r}; put it into words first.")


def _embedded(figure: Picture) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(figure.svg.encode()).decode()


def _prose(text: str) -> list[tuple[bool, str]]:
    """A sentence cut at its backticks: pieces of code and of prose in turn."""
    parts = re.split(r"`([^`]+)`", text)
    return [(index % 2 == 1, part) for index, part in enumerate(parts) if part]


def policy_of(css: str) -> Markup:
    """A content security policy that allows this style sheet and embedded images, nothing else."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    style = f"style-src 'sha256-{digest}'"
    return Markup(f"default-src 'none'; {style}; img-src data:; base-uri 'none'; form-action 'none'")  # noqa: S704


def read_template(name: str) -> str:
    """A template or style sheet of reports, as text."""
    return (files("understudy.report") / "templates" / name).read_text(encoding="utf-8")
