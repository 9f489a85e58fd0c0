"""inotify(7): told by the kernel what changed in a directory, with no polling.

One class, one descriptor; reading never blocks, so that the owner waits on ``fileno()`` by epoll,
select or trio, as it likes. The event queue is bounded: on ``IN_Q_OVERFLOW`` (wd -1) events were
lost, and the owner has to look at everything again. Standard library and ctypes only.

Source: inotify(7), inotify_init1(2), inotify_add_watch(2).
"""

import ctypes
import os
import struct
from typing import NamedTuple, Self

from supervise.errors import SystemCallFailed

IN_ACCESS = 0x1
IN_MODIFY = 0x2
IN_ATTRIB = 0x4
IN_CLOSE_WRITE = 0x8
IN_CLOSE_NOWRITE = 0x10
IN_OPEN = 0x20
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_UNMOUNT = 0x2000
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x1000000
IN_DONT_FOLLOW = 0x2000000
IN_EXCL_UNLINK = 0x4000000
IN_MASK_CREATE = 0x10000000
IN_MASK_ADD = 0x20000000
IN_ONESHOT = 0x80000000
IN_ISDIR = 0x40000000

_HEADER = struct.Struct("iIII")
_READ_BYTES = 64 * 1024
_libc = ctypes.CDLL(None, use_errno=True)


class Event(NamedTuple):
    """One thing that happened.

    Attributes:
        wd: the watch it belongs to; -1 with ``IN_Q_OVERFLOW``.
        mask: ``IN_*`` bits.
        name: the entry of the watched directory, decoded as ``os.fsdecode`` does; empty for the
            watched object itself.
    """

    wd: int
    mask: int
    name: str


class Inotify:
    """One inotify instance, close-on-exec and non-blocking; a context manager that closes it.

    Raises:
        SystemCallFailed: EMFILE when ``fs.inotify.max_user_instances`` is reached.
    """

    def __init__(self) -> None:
        self._fd: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            raise SystemCallFailed("inotify_init1", "of this process", ctypes.get_errno())

    def fileno(self) -> int:
        """The descriptor to wait on; readable when events are there."""
        return self._fd

    def add_watch(self, path: str, mask: int) -> int:
        """Watch ``path`` for ``mask``; a second call on the same inode replaces its mask.

        Returns:
            The watch descriptor that its events will carry; never reused within this instance.

        Raises:
            SystemCallFailed: ENOENT, ENOTDIR (with ``IN_ONLYDIR``), ENOSPC when
                ``fs.inotify.max_user_watches`` is reached.
        """
        wd = _libc.inotify_add_watch(self._fd, os.fsencode(path), ctypes.c_uint32(mask))
        if wd < 0:
            raise SystemCallFailed("inotify_add_watch", path, ctypes.get_errno())
        return int(wd)

    def remove_watch(self, wd: int) -> None:
        """End a watch; one that the kernel has ended already (its object is gone) is no error."""
        _libc.inotify_rm_watch(self._fd, wd)

    def read(self) -> list[Event]:
        """Take the events that are there now, oldest first; never blocks, may be empty."""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return []
        return _parse(data)

    def close(self) -> None:
        """Close the descriptor; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _parse(data: bytes) -> list[Event]:
    events = []
    at = 0
    while at < len(data):
        wd, mask, _cookie, length = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        events.append(Event(wd, mask, os.fsdecode(data[at : at + length].rstrip(b"\0"))))
        at += length
    return events
