import asyncio

import pytest

from understudy.teacher.width import Width


def waiters(width, n):
    return [asyncio.ensure_future(width.enter()) for _ in range(n)]


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_than_its_places_and_each_leaving_lets_the_next_in():
    async def play():
        width = Width(3)
        tasks = waiters(width, 5)
        await settled()
        assert [task.done() for task in tasks] == [True, True, True, False, False]
        width.leave()
        await settled()
        assert [task.done() for task in tasks] == [True, True, True, True, False]
        assert width.n_in_flight == 3
        tasks[4].cancel()

    asyncio.run(play())


def test_halves_for_each_complaint_and_grows_by_one_for_as_many_successes_as_places():
    width = Width(64)
    width.cut(is_probing=False)
    assert width.places == 32
    for _ in range(33):  # 32 successes add a little less than one place, for the steps become smaller
        width.succeeded()
    assert width.places == 33
    for _ in range(10_000):
        width.succeeded()
    assert width.places == 64
    for _ in range(20):
        width.cut(is_probing=False)
    assert width.places == 1


def test_a_probe_is_alone_until_it_succeeds():
    async def play():
        width = Width(8)
        width.cut(is_probing=True)
        tasks = waiters(width, 6)
        await settled()
        assert sum(task.done() for task in tasks) == 1
        width.leave()  # it failed: the next one probes
        await settled()
        assert sum(task.done() for task in tasks) == 2
        width.succeeded()  # four places, one of them taken
        await settled()
        assert (width.places, sum(task.done() for task in tasks)) == (4, 5)
        tasks[5].cancel()

    asyncio.run(play())


@pytest.mark.parametrize("is_admitted", [False, True])
def test_whoever_is_cancelled_while_waiting_takes_no_place(is_admitted):
    async def play():
        width = Width(1)
        await width.enter()
        (waiting,) = waiters(width, 1)
        await settled()
        if is_admitted:
            width.leave()
        waiting.cancel()
        await settled()
        assert width.n_in_flight == (0 if is_admitted else 1)
        if is_admitted:
            await width.enter()

    asyncio.run(play())
