"""Datagram sockets of the file system: bound, shared with another process, read without loss.

A read datagram is in the reader's memory alone, and dies with it. A ``Tray`` is a mapped file into
which recvmmsg(2) puts datagrams, and the kernel itself their lengths: whoever opens the file next
finds what was taken, up to the very last one before a kill.

Source: unix(7), recvmmsg(2), pidfd_getfd(2), proc(5).
"""

import contextlib
import ctypes
import errno
import mmap
import os
import socket
import struct
from collections.abc import Iterator

from supervise.errors import SystemCallFailed
from supervise.kernel.proc import start_time as start_time_of

TRAY_DATAGRAMS = 8
DATAGRAM_BYTES = 256 * 1024
"""More than a program can send without raising net.core.wmem_max first."""

_SYS_PIDFD_GETFD = 438
_NONE = 0xFFFFFFFF
_MAGIC = b"csv-datagrams 1\n"
_FULL_AT = 64
_NOTE_AT = 72
_NOTE_BYTES = 512
_HEADERS_AT = 1024
_VECTORS_AT = 2048
_DATA_AT = 4096
_LENGTH = struct.Struct("<I")


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """``struct msghdr``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vectors_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Header(ctypes.Structure):
    """``struct mmsghdr``."""

    _fields_ = (("message", _Message), ("length", ctypes.c_uint))


_libc = ctypes.CDLL(None, use_errno=True)


class Tray:
    """Room for a few datagrams, in a file that outlives this process.

    It is empty, or it was offered to the kernel with a note and holds what came, maybe nothing,
    until ``clear``. A kill at any moment leaves one or the other.

    Args:
        path: the file, made if it is missing; on a tmpfs, as it must never wait for a disk.

    Raises:
        OSError: it cannot be made or mapped.
    """

    def __init__(self, path: str) -> None:
        size = _DATA_AT + TRAY_DATAGRAMS * DATAGRAM_BYTES
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.pread(fd, len(_MAGIC), 0) != _MAGIC:
                os.ftruncate(fd, 0)
            # All of it now: a page that is missing when the kernel copies costs the datagram.
            os.posix_fallocate(fd, 0, size)
            os.pwrite(fd, _MAGIC, 0)
            self._map = mmap.mmap(fd, size, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        finally:
            os.close(fd)
        self._headers = (_Header * TRAY_DATAGRAMS).from_buffer(self._map, _HEADERS_AT)
        vectors = (_Vector * TRAY_DATAGRAMS).from_buffer(self._map, _VECTORS_AT)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        _libc.mlock(ctypes.c_void_p(start), ctypes.c_size_t(size))  # better, not needed
        for index, header in enumerate(self._headers):
            vectors[index].base = start + _DATA_AT + index * DATAGRAM_BYTES
            vectors[index].length = DATAGRAM_BYTES
            header.message.vectors = ctypes.addressof(vectors[index])
            header.message.vectors_length = 1

    @property
    def note(self) -> bytes | None:
        """What was noted when it was offered; None when it is empty."""
        if not self._map[_FULL_AT]:
            return None
        (length,) = _LENGTH.unpack_from(self._map, _NOTE_AT)
        return self._map[_NOTE_AT + 4 : _NOTE_AT + 4 + length]

    def take(self, fd: int, note: bytes) -> int:
        """Take datagrams that are there from an empty tray's socket; 0 when there is none.

        Args:
            fd: the socket.
            note: for whoever finds the tray, at most 500 bytes.
        """
        for header in self._headers:
            header.length = _NONE
        _LENGTH.pack_into(self._map, _NOTE_AT, len(note))
        self._map[_NOTE_AT + 4 : _NOTE_AT + 4 + len(note)] = note
        self._map[_FULL_AT] = 1
        flags = socket.MSG_DONTWAIT | socket.MSG_TRUNC
        taken = int(_libc.recvmmsg(fd, self._headers, TRAY_DATAGRAMS, flags, None))
        if taken < 0:
            self.clear()
            if (number := ctypes.get_errno()) not in (errno.EAGAIN, errno.EINTR):
                raise OSError(number, os.strerror(number))
        return max(0, taken)

    def datagrams(self) -> Iterator[tuple[bytes, int]]:
        """Each datagram with its length, which is more than its bytes if they did not all fit."""
        for index, header in enumerate(self._headers):
            if header.length == _NONE:
                break
            at = _DATA_AT + index * DATAGRAM_BYTES
            yield self._map[at : at + min(header.length, DATAGRAM_BYTES)], header.length

    def clear(self) -> None:
        """They have been dealt with; in one step."""
        self._map[_FULL_AT] = 0


def bind_socket(directory: str, name: str, mode: int) -> int:
    """Make a datagram socket at ``directory/name``, in place of what is there, in one step.

    Its own name is ``socket_id`` of the directory, by which ``held_sockets`` finds it: the path,
    which may be longer than a socket's name can be, would not do.

    Raises:
        SystemCallFailed: it cannot be made.
    """
    own = socket_id(directory)
    place = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(own, dir_fd=place)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as bound:
            bound.bind(f"/proc/self/fd/{place}/{own}")
            os.chmod(own, mode, dir_fd=place)
            os.rename(own, name, src_dir_fd=place, dst_dir_fd=place)
            return bound.detach()
    except OSError as error:
        raise SystemCallFailed.of("bind", f"{directory}/{name}", error) from error
    finally:
        os.close(place)


def socket_id(directory: str) -> str:
    """What the socket in this directory is called in the kernel's table of sockets."""
    found = os.stat(directory)
    return f"log.{found.st_dev:x}.{found.st_ino:x}"


def held_sockets(pid: int) -> dict[str, int]:
    """The descriptors of a process that are sockets made by ``bind_socket``, by ``socket_id``.

    Empty when there is no such process.
    """
    with open("/proc/net/unix", "rb") as table:
        rows = [line.split() for line in table if b"/log." in line]
    names = {int(row[6]): row[7].rpartition(b"/")[2].decode("ascii", "replace") for row in rows}
    held: dict[str, int] = {}
    with contextlib.suppress(FileNotFoundError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                link = os.readlink(f"/proc/{pid}/fd/{fd}")
                if link.startswith("socket:[") and int(link[8:-1]) in names:
                    held[names[int(link[8:-1])]] = int(fd)
    return held


def share_socket(pid: int, start_time: int, fd: int, name: str) -> int | None:
    """A descriptor of our own for a socket that another process has; None if it has it no more.

    Args:
        pid, start_time: which process.
        fd: the number that it has there.
        name: the socket's ``socket_id``: by now the number may be that of another file.

    Raises:
        SystemCallFailed: EPERM: this takes CAP_SYS_PTRACE, or the same rights as the other has.
    """
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        if start_time_of(pid) != start_time:
            return None
        shared = int(_libc.syscall(_SYS_PIDFD_GETFD, process, fd, 0))
        number = ctypes.get_errno()
    finally:
        os.close(process)
    if shared >= 0:
        if _name(shared) == name:
            return shared
        os.close(shared)
        return None
    if number in (errno.ESRCH, errno.EBADF):
        return None
    raise SystemCallFailed("pidfd_getfd", f"process {pid}", number)


def _name(fd: int) -> str:
    """The ``socket_id`` of a socket; empty for any other file."""
    try:
        found = socket.socket(fileno=fd)
    except OSError:
        return ""
    try:
        return os.fsdecode(found.getsockname()).rpartition("/")[2]
    finally:
        found.detach()
