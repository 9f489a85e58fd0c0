"""Reading a log on from a saved position, across rotation, and noticing what was removed.

The file being read stays open, so rotation, compression and removal take nothing from it. A saved
position names the rotated file before its own, because its own may be ``current`` under the one
name and rotated under the next; the check sum of the file's head tells whether it is really that.

What retention has removed unread is counted with the help of ``log.removed``, in which the shim
adds up the lines of the files it removes.
"""

import contextlib
import os
from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

from supervise.log.forward_position import Position
from supervise.log.logfile import PACKED, is_packed, rotated_names, stem
from supervise.log.packed import unpack
from supervise.log.removed import Removed, read_removed

_BATCH_BYTES = 256 * 1024
_HEAD_BYTES = 256


class Batch(NamedTuple):
    """Lines, without their newlines, and the position after them."""

    lines: list[bytes]
    position: Position


class Cursor:
    """One log, read on from ``position``; from its oldest line when that is None.

    Args:
        directory: the log's; it need not be there yet.
        missed: is told how many lines were removed unread; None when nobody can know.
    """

    def __init__(
        self, directory: str, position: Position | None, missed: Callable[[int | None], None]
    ) -> None:
        self._directory = directory
        self._missed = missed
        self._fd = -1
        self._offset = 0
        self._name = self._after = ""
        self.rewind(position)

    def rewind(self, position: Position | None) -> None:
        """Go on from this position with the next read."""
        self.close()
        self._from = position
        self._line = position.line if position else 0

    def read(self) -> Batch | None:
        """The next lines; None when there is no more now. Never waits but for the disk."""
        if self._fd < 0 and not self._open_first():
            return None
        while True:
            if batch := self._read_batch():
                return batch
            if self._is_last():
                return None
            # It was renamed after its last write: what came since the look before is the last.
            if batch := self._read_batch():
                return batch
            if not self._open_next():
                return None

    def _read_batch(self) -> Batch | None:
        size = _BATCH_BYTES
        data = os.pread(self._fd, size, self._offset)
        while b"\n" not in data and len(data) == size:
            size *= 4
            data = os.pread(self._fd, size, self._offset)
        end = data.rfind(b"\n") + 1
        if not end:
            if os.fstat(self._fd).st_size < self._offset:  # somebody emptied the file
                self._offset = 0
                return self._read_batch()
            return None
        self._offset += end
        lines = data[: end - 1].split(b"\n")
        self._line += len(lines)
        return Batch(lines, self._position())

    def _position(self) -> Position:
        size = min(self._offset, _HEAD_BYTES)
        head = crc32(os.pread(self._fd, size, 0))
        return Position(self._after, head, size, self._offset, self._line)

    # --- from file to file ----------------------------------------------------------------------

    def _is_last(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.stat(self._directory + "/current"), os.fstat(self._fd))
        return False

    def _open_first(self) -> bool:
        if self._from is None:
            return self._open_after("", None)
        wanted = self._from
        if not self._open_after(wanted.after, None):
            return False
        removed = read_removed(self._directory)
        same = crc32(os.pread(self._fd, wanted.head_bytes, 0)) == wanted.head
        if same and removed.last <= wanted.after:
            self._offset = min(wanted.offset, os.fstat(self._fd).st_size)
        else:  # ours is gone: the one that was opened is the oldest after it
            self._count(wanted.line, removed, is_known=removed.last > wanted.after)
        return True

    def _open_next(self) -> bool:
        own = self._own_name()
        read_up_to = self._line
        if not self._open_after(own, self._fd):
            return False
        self._count(read_up_to, read_removed(self._directory), is_known=True)
        return True

    def _count(self, read_up_to: int, removed: Removed, *, is_known: bool) -> None:
        """Tell what lies between the last line read and the file that is open now."""
        self._line = max(read_up_to, removed.lines)
        if not is_known:
            self._missed(None)
        elif self._line > read_up_to:
            self._missed(self._line - read_up_to)

    def _own_name(self) -> str:
        """The name that the open file has, or had last; that before it if it was never rotated."""
        if self._name != "current":
            return self._name
        name = os.path.basename(os.readlink(f"/proc/self/fd/{self._fd}"))
        name = name.removesuffix(" (deleted)")
        return stem(name) if name.startswith("@") else self._after

    def _open_after(self, after: str, former: int | None) -> bool:
        """Open the oldest file after the rotated file ``after``, and close the former one.

        ``current`` is opened before the others are listed: if it is rotated in between, the list
        has it too, and in its place.
        """
        current = _open(self._directory + "/current")
        names = rotated_names(self._directory)
        later = [name for name in names if stem(name) > after]
        name, fd = "current", current
        for each in later:
            opened = self._open_rotated(each)
            if opened is not None and read_removed(self._directory).last < stem(each):
                name, fd = stem(each), opened
                break
            if opened is not None:  # it has been counted, and is just being removed
                os.close(opened)
        if current is not None and fd != current:
            os.close(current)
        if fd is None:
            return False
        if former is not None:
            os.close(former)
        before = [stem(each) for each in names if stem(each) < name or name == "current"]
        self._fd, self._name, self._offset = fd, name, 0
        self._after = max([after, *before])
        if former is None and self._from is None:
            self._line = read_removed(self._directory).lines
        return True

    def _open_rotated(self, name: str) -> int | None:
        """Open a rotated file under the name that it has now; what is packed is unpacked."""
        path = f"{self._directory}/{name}"
        for each in (path, stem(path) + PACKED):
            fd = _open(each)
            if fd is None or not is_packed(each):
                if fd is not None:
                    return fd
                continue
            with open(fd, "rb") as packed, unpack(packed, each) as plain:
                return os.dup(plain.fileno())
        return None

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _open(path: str) -> int | None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None
