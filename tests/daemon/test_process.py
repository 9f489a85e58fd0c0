"""Processes that another supervisor started: held, signalled, and their end told truly."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from supervise.daemon.poll import Poll
from supervise.daemon.process import Adopted, Child, adopt
from supervise.daemon.reaper import Reaper
from supervise.kernel import proc
from supervise.kernel.descriptors import Parking
from tests.waiting import kill, wait_for_exit

PARENT = """
import subprocess, sys
child = subprocess.Popen(
    ["sh", "-c", sys.argv[1]], start_new_session=True, stdin=subprocess.PIPE, stdout=2)
print(child.pid, flush=True)
for line in sys.stdin:
    if line == "reap\\n":
        child.wait()
        print("reaped", flush=True)
"""


class Stranger:
    """A process whose parent is another: as a killed supervisor's services have."""

    def __init__(self, script: str) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._parent.stdout is not None
        self.pid = int(self._parent.stdout.readline())
        start_time = proc.start_time(self.pid)
        assert start_time is not None
        self.start_time = start_time

    def reap(self) -> None:
        """Let its parent wait for it, until that has its status."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write("reap\n")
        self._parent.stdin.flush()
        assert self._parent.stdout.readline() == "reaped\n"

    def end(self) -> None:
        for pid in [pid for pid in proc.pids() if proc.session(pid) == self.pid]:
            kill(pid)
        self._parent.communicate()


@contextmanager
def stranger(script: str) -> Iterator[Stranger]:
    made = Stranger(script)
    try:
        yield made
    finally:
        made.end()


class Watch:
    """What adopt() needs, and what it told."""

    def __init__(self) -> None:
        self.poll, self.parking, self.reaper = Poll(), Parking(), Reaper()
        self.told: list[int | None] = []
        self.ended = trio.Event()

    def adopt(self, pid: int, start_time: int) -> Child | Adopted | None:
        return adopt(
            pid,
            start_time,
            reaper=self.reaper,
            poll=self.poll,
            parking=self.parking,
            ended=self._tell,
        )

    def _tell(self, status: int | None) -> None:
        self.told.append(status)
        self.ended.set()


TRAP = "trap 'exit 7' TERM; trap '' HUP; while :; do sleep 1000 & wait $!; done"


@pytest.mark.parametrize("reaped", [False, True], ids=["a zombie", "reaped by its parent"])
async def test_its_status_is_the_true_one(nursery: trio.Nursery, reaped: bool) -> None:
    watch = Watch()
    with stranger(TRAP) as process:
        adopted = watch.adopt(process.pid, process.start_time)
        assert isinstance(adopted, Adopted)
        _until_it_traps(process.pid)
        adopted.signal(signal.SIGTERM)
        wait_for_exit(process.pid)
        if reaped:
            process.reap()
        nursery.start_soon(watch.poll.serve)
        with trio.fail_after(30):
            await watch.ended.wait()
        release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
        known = not reaped or release >= (6, 15)
        assert watch.told == [7 << 8 if known else None]
        assert watch.parking.used == 0
        adopted.signal(signal.SIGTERM)
        adopted.signal_group(signal.SIGTERM)


def _until_it_traps(pid: int) -> None:
    """A shell sets its traps one after the other; the last one here is ignoring HUP."""
    while not proc.takes_signal(pid, signal.SIGHUP):
        os.sched_yield()


def test_another_one_of_that_pid_is_not_adopted() -> None:
    watch = Watch()
    with stranger("exec sleep 1000") as process:
        assert watch.adopt(process.pid, process.start_time + 1) is None
    assert watch.adopt(process.pid, process.start_time) is None
    assert watch.parking.used == 0


async def test_a_signal_to_the_group_reaches_all_of_it(nursery: trio.Nursery) -> None:
    watch = Watch()
    with stranger("sleep 1000 & read x; wait $!") as process:
        adopted = watch.adopt(process.pid, process.start_time)
        assert adopted is not None
        members = [pid for pid in proc.pids() if proc.session(pid) == process.pid]
        adopted.signal_group(signal.SIGKILL)
        for pid in members:
            wait_for_exit(pid)
        nursery.start_soon(watch.poll.serve)
        with trio.fail_after(30):
            await watch.ended.wait()
        assert watch.told == [signal.SIGKILL]


def test_one_that_is_our_own_after_all_is_left_to_the_reaper() -> None:
    """As after an upgrade, in which the supervisor executes itself."""
    watch = Watch()
    with subprocess.Popen(["sleep", "1000"]) as process:
        start_time = proc.start_time(process.pid)
        assert start_time is not None
        assert isinstance(watch.adopt(process.pid, start_time), Child)
        assert watch.parking.used == 0
        process.kill()
