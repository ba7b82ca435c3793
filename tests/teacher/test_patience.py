import numpy as np
import pytest

from understudy.teacher.patience import Clock, Gate, backoff_s, ceiling_s


class Time:
    """A clock that stands still until it is moved."""

    now = 100.0

    def gate(self):
        return Gate(Clock(monotonic=lambda: self.now), np.random.default_rng(0))


def test_ceiling_doubles_up_to_a_minute():
    assert [ceiling_s(n) for n in (1, 2, 3, 7, 8, 9, 10_000)] == [0.5, 1.0, 2.0, 32.0, 60.0, 60.0, 60.0]


def test_jitter_is_full():
    waits = [backoff_s(5, np.random.default_rng(seed)) for seed in range(400)]
    assert 0.0 <= min(waits) < 0.5
    assert 7.5 < max(waits) <= 8.0
    assert np.mean(waits) == pytest.approx(4.0, abs=0.5)


def test_gate_opens_when_the_server_says():
    time = Time()
    gate = time.gate()
    assert gate.wait_s() == 0.0
    gate.close(100.0, 3.0)
    assert 3.0 <= gate.wait_s() <= 3.5  # and a little of one's own
    time.now = 103.0
    assert gate.wait_s() == 0.0


def test_calls_of_one_episode_close_the_gate_once():
    time = Time()
    gate = time.gate()
    for _ in range(64):
        gate.close(99.0, None)
    assert gate._opens_at == 100.5
    gate.close(99.0, 2.0)  # one of them is told more
    assert gate._opens_at == 102.0
    gate.close(99.0, 1.0)  # and another less
    assert gate._opens_at == 102.0


def test_each_further_episode_waits_twice_as_long_until_one_succeeds():
    time = Time()
    gate = time.gate()
    waits = []
    for _ in range(4):
        gate.close(time.now, None)
        waits.append(gate._opens_at - time.now)
        time.now = gate._opens_at
    assert waits == [0.5, 1.0, 2.0, 4.0]
    gate.succeeded()
    gate.close(time.now, None)
    assert gate._opens_at - time.now == 0.5
