"""Places are limited, and nobody keeps one for ever."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from supervise.daemon.places import Places


async def hold(places: Places, seconds: float, log: list[float]) -> None:
    async with places.place():
        log.append(trio.current_time())
        await trio.sleep(seconds)


async def test_no_more_than_there_are_places(autojump_clock: MockClock) -> None:
    places, log = Places(2), []
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(hold, places, 1.0, log)
    assert [time - start for time in log] == [0, 0, 1, 1, 2, 2]


async def test_who_hangs_loses_the_place_and_goes_on(autojump_clock: MockClock) -> None:
    places, log = Places(1, patience_s=5), []
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold, places, 1000.0, log)
        await wait_all_tasks_blocked()
        nursery.start_soon(hold, places, 1.0, log)
        nursery.start_soon(hold, places, 1.0, log)
    assert [time - start for time in log] == [0, 5, 6]
    assert trio.current_time() - start == 1000


async def test_a_place_that_was_lost_is_not_given_back_twice(autojump_clock: MockClock) -> None:
    places, log = Places(1, patience_s=5), []
    await hold(places, 10.0, log)
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(hold, places, 1.0, log)
    assert [time - start for time in log[1:]] == [0, 1]


async def test_cancelled_while_inside_or_waiting(autojump_clock: MockClock) -> None:
    places, log = Places(1), []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold, places, 3.0, log)
        nursery.start_soon(hold, places, 3.0, log)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    with trio.fail_after(1):
        async with places.place():
            pass


async def test_an_error_inside_gives_the_place_back_and_is_told_as_it_is() -> None:
    places = Places(1)
    with pytest.raises(FileNotFoundError):
        async with places.place():
            raise FileNotFoundError
    with trio.fail_after(1):
        async with places.place():
            pass
