import pytest

from understudy.teacher.pace import Pace
from understudy.teacher.patience import Clock


class Time:
    now = 50.0

    def pace(self, per_minute):
        return Pace(per_minute, Clock(monotonic=lambda: self.now))


def test_without_a_limit_nobody_waits():
    pace = Time().pace(None)
    assert [pace.take(10**9) for _ in range(3)] == [0.0, 0.0, 0.0]


def test_thirty_a_minute_are_one_every_two_seconds_in_the_order_of_asking():
    pace = Time().pace(30)
    assert [pace.take(1) for _ in range(4)] == pytest.approx([0.0, 2.0, 4.0, 6.0])


def test_time_pays_off_and_saves_nothing_up():
    time = Time()
    pace = time.pace(60)
    pace.take(3)
    time.now += 1.0
    assert pace.take(1) == pytest.approx(2.0)  # three taken, one second past
    time.now += 1000.0
    assert [pace.take(1), pace.take(1)] == pytest.approx([0.0, 1.0])  # an hour's rest allows no burst


def test_what_was_not_used_is_given_back():
    pace = Time().pace(6000)  # 100 a second
    pace.take(500)
    pace.give_back(400)
    assert pace.take(100) == pytest.approx(1.0)
    pace.give_back(-50)  # and what was used beyond it is owed: 100 + 100 + 50
    assert pace.take(0) == pytest.approx(2.5)


def test_no_minute_has_more_than_allowed():
    time = Time()
    pace = time.pace(120)
    at = []
    for _ in range(500):
        at.append(time.now + pace.take(1))
    assert max(sum(start <= each < start + 60 for each in at) for start in at) <= 120
