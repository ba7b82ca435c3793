"""How many calls may be in flight: more while all is well, half after each complaint; sends nothing."""

from __future__ import annotations

import asyncio
import sys
from collections import deque

UNLIMITED = 1 << 30

FILES_FOR_OTHERS = 32
"""Open files that the process keeps for anything but connections."""


def connections_allowed() -> int:
    """How many connections the operating system lets this process have, at least 1."""
    if sys.platform == "win32":
        return UNLIMITED
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED if soft == resource.RLIM_INFINITY else max(1, soft - FILES_FOR_OTHERS)


class Width:
    """Places for calls in flight, whose number adapts; use it in one event loop.

    It starts at the most, is halved once for each episode of complaints, and grows by one place whenever as many calls
    as there are places have succeeded. While it probes, one call only is in flight.

    Parameters
    ----------
    most : places when all is well, >= 1.

    References
    ----------
    Chiu and Jain (1989), Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer
    Networks.
    """

    def __init__(self, most: int) -> None:
        self.n_in_flight = 0
        self._most = most
        self._places = float(most)
        self._is_probing = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def places(self) -> int:
        """How many calls may be in flight now."""
        return 1 if self._is_probing else int(self._places)

    async def enter(self) -> None:
        """Take a place, waiting for one if need be."""
        if self.n_in_flight < self.places and not self._waiting:
            self.n_in_flight += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give a place back."""
        self.n_in_flight -= 1
        self._admit()

    def cut(self, *, is_probing: bool) -> None:
        """Halve the places, at least one stays; while `is_probing`, until the next success, one call only."""
        self._places = max(1.0, self._places / 2)
        self._is_probing = is_probing

    def succeeded(self) -> None:
        """Grow a little."""
        self._is_probing = False
        if self._places < self._most:
            self._places = min(float(self._most), self._places + 1.0 / self._places)
            self._admit()

    def _admit(self) -> None:
        while self._waiting and self.n_in_flight < self.places:
            turn = self._waiting.popleft()
            if not turn.done():
                self.n_in_flight += 1
                turn.set_result(None)
