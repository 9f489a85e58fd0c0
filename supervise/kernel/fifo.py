"""FIFOs: opening one that is what it claims to be, and giving it room."""

import contextlib
import fcntl
import os
import stat
import sys
import termios

from supervise.errors import HostError, SystemCallFailed


def open_fifo(path: str) -> int:
    """Open a FIFO for reading and writing; never blocks, never follows a link, close-on-exec.

    Holding both ends, the caller never sees end of file and keeps what is in it alive.

    Raises:
        FileNotFoundError: nothing is there.
        HostError: something else than a FIFO is there. It was not opened: opening a device can
            have effects of its own.
        SystemCallFailed: open(2) failed otherwise.
    """
    try:
        if not stat.S_ISFIFO(os.lstat(path).st_mode):
            raise HostError(f"{path}: is not a FIFO; remove it, and it will be made anew")
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SystemCallFailed.of("open", path, error) from error
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):  # replaced between the two calls
        os.close(fd)
        raise HostError(f"{path}: is not a FIFO; remove it, and it will be made anew")
    return fd


def make_fifo(path: str, mode: int) -> None:
    """Make sure there is a FIFO at ``path``; idempotent; ``mode`` is exact, whatever the umask.

    Raises:
        SystemCallFailed: mkfifo(3) or chmod(2) failed.
    """
    try:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, mode)
            os.chmod(path, mode)
    except OSError as error:
        raise SystemCallFailed.of("mkfifo", path, error) from error


def grow_pipe(fd: int, size_bytes: int) -> None:
    """Let the pipe hold ``size_bytes`` if the kernel allows; else it stays as it is.

    Source: pipe(7), ``/proc/sys/fs/pipe-max-size`` and ``pipe-user-pages-soft``.
    """
    with contextlib.suppress(OSError):
        if fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) < size_bytes:
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, size_bytes)


def unread_bytes(path: str) -> int:
    """How many bytes are in the FIFO now, of which somebody else must hold it; 0: no FIFO is."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return unread_in(fd)
    except OSError:
        return 0
    finally:
        os.close(fd)


def unread_in(fd: int) -> int:
    """How many bytes can be read from the pipe now."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


def is_empty(fd: int) -> bool:
    """Whether nothing can be read from the pipe now."""
    return fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0") == b"\0\0\0\0"
