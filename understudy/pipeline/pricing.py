"""Finds what the teacher's model costs before anything is asked; knows no budget."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from understudy.settings import Settings, TeacherSettings

ASK_NOBODY = ("nearest-definition", "recorded")
OPENAI_PROTOCOL = "openai"


def priced(settings: Settings, project: Path) -> tuple[Settings, str]:
    """The settings with prices filled in from the tables, and where they come from in words; "" if they are unknown.

    Prices that the settings name stay.
    """
    teacher = settings.teacher
    if teacher.kind in ASK_NOBODY:
        return settings, ""
    if teacher.price_in_usd is not None and teacher.price_out_usd is not None:
        return settings, f"${teacher.price_in_usd:g} in, ${teacher.price_out_usd:g} out per million tokens (settings)"
    from understudy.teacher.prices import find_price

    price = find_price(_provider(teacher), teacher.model, project)
    if price is None:
        return settings, ""
    filled = {
        "price_in_usd": _first(teacher.price_in_usd, price.in_usd),
        "price_out_usd": _first(teacher.price_out_usd, price.out_usd),
        "price_cached_usd": _first(teacher.price_cached_usd, price.cached_usd),
    }
    return settings.model_copy(update={"teacher": teacher.model_copy(update=filled)}), str(price)


def _first(mine: float | None, theirs: float | None) -> float | None:
    return theirs if mine is None else mine


def _provider(teacher: TeacherSettings) -> str:
    """What a row of a table calls the provider."""
    return (urlsplit(teacher.endpoint).hostname or "") if teacher.kind == OPENAI_PROTOCOL else teacher.kind
