"""The one place of the supervisor that waits for children, and hands each status to its owner.

Two waiters corrupt each other's statuses (a foreign wait makes Python report success), so nothing
else in this process may wait: no ``Popen.wait``, no ``trio.Process``, no psutil.

A process is started and registered without an await in between, so its end cannot be drained
before it has an owner. A container's first process is not started by us but becomes our child
when its runtime ends; its status may come before we know its pid. So while a launch is in flight
a status that nobody owns is kept; otherwise it is an orphan's, and of no interest.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

import trio

from supervise.kernel import proc
from supervise.kernel.spawn import Command, spawn

Owner = Callable[[int], None]
"""Takes the wait status; called once, on trio's thread; must not block and not raise."""


_KILLED_WITHIN_S = 5.0


class Spawned(NamedTuple):
    """A child just started; with its start time (``kernel.proc``) it is one of its kind."""

    pid: int
    start_time: int | None


class Reaper:
    """Spawns, and reaps everything."""

    def __init__(self) -> None:
        self._owners: dict[int, Owner] = {}
        self._leaders: set[int] = set()
        self._kept: dict[int, int] = {}
        self._in_flight = 0

    def spawn(self, command: Command, owner: Owner, *, kill_group: bool = False) -> Spawned:
        """Start the command; ``owner`` gets its status, soon, and never before this returns.

        Args:
            command: what to start.
            owner: see Owner.
            kill_group: when it ends, kill what is left of its process group.

        Raises:
            SystemCallFailed: see ``kernel.spawn``.
        """
        before_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        process = spawn(command)
        after_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        # From here on the process is ours alone: a Popen that believes its child unreaped would
        # one day wait for a pid that is somebody else's by then.
        process.returncode = 0
        self._owners[process.pid] = owner
        if kill_group:
            self._leaders.add(process.pid)
        return Spawned(process.pid, proc.start_time_of_child(process.pid, before_ns, after_ns))

    async def run(self, command: Command) -> int:
        """Start the command and wait for its status; when cancelled, kill it and wait still.

        Not for ever: a process that hangs in the kernel is reaped whenever it ends.

        Raises:
            SystemCallFailed: see ``kernel.spawn``.
        """
        ended = trio.Event()
        statuses: list[int] = []

        def owner(status: int) -> None:
            statuses.append(status)
            ended.set()

        pid, _ = self.spawn(command, owner)
        try:
            await ended.wait()
        except trio.Cancelled:
            # Both may have come in one turn: reaped already, its pid is nobody's, or another's.
            if not ended.is_set():
                os.kill(pid, signal.SIGKILL)
            with trio.move_on_after(_KILLED_WITHIN_S, shield=True):
                await ended.wait()
            raise
        return statuses[0]

    def launching(self) -> None:
        """A launch is in flight: keep statuses that nobody owns yet."""
        self._in_flight += 1

    def launched(self) -> None:
        """That launch is known, or has failed."""
        self._in_flight -= 1
        if self._in_flight == 0:
            self._kept.clear()

    def adopt(self, pid: int, owner: Owner) -> None:
        """Own a child that we did not spawn; its status may be here already."""
        status = self._kept.pop(pid, None)
        # A process that lives cannot have been reaped: then the status is that of an orphan which
        # had this pid before.
        if status is not None and proc.start_time(pid) is None:
            owner(status)
        else:
            self._owners[pid] = owner

    async def serve(self) -> None:
        """Reap for ever; idle while no child ends."""
        with trio.open_signal_receiver(signal.SIGCHLD) as signals:
            self.drain()
            async for _ in signals:
                self.drain()

    def drain(self) -> None:
        """Reap every child that has ended: signals merge, so one may stand for many."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            pid = ended.si_pid
            if pid in self._leaders:
                # Before the wait: while the leader is a zombie its group's number is not reused.
                self._leaders.discard(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            try:
                _, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue  # a library's own child after all, and it was faster
            self._deliver(pid, status)

    def _deliver(self, pid: int, status: int) -> None:
        owner = self._owners.pop(pid, None)
        if owner is not None:
            owner(status)
        elif self._in_flight:
            self._kept[pid] = status
