"""Deadlines, under a clock that jumps to the next one."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from supervise.daemon.deadlines import Deadlines


class Diary:
    """Writes down which deadline came when."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.entries: list[tuple[str, float]] = []
        self.deadlines = Deadlines(self._due, trio.current_time)
        self._start = trio.current_time()
        nursery.start_soon(self.deadlines.serve)

    def set(self, key: str, at: float | None) -> None:
        self.deadlines.set(key, None if at is None else self._start + at)

    def _due(self, key: str) -> None:
        self.entries.append((key, trio.current_time() - self._start))


async def test_each_comes_at_its_time(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    diary = Diary(nursery)
    for key, at in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        diary.set(key, at)
    await trio.sleep(10)
    assert diary.entries == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


async def test_moved_and_taken_away(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    diary = Diary(nursery)
    diary.set("later", 1.0)
    diary.set("earlier", 50.0)
    diary.set("never", 2.0)
    diary.set("there and back", 4.0)
    await trio.sleep(0.5)
    diary.set("later", 5.0)
    diary.set("earlier", 3.0)
    diary.set("never", None)
    diary.set("never", None)
    diary.set("there and back", 6.0)
    diary.set("there and back", 4.0)
    await trio.sleep(100)
    assert diary.entries == [("earlier", 3.0), ("there and back", 4.0), ("later", 5.0)]


async def test_one_that_is_past_comes_at_once(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    diary = Diary(nursery)
    diary.set("first", 1000.0)
    await wait_all_tasks_blocked()
    diary.set("past", -5.0)
    await wait_all_tasks_blocked()
    assert diary.entries == [("past", 0.0)]


async def test_one_may_be_set_from_another(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """As a service does, whose tick leads to the next deadline."""
    times: list[float] = []

    def due(key: str) -> None:
        times.append(trio.current_time())
        if len(times) < 4:
            deadlines.set(key, trio.current_time() + 1)

    deadlines = Deadlines(due, trio.current_time)
    nursery.start_soon(deadlines.serve)
    start = trio.current_time()
    deadlines.set("a", start + 1)
    await trio.sleep(100)
    assert [time - start for time in times] == [1, 2, 3, 4]


async def test_idle_while_there_is_none(nursery: trio.Nursery, mock_clock: MockClock) -> None:
    """A sleeper that woke by itself would show in trio's statistics."""
    diary = Diary(nursery)
    diary.set("a", 1.0)
    diary.set("a", None)
    await wait_all_tasks_blocked()
    mock_clock.jump(2)
    await wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")
