"""Processes that outlived the launch they came from.

A program can leave its session and its process group, but what it inherited from us stays in its
environment: the mark. When a service rests, everything that bears its mark is ended. The marks of
a container are its cgroup and its pid namespace; this is for plain programs.
"""

import os
import re
import signal
from collections.abc import Callable, Collection

import trio

from supervise.kernel import pidfd, proc

_ROUNDS = 100
"""A program that forks faster than this is killed has won, for now."""

_NUMBER = re.compile(rb"[0-9]{1,12}")
"""A launch number; a program may have put anything there, even what is too long for an int."""


class Strays:
    """Sweeps for many services in one pass over /proc."""

    def __init__(self, mark: str, run_dir: str) -> None:
        self._mark = mark.encode()
        self._run_dir = os.fsencode(run_dir)
        self._wanted: dict[bytes, int] = {}
        self._done: list[Callable[[], None]] = []
        self._asked = trio.Event()

    def value(self, name: str, launch: int) -> str:
        """The mark of one launch."""
        return f"{os.fsdecode(self._run_dir)}/{name}/{launch}"

    def sweep(self, name: str, launch: int, done: Callable[[], None]) -> None:
        """End all that bears the mark of this launch or a former one; returns at once.

        Args:
            name: the service.
            launch: the last one that is over; the next may begin meanwhile.
            done: called when nothing of them is left.
        """
        owner = self._run_dir + b"/" + os.fsencode(name)
        self._wanted[owner] = max(launch, self._wanted.get(owner, 0))
        self._done.append(done)
        self._asked.set()

    def find(self, name: str, launch: int) -> int | None:
        """The leader of the launch's session, if it lives: for a record that was cut short."""
        value = os.fsencode(self.value(name, launch))
        for pid in proc.pids():
            if proc.environment(pid).get(self._mark) == value and proc.session(pid) == pid:
                return pid
        return None

    def end_all(self, names: Collection[str]) -> dict[str, int]:
        """End all that bears a mark of these services, of any launch; blocks.

        One pass over /proc when there is nothing; no launch of them may begin meanwhile.

        Returns:
            The highest launch number that was met of each service that any was met of.
        """
        owners = {self._run_dir + b"/" + os.fsencode(name): name for name in names}
        met: dict[str, int] = {}
        for pid in proc.pids():
            owner, _, launch = proc.environment(pid).get(self._mark, b"").rpartition(b"/")
            if owner in owners and _NUMBER.fullmatch(launch):
                name = owners[owner]
                met[name] = max(int(launch), met.get(name, 0))
        if met:
            self._kill({owner: met[name] for owner, name in owners.items() if name in met})
        return met

    async def serve(self) -> None:
        """Sweep whenever asked, for ever."""
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            wanted, self._wanted = self._wanted, {}
            callbacks, self._done = self._done, []
            await trio.to_thread.run_sync(self._kill, wanted)
            for done in callbacks:
                done()

    def _kill(self, owners: dict[bytes, int]) -> None:
        for _ in range(_ROUNDS):
            if not any([self._kill_if_marked(pid, owners) for pid in proc.pids()]):
                return

    def _kill_if_marked(self, pid: int, owners: dict[bytes, int]) -> bool:
        # We may bear a mark ourselves: csv started again from a shell of one of its services.
        if pid == os.getpid() or not self._is_marked(pid, owners):
            return False
        start_time = proc.start_time(pid)
        fd = None if start_time is None else pidfd.open_process(pid, start_time)
        if fd is None:
            return False
        try:
            # Looked at again: between the first look and the open the pid may have changed hands.
            if not self._is_marked(pid, owners):
                return False
            pidfd.send_signal(fd, signal.SIGKILL)
            return True
        finally:
            os.close(fd)

    def _is_marked(self, pid: int, owners: dict[bytes, int]) -> bool:
        owner, _, launch = proc.environment(pid).get(self._mark, b"").rpartition(b"/")
        if owner not in owners or not _NUMBER.fullmatch(launch):
            return False
        return int(launch) <= owners[owner]
