"""What outlived its launch is known by its mark; nothing else is touched."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from supervise.daemon.strays import Strays
from supervise.kernel import proc
from tests.waiting import kill, wait_for_exit

MARK = "CSV_TEST_LAUNCH"
LEAVES = "(exec setsid sh -c 'echo $$; exec sleep 1000') & wait"


class Yard:
    """Processes, marked and not, and the sweeper of one run directory."""

    def __init__(self, run_dir: Path, stack: ExitStack) -> None:
        self.strays = Strays(MARK, str(run_dir))
        self._stack = stack

    def start(self, mark: str | None) -> tuple[int, int]:
        """A shell and a grandchild of ours in another session; their pids."""
        env = {"PATH": "/usr/bin:/bin"} | ({MARK: mark} if mark is not None else {})
        process = subprocess.Popen(
            ["sh", "-c", LEAVES], env=env, stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        self._stack.callback(process.wait)
        self._stack.callback(process.stdout.close)
        self._stack.callback(kill, process.pid)
        self._stack.callback(kill, grandchild)
        return process.pid, grandchild


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with ExitStack() as stack:
        yield Yard(tmp_path, stack)


async def test_all_marked_ones_end_and_no_other(nursery: trio.Nursery, yard: Yard) -> None:
    strays = yard.strays
    marked = [*yard.start(strays.value("web", 1)), *yard.start(strays.value("web", 12))]
    others = [
        *yard.start(strays.value("web", 13)),
        *yard.start(strays.value("web2", 1)),
        *yard.start(strays.value("we", 1)),
        *yard.start(Strays(MARK, "/elsewhere").value("web", 1)),
        *yard.start(None),
        *yard.start("web/1"),
    ]
    nursery.start_soon(strays.serve)
    done = trio.Event()
    strays.sweep("web", 12, done.set)
    with trio.fail_after(30):
        await done.wait()
    for pid in marked:
        wait_for_exit(pid)
    assert all(proc.start_time(pid) is not None for pid in others)


async def test_many_are_swept_at_once_and_each_is_told(nursery: trio.Nursery, yard: Yard) -> None:
    names = [f"s{number}" for number in range(5)] + ["nobody"]
    pids = [pid for name in names[:5] for pid in yard.start(yard.strays.value(name, 1))]
    told = {name: trio.Event() for name in names}
    nursery.start_soon(yard.strays.serve)
    for name in names:
        yard.strays.sweep(name, 1, told[name].set)
    with trio.fail_after(30):
        for event in told.values():
            await event.wait()
    for pid in pids:
        wait_for_exit(pid)


async def test_asked_during_a_sweep_it_sweeps_again(nursery: trio.Nursery, yard: Yard) -> None:
    nursery.start_soon(yard.strays.serve)
    first, second = trio.Event(), trio.Event()
    yard.strays.sweep("a", 1, first.set)
    await trio.lowlevel.checkpoint()
    pids = yard.start(yard.strays.value("b", 1))
    yard.strays.sweep("b", 1, second.set)
    with trio.fail_after(30):
        await first.wait()
        await second.wait()
    for pid in pids:
        wait_for_exit(pid)


def test_the_leader_of_a_launch_is_found(yard: Yard) -> None:
    leader, _ = yard.start(yard.strays.value("web", 3))
    yard.start(yard.strays.value("web", 2))
    assert yard.strays.find("web", 3) == leader or proc.session(leader) == leader
    assert yard.strays.find("web", 4) is None
    assert yard.strays.find("we", 3) is None
