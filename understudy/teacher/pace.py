"""How fast a provider allows to ask: an amount per minute, spread evenly; it neither waits nor sends."""

from __future__ import annotations

from understudy.teacher.patience import Clock

SECONDS = 60.0


class Pace:
    """A limit per minute that many calls share, first come first served.

    Parameters
    ----------
    per_minute : requests or tokens; None for no limit.
    """

    def __init__(self, per_minute: float | None, clock: Clock) -> None:
        self._per_s = None if per_minute is None else per_minute / SECONDS
        self._clock = clock
        self._owed = 0.0
        self._at = clock.monotonic()

    def take(self, amount: float) -> float:
        """Take an amount >= 0; the seconds to wait before using it, 0 if what was taken before is paid off."""
        if self._per_s is None:
            return 0.0
        now = self._clock.monotonic()
        self._owed = max(0.0, self._owed - (now - self._at) * self._per_s)
        self._at = now
        wait = self._owed / self._per_s
        self._owed += amount
        return wait

    def give_back(self, amount: float) -> None:
        """Return what was taken but not used; a negative amount was used beyond what was taken."""
        self._owed = max(0.0, self._owed - amount)
