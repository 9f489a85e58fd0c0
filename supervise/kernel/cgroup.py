"""Control groups as files: what is in one, killing it, taking it away; versions 1 and 2 alike.

Every function takes the directory of one cgroup, and none fails because it is gone: a cgroup
disappears behind its user's back when whoever made it removes it.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/; cgroups(7).
"""

import errno
import os
import select
import signal

from supervise.errors import SystemCallFailed

_GONE = (errno.ENOENT, errno.ENODEV)


def memberships(pid: int | str = "self") -> dict[str, str]:
    """The cgroup of a process in each hierarchy: controller (``""`` for version 2) to path.

    Returns:
        Empty when there is no such process.
    """
    text = read(f"/proc/{pid}/cgroup")
    found = {}
    for line in text.splitlines():
        _number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path.removesuffix(" (deleted)")
    return found


def processes(directory: str) -> list[int]:
    """The processes in this cgroup, not those in the ones below."""
    return [int(line) for line in read(f"{directory}/cgroup.procs").split()]


def kill(directory: str) -> None:
    """Send SIGKILL to all in this cgroup and below; at once on version 2, never blocks."""
    if not os.path.isdir(directory) or write(f"{directory}/cgroup.kill", "1"):
        return
    for below, _names, _files in os.walk(directory, topdown=False):
        for pid in processes(below):
            _kill(pid)


def _kill(pid: int) -> None:
    # A pid read from another namespace's view is 0: killing that would kill ourselves.
    if pid > 1:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def wait_for_a_death(directory: str, timeout_s: float) -> bool:
    """Wait until a process in this cgroup or below is dead.

    Returns:
        False when the time is over; True also when there was none left to wait for.
    """
    for below, _names, _files in os.walk(directory):
        for pid in processes(below):
            try:
                pidfd = os.pidfd_open(pid)
            except OSError:
                return True
            try:
                return bool(select.select([pidfd], [], [], max(0.0, timeout_s))[0])
            finally:
                os.close(pidfd)
    return timeout_s > 0


def oom_kills(directory: str) -> int:
    """How many processes of this cgroup the kernel killed for want of memory."""
    text = read(f"{directory}/memory.events") or read(f"{directory}/memory.oom_control")
    counts = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
    return int(counts.get("oom_kill", "0"))


def remove(directory: str) -> bool:
    """Remove a cgroup and all below it.

    Returns:
        False when processes are left in it, which must have died before it can go.
    """
    for below, _names, _files in os.walk(directory, topdown=False):
        try:
            os.rmdir(below)
        except OSError as error:
            if error.errno == errno.EBUSY:
                return False
            if error.errno not in _GONE:
                raise SystemCallFailed.of("rmdir", below, error) from error
    return True


def read(path: str) -> str:
    """The text of a cgroup file; empty when it is not there (a controller that is not on)."""
    try:
        with open(path, encoding="ascii", errors="surrogateescape") as file:
            return file.read()
    except OSError as error:
        if error.errno in (*_GONE, errno.ESRCH, errno.EOPNOTSUPP):
            return ""
        raise SystemCallFailed.of("read", path, error) from error


def write(path: str, text: str) -> bool:
    """Write a cgroup file, in one call as the kernel wants it.

    Returns:
        False when it is not there.

    Raises:
        SystemCallFailed: EBUSY (processes in an inner cgroup), ENOENT never.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.write(fd, text.encode())
    except OSError as error:
        if error.errno not in _GONE:
            raise SystemCallFailed.of("write", path, error) from error
        return False
    finally:
        os.close(fd)
    return True
