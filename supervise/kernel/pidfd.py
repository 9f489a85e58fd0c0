"""pidfd: a handle on one process, which no other process can ever take over.

Source: pidfd_open(2), pidfd_send_signal(2), linux/pidfd.h.
"""

import contextlib
import fcntl
import os
import signal
import struct

from supervise.kernel import proc

_PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, 64 bytes)
_PIDFD_INFO_EXIT = 1 << 3
_INFO_BYTES = 64
_STATUS_AT = 60


def open_process(pid: int, start_time: int) -> int | None:
    """A pidfd of the process that is (pid, start time); None when that one is gone.

    The start time is read after the open, so the descriptor cannot be another process's.
    """
    try:
        fd = os.pidfd_open(pid)
    except (ProcessLookupError, OSError):
        return None
    if proc.start_time(pid) != start_time:
        os.close(fd)
        return None
    return fd


def send_signal(fd: int, number: int) -> None:
    """Send a signal; nothing happens when the process has ended."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(fd, number)


def exit_status(fd: int) -> int | None:
    """The wait status of a process that has ended *and was reaped*, by whomever.

    None when it was not, or when the kernel cannot tell (before 6.15), so that nobody mistakes
    *unknown* for 0. Before it was reaped: ``proc.zombie_status``.
    """
    info = bytearray(_INFO_BYTES)
    struct.pack_into("Q", info, 0, _PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(fd, _PIDFD_GET_INFO, info)
    except OSError:
        return None
    (answered,) = struct.unpack_from("Q", info, 0)
    if not answered & _PIDFD_INFO_EXIT:
        return None
    (status,) = struct.unpack_from("i", info, _STATUS_AT)
    return int(status)
