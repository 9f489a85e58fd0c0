"""A callback that raises harms only itself."""

import os

import trio

from supervise.daemon.poll import Poll


async def test_one_that_raises_is_reported_and_the_others_go_on() -> None:
    reports: list[str] = []
    poll = Poll(reports.append)
    first, second = os.pipe(), os.pipe()
    heard = trio.Event()

    def full() -> None:
        os.read(first[0], 1)
        raise OSError(28, "No space left on device")

    def other() -> None:
        os.read(second[0], 1)
        heard.set()

    poll.add(first[0], full)
    poll.add(second[0], other)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll.serve)
        os.write(first[1], b"x")
        await trio.testing.wait_all_tasks_blocked()
        os.write(second[1], b"x")
        with trio.fail_after(10):
            await heard.wait()
        nursery.cancel_scope.cancel()
    for fd in (*first, *second):
        os.close(fd)
    assert reports == ["[Errno 28] No space left on device"]
