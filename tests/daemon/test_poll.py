"""Many descriptors, one task."""

import os
from collections.abc import Iterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from supervise.daemon.poll import Poll


@pytest.fixture
def pipes() -> Iterator[list[tuple[int, int]]]:
    made = [os.pipe() for _ in range(3)]
    yield made
    for reader, writer in made:
        os.close(reader)
        os.close(writer)


async def test_calls_back_for_those_that_are_readable(
    nursery: trio.Nursery, pipes: list[tuple[int, int]]
) -> None:
    poll, heard, done = Poll(), [], trio.Event()

    def hear(number: int) -> None:
        heard.append((number, os.read(pipes[number][0], 100)))
        if len(heard) == 2:
            done.set()

    for number, (reader, _) in enumerate(pipes):
        poll.add(reader, lambda number=number: hear(number))
    nursery.start_soon(poll.serve)
    await wait_all_tasks_blocked()
    os.write(pipes[0][1], b"x")
    os.write(pipes[2][1], b"y")
    with trio.fail_after(30):
        await done.wait()
    assert sorted(heard) == [(0, b"x"), (2, b"y")]


async def test_one_that_another_removed_is_not_called_any_more(
    nursery: trio.Nursery, pipes: list[tuple[int, int]]
) -> None:
    """Both are ready in one round; whoever comes first takes the other away."""
    poll, heard, done = Poll(), [], trio.Event()

    def hear(number: int) -> None:
        heard.append(number)
        for reader, _ in pipes[:2]:
            poll.remove(reader)
        done.set()

    for number, (reader, writer) in enumerate(pipes[:2]):
        poll.add(reader, lambda number=number: hear(number))
        os.write(writer, b"x")
    nursery.start_soon(poll.serve)
    with trio.fail_after(30):
        await done.wait()
    await wait_all_tasks_blocked()
    assert len(heard) == 1
