"""A process that is supervised: a child of ours, or one that a former supervisor started."""

import contextlib
import os
import signal
from collections.abc import Callable

from supervise.daemon.poll import Poll
from supervise.daemon.reaper import Reaper
from supervise.kernel import pidfd, proc
from supervise.kernel.descriptors import Parking


class Child:
    """A child that is not reaped yet: until then its pid can be nobody else's."""

    def __init__(self, pid: int, start_time: int | None) -> None:
        self.pid = pid
        self.start_time = start_time

    def signal(self, number: int) -> None:
        """Send a signal to it alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to its whole process group, which it leads."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Adopted:
    """A process of a former supervisor: held by a pidfd, waited for by it, never reaped by us."""

    def __init__(self, fd: int, pid: int, start_time: int) -> None:
        self.pid = pid
        self.start_time: int | None = start_time
        self._fd: int | None = fd

    def signal(self, number: int) -> None:
        """Send a signal to it alone; nothing happens once its end was told."""
        if self._fd is not None:
            pidfd.send_signal(self._fd, number)

    def forget(self) -> None:
        """Its end is told: from here on the descriptor's number may be another's."""
        self._fd = None

    def signal_group(self, number: int) -> None:
        """Send a signal to its whole process group, which it leads."""
        # Not to itself first: once it has died of that, nobody could tell whose group it was.
        if proc.start_time(self.pid) == self.start_time:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


Process = Child | Adopted


def adopt(
    pid: int,
    start_time: int,
    *,
    reaper: Reaper,
    poll: Poll,
    parking: Parking,
    ended: Callable[[int | None], None],
    kill_group: bool = False,
) -> Process | None:
    """Take over the process that is (pid, start time); None when it is gone.

    Args:
        pid, start_time: which process.
        reaper: reaps it, when it is a child of ours after all (we executed ourselves).
        poll: watches it otherwise.
        parking: keeps the pidfd.
        ended: gets its wait status once, or None where the kernel cannot tell.
        kill_group: when it ends, kill what is left of its process group.
    """
    if proc.parent(pid) == os.getpid() and proc.start_time(pid) == start_time:
        reaper.adopt(pid, ended)
        return Child(pid, start_time)
    opened = pidfd.open_process(pid, start_time)
    if opened is None:
        return None
    fd = parking.park(opened)

    def on_end() -> None:
        poll.remove(fd)
        # Its parent may reap it at any moment, and then only newer kernels know.
        status = proc.zombie_status(pid, start_time)
        if status is None:
            status = pidfd.exit_status(fd)
        elif kill_group:
            # It may be reaped by now, but hardly twice over: its number is still its group's.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        adopted.forget()
        parking.close(fd)
        ended(status)

    adopted = Adopted(fd, pid, start_time)
    poll.add(fd, on_end)
    return adopted
