"""Numbers, money and times as a reader wants to see them. What is undefined becomes a dash, never a zero."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from understudy.evaluation import Interval

UNDEFINED = "—"


def decimal(value: float) -> str:
    """A share with three decimals, or a dash."""
    return f"{value:.3f}" if math.isfinite(value) else UNDEFINED


def brackets(interval: Interval | None) -> str:
    """``[0.780, 0.841]``; empty where undefined."""
    if interval is None or not interval.is_defined:
        return ""
    return f"[{interval.low:.3f}, {interval.high:.3f}]"


def estimate(value: float, interval: Interval | None) -> str:
    """``0.812 [0.780, 0.841]``, as far as it is defined."""
    return f"{decimal(value)} {brackets(interval)}".rstrip()


def percent(part: float, whole: float) -> str:
    """``12.3 %``, or a dash for a share of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else UNDEFINED


def amount(count: float) -> str:
    """A count with thousands separators; one decimal only where it is a mean over seeds."""
    if not math.isfinite(count):
        return UNDEFINED
    return f"{count:,.0f}" if abs(count - round(count)) < 0.05 else f"{count:,.1f}"


def money(usd: float | None) -> str:
    """US dollars; ``unknown`` is not 0."""
    if usd is None or not math.isfinite(usd):
        return "unknown"
    if usd == 0:
        return "$0"
    return f"${usd:,.2f}" if usd >= 0.995 else f"${usd:.2g}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``42 s``, ``3 min 5 s`` or ``2 h 4 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(written: str) -> str:
    """An ISO 8601 time in UTC, to the minute: ``2026-01-02 03:04 UTC``; anything else as it is."""
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        return written
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if time.tzinfo else written


def counted(n: int, noun: str) -> str:
    """``1 text``, ``2,000 texts``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def listed(names: list[str], most: int = 5) -> str:
    """``a, b and c``; beyond `most`, ``a, b and 7 more``."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}" if names else ""
