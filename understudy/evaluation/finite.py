"""Numbers on their way into strict JSON. It formats nothing."""

from __future__ import annotations

import math


def finite_or_none(number: float) -> float | None:
    """The number as a plain float; None where it is undefined (nan) or unbounded (inf), which JSON cannot say."""
    return float(number) if math.isfinite(number) else None
