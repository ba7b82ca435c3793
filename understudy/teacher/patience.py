"""When to ask again: the clock, the wait before a retry, and the gate that all calls share; sends nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the driver knows it; tests put their own in its place."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


def backoff_s(n_failed: int, rng: np.random.Generator) -> float:
    """Seconds before the next attempt after `n_failed` >= 1 failures: full jitter below a doubling ceiling.

    References
    ----------
    Brooker (2015), Exponential Backoff and Jitter, AWS Architecture Blog.
    """
    return float(rng.uniform(0.0, ceiling_s(n_failed)))


def ceiling_s(n_failed: int) -> float:
    """The longest wait after `n_failed` >= 1 failures: 0.5 s, doubling, at most 60 s."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(n_failed - 1, 30))


class Gate:
    """Closes for everybody when the server asks one call to wait, and lets them through one by one afterwards."""

    def __init__(self, clock: Clock, rng: np.random.Generator) -> None:
        self.reason = ""
        self._clock = clock
        self._rng = rng
        self._opens_at = -np.inf
        self._spread_s = 0.0
        self._n_closed = 0

    @property
    def is_probing(self) -> bool:
        """Whether one episode has followed the other without a success in between."""
        return self._n_closed > 1

    def closed_s(self) -> float:
        """Seconds until the gate opens, 0 if it is open."""
        return max(0.0, float(self._opens_at - self._clock.monotonic()))

    def wait_s(self) -> float:
        """Seconds that a call must still wait, 0 if the gate is open; each caller gets a little of its own."""
        left = self.closed_s()
        return left + float(self._rng.uniform(0.0, self._spread_s)) if left > 0 else 0.0

    def close(self, sent_at: float, retry_after_s: float | None, reason: str = "") -> bool:
        """Close after a call that was sent at a monotonic time and told to wait; whether this is a new episode.

        Calls sent before the gate last closed are part of the same episode: they do not lengthen it, unless the server
        asks for more.
        """
        is_new = bool(sent_at >= self._opens_at)
        self._n_closed += is_new
        wait = ceiling_s(max(1, self._n_closed)) if retry_after_s is None else retry_after_s
        if is_new or retry_after_s is not None:
            self._opens_at = max(self._opens_at, self._clock.monotonic() + wait)
            self._spread_s = ceiling_s(max(1, self._n_closed))
            self.reason = reason
        return is_new

    def succeeded(self) -> None:
        """Forget earlier episodes."""
        self._n_closed = 0


async def sleep_unless(stopped: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Wait, but not beyond the moment at which `stopped` is set."""
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    stopping = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        stopping.cancel()
