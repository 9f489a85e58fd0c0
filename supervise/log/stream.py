"""What a service writes, on its way to the log: a FIFO and the spool that it is taken into."""

import contextlib
import os

from supervise.core.logline import settled_length, stamp_lines
from supervise.kernel.fifo import grow_pipe, is_empty, unread_in
from supervise.log.descriptors import Descriptors

_BUSY_BYTES = 32 * 1024
_PIPE_BYTES = 1024 * 1024


class Stream:
    """A FIFO and its spool.

    Attributes:
        fifo: the descriptor of the FIFO, -1 when there is none.
        index: 0 for out, 1 for err, 2 for syslog; as the journal counts.
        origin: as it stands in the log.
        size: the size of the spool; only this process changes it.
    """

    __slots__ = ("_grown", "fifo", "index", "origin", "size", "spool")

    def __init__(self, index: int, origin: bytes, spool: str) -> None:
        self.fifo = -1
        self.index = index
        self.origin = origin
        self.spool = spool
        self.size = 0
        self._grown = False
        with contextlib.suppress(FileNotFoundError):
            self.size = os.stat(spool).st_size

    def open_spool(self, descriptors: Descriptors) -> int:
        return descriptors.get(self.spool, open_spool)

    def unlink(self, path: str) -> None:
        """Remove the FIFO, unless another one has taken its place."""
        with contextlib.suppress(OSError):
            if self.fifo < 0 or os.path.samestat(os.lstat(path), os.fstat(self.fifo)):
                os.unlink(path)

    def is_empty(self) -> bool:
        """Whether nothing can be taken now."""
        return self.fifo < 0 or is_empty(self.fifo)

    def unread(self) -> int:
        """How many bytes can be taken now."""
        return 0 if self.fifo < 0 else unread_in(self.fifo)

    def take(self, descriptors: Descriptors, room: int, limit: int = 0) -> int:
        """Move bytes from the FIFO to the spool; 0 when the FIFO is empty.

        Args:
            room: how many at most.
            limit: the longest text of a record.
        """
        spool = self.open_spool(descriptors)
        try:
            moved = os.splice(
                self.fifo, spool, room, offset_dst=self.size, flags=os.SPLICE_F_NONBLOCK
            )
        except BlockingIOError:
            return 0
        self.size += moved
        if moved >= _BUSY_BYTES and not self._grown:
            # Only for those that need it: the ring of a large pipe costs kernel memory.
            self._grown = True
            grow_pipe(self.fifo, _PIPE_BYTES)
        return moved

    def settled(self, data: bytes, limit: int) -> int:
        """How much of what is in the spool can become records now; see ``settled_length``."""
        return settled_length(data, limit)

    def first(self, data: bytes, limit: int) -> int:
        """The length of the first record that ``data`` becomes."""
        return data.find(b"\n", 0, limit + 1) + 1 or limit

    def stamped(self, data: bytes, stamp: bytes, limit: int) -> list[bytes | memoryview]:
        """What is in the spool as records; the same bytes for the same arguments, always."""
        return stamp_lines(data, stamp=stamp, origin=self.origin, limit=limit)


def open_spool(path: str) -> int:
    """Open a spool file, made if it is missing; for ``Descriptors``."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
