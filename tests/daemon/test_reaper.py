"""One reaper for everything: each status goes to its owner, and to nobody else.

It waits for every child of its process, so each test runs it in a process of its own; the tests'
own children would be lost to it.
"""

import subprocess
import sys
from pathlib import Path

PRELUDE = """
import os, signal, subprocess, sys
from functools import partial
import trio
from supervise.daemon.reaper import Reaper
from supervise.errors import SystemCallFailed
from supervise.kernel import prctl, proc
from supervise.kernel.spawn import Command
from tests.waiting import wait_for_exit

def shell(script, **more):
    return Command(argv=("sh", "-c", script), **more)

async def wait_until(holds, reaper):
    # Each status that comes is a chance that it holds now.
    while not holds():
        await trio.lowlevel.checkpoint()
        reaper.drain()

async def main():
    reaper = Reaper()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reaper.serve)
        with trio.fail_after(60):
            await test(reaper)
        nursery.cancel_scope.cancel()
"""
RUN = "\ntrio.run(main)\n"


def run(test: str) -> str:
    """Run ``async def test(reaper)`` in a process of its own; returns what it printed."""
    result = subprocess.run(
        [sys.executable, "-c", PRELUDE + test + RUN],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


MANY = """
async def test(reaper):
    prctl.set_child_subreaper()
    wrong, left, all_ended = [], 600, trio.Event()

    def ended(expected, status):
        nonlocal left
        left -= 1
        if status != expected:
            wrong.append((expected, status))
        if left == 0:
            all_ended.set()

    for number in range(600):
        code = number % 256
        # Each leaves an orphan behind, which ends at about the same time with another status.
        script = f"(exit {(code + 1) % 256}) & exit {code}"
        reaper.spawn(shell(script), partial(ended, code << 8))
        if number % 50 == 0:
            await trio.lowlevel.checkpoint()
    await all_ended.wait()
    assert not wrong, wrong
    assert not reaper._owners
    assert not reaper._kept
"""


def test_six_hundred_children_and_as_many_orphans() -> None:
    run(MANY)


def test_no_owner_is_called_before_spawn_has_returned() -> None:
    run("""
async def test(reaper):
    statuses = []
    spawned = reaper.spawn(shell("exit 3"), statuses.append)
    wait_for_exit(spawned.pid)
    assert statuses == []
    await wait_until(lambda: statuses, reaper)
    assert statuses == [3 << 8]
""")


def test_an_orphans_status_is_kept_only_while_a_launch_is_in_flight() -> None:
    """As a container's first process is: it may be dead before its pid file is read."""
    run("""
LEAVES = "exec 3<&0; (read x <&3; exit 7) >/dev/null & echo $!"

async def orphan():
    process = subprocess.Popen(
        ["sh", "-c", LEAVES], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.returncode = 0
    pid = int(process.stdout.read())
    # The shell has ended, or it could reap its child itself; now the child may end.
    process.stdout.close()
    process.stdin.close()
    return pid

async def test(reaper):
    prctl.set_child_subreaper()
    reaper.launching()
    reaper.launching()
    pid = await orphan()
    await wait_until(lambda: pid in reaper._kept, reaper)
    reaper.launched()
    statuses = []
    reaper.adopt(pid, statuses.append)
    assert statuses == [7 << 8]
    pid = await orphan()
    await wait_until(lambda: pid in reaper._kept, reaper)
    reaper.launched()
    assert not reaper._kept
    pid = await orphan()
    await wait_until(lambda: proc.stat_fields(pid) is None, reaper)
    assert not reaper._kept
""")


def test_a_child_that_was_adopted_alive_tells_later() -> None:
    run("""
async def test(reaper):
    process = subprocess.Popen(["sh", "-c", "read x; exit 9"], stdin=subprocess.PIPE)
    process.returncode = 0
    statuses = []
    reaper.adopt(process.pid, statuses.append)
    await trio.lowlevel.checkpoint()
    assert statuses == []
    process.stdin.write(b"\\n")
    process.stdin.close()
    await wait_until(lambda: statuses, reaper)
    assert statuses == [9 << 8]
""")


def test_the_group_is_killed_before_its_number_is_free() -> None:
    """The owner hears of the leader's end when the rest of its group has been sent KILL."""
    run("""
async def test(reaper):
    prctl.set_child_subreaper()
    reader, writer = os.pipe()
    seen = []
    # The one that stays ignores all that can be ignored, and says its pid.
    script = "(trap '' HUP TERM; echo; exec sleep 1000) & read x; exit 0"
    pid = reaper.spawn(
        shell(script, stdout=writer, stdin=(inner := os.pipe())[0]), seen.append, kill_group=True)
    os.close(writer)
    await trio.lowlevel.wait_readable(reader)
    os.read(reader, 1)
    os.close(inner[1])
    await wait_until(lambda: seen, reaper)
    # End of file: nobody of the group holds the pipe any more.
    await trio.lowlevel.wait_readable(reader)
    assert os.read(reader, 1) == b""
    assert seen == [0]
""")


def test_without_kill_group_the_rest_stays() -> None:
    run("""
async def test(reaper):
    prctl.set_child_subreaper()
    reader, writer = os.pipe()
    seen = []
    pid = reaper.spawn(shell("sleep 1000 & echo $!", stdout=writer), seen.append)
    os.close(writer)
    await wait_until(lambda: seen, reaper)
    stayed = int(os.read(reader, 100))
    assert proc.start_time(stayed) is not None
    os.kill(stayed, signal.SIGKILL)
    wait_for_exit(stayed)
""")


def test_run_gives_the_status_and_when_cancelled_kills_and_reaps() -> None:
    run("""
async def test(reaper):
    assert await reaper.run(shell("exit 4")) == 4 << 8
    reader, writer = os.pipe()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            command = shell("trap '' TERM; echo $$; exec sleep 1000", stdout=writer)
            nursery.start_soon(reaper.run, command)
            await trio.lowlevel.wait_readable(reader)
            pid = int(os.read(reader, 100))
            assert proc.start_time(pid) is not None
            scope.cancel()
    assert scope.cancelled_caught
    assert proc.stat_fields(pid) is None, "not reaped"
    assert not reaper._owners
""")


def test_what_cannot_be_started_is_told_and_leaves_nothing() -> None:
    run("""
async def test(reaper):
    try:
        reaper.spawn(Command(argv=("/no/such",)), print)
    except SystemCallFailed as error:
        assert "/no/such" in str(error)
    else:
        raise AssertionError("it was started")
    assert not reaper._owners
""")


def test_the_start_time_is_the_kernels_own() -> None:
    """It decides who a pid is; a value that is off by a tick would make a launch a stranger."""
    run("""
async def test(reaper):
    for _ in range(200):
        spawned = reaper.spawn(shell("read x", stdin=(pipe := os.pipe())[0]), lambda status: None)
        assert spawned.start_time == proc.start_time(spawned.pid)
        os.close(pipe[0])
        os.close(pipe[1])
""")


def test_run_cancelled_and_ended_in_one_turn_signals_nobody() -> None:
    """Its pid is free by then, and may be another's."""
    run("""
async def test(reaper):
    reader, writer = os.pipe()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reaper.run, shell("echo $$", stdout=writer))
            await trio.lowlevel.wait_readable(reader)
            wait_for_exit(int(os.read(reader, 100)))
            scope.cancel()
            reaper.drain()
    assert scope.cancelled_caught
    assert not reaper._owners
""")
