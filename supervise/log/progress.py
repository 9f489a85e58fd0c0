"""How far the shim has come with each log, in a mapped file that survives kill -9 of the shim.

One slot per service, two copies in a slot, each with a sequence number and a checksum. An update
writes the older copy; a kill in its middle leaves that copy invalid and the other one in force.
So an update has either happened or not. The pages belong to the kernel: no msync is needed to
outlive a process. The file lies on the run directory, which does not outlive the machine.

What the fields mean to the log, and in which order they change, is told in ``log.intake``.
"""

import mmap
import os
import struct
import zlib
from typing import NamedTuple

_MAGIC = b"csv-log-record 2\n".ljust(64, b"\0")
_HEADER_BYTES = len(_MAGIC)
_COPY_BYTES = 124
_GROW_SLOTS = 64
_NAME = struct.Struct("<128sI")
_SLOT_BYTES = _NAME.size + 2 * _COPY_BYTES
_FIELDS = struct.Struct("<QQQQQQQBBBBQQIQ")
_CHECKSUM = struct.Struct("<I")

REST = 0
"""Nothing is under way."""
WRITE = 1
"""Spool bytes from the stream's position to ``end`` are being appended to ``current``."""
SHRINK = 2
"""The stream's spool is being cut to ``end`` bytes; its position is 0 already."""


class Progress(NamedTuple):
    """How far one log has come.

    Attributes:
        device, inode: the identity of ``current``; 0 before the first one.
        length: how many bytes of ``current`` are settled.
        position_out, position_err, position_syslog: how much of each spool is settled.
        step: REST, WRITE or SHRINK.
        stream: the stream (0 out, 1 err, 2 syslog) which ``step`` is about.
        tai64n: the form of the batch's stamp.
        dropped: the service is gone; when all is written, its files go too.
        end, stamp_ns, limit: the batch; see ``core.logline.stamp_lines``.
        lost: how many lines were dropped since the log last said so.
    """

    sequence: int = 0
    device: int = 0
    inode: int = 0
    length: int = 0
    position_out: int = 0
    position_err: int = 0
    position_syslog: int = 0
    step: int = REST
    stream: int = 0
    tai64n: bool = False
    dropped: bool = False
    end: int = 0
    stamp_ns: int = 0
    limit: int = 0
    lost: int = 0


POSITIONS = ("position_out", "position_err", "position_syslog")
"""The position of each stream, by its number."""


class ProgressFile:
    """The mapped file. A slot is a small number; its owner keeps it.

    Raises:
        OSError: the file cannot be made or mapped.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._fd).st_size
        if os.pread(self._fd, _HEADER_BYTES, 0) != _MAGIC:
            # Foreign, of another version, or new and cut short by a kill before the first slot.
            os.ftruncate(self._fd, 0)
            size = 0
        if size < _HEADER_BYTES + _GROW_SLOTS * _SLOT_BYTES:
            size = self._reserve(0, _HEADER_BYTES + _GROW_SLOTS * _SLOT_BYTES)
            os.pwrite(self._fd, _MAGIC, 0)
        self._map = mmap.mmap(self._fd, size)
        self._slots = (size - _HEADER_BYTES) // _SLOT_BYTES
        self._free: list[int] = []
        self.names: dict[bytes, int] = {}
        self._scan(range(self._slots))

    def _scan(self, slots: range) -> None:
        for slot in reversed(slots):
            name, checksum = _NAME.unpack_from(self._map, _HEADER_BYTES + slot * _SLOT_BYTES)
            if name[0] and checksum == zlib.crc32(name):
                self.names[name.rstrip(b"\0")] = slot
            else:
                self._free.append(slot)

    def _reserve(self, start: int, end: int) -> int:
        # A hole in a mapped file on a full disk is SIGBUS when it is touched; this is an error.
        os.posix_fallocate(self._fd, start, end - start)
        return end

    def take(self, name: bytes) -> int:
        """The slot of ``name``, a new one at rest if it had none.

        Raises:
            OSError: the file cannot grow.
        """
        slot = self.names.get(name)
        if slot is not None:
            return slot
        if not self._free:
            size = self._reserve(len(self._map), len(self._map) + _GROW_SLOTS * _SLOT_BYTES)
            self._map.resize(size)
            first, self._slots = self._slots, self._slots + _GROW_SLOTS
            self._scan(range(first, self._slots))
        slot = self._free.pop()
        at = _HEADER_BYTES + slot * _SLOT_BYTES
        # The name last, and checked: a slot that a kill cut short stays free.
        self._map[at + _NAME.size : at + _SLOT_BYTES] = bytes(2 * _COPY_BYTES)
        padded = name.ljust(128, b"\0")
        self._map[at : at + _NAME.size] = _NAME.pack(padded, zlib.crc32(padded))
        self.names[name] = slot
        return slot

    def free(self, name: bytes) -> None:
        """Give the slot of ``name`` back; it is an error to use its number again."""
        slot = self.names.pop(name)
        at = _HEADER_BYTES + slot * _SLOT_BYTES
        self._map[at : at + _NAME.size] = bytes(_NAME.size)
        self._free.append(slot)

    def load(self, slot: int) -> Progress:
        """The newest whole copy; the initial values when there is none."""
        at = _HEADER_BYTES + slot * _SLOT_BYTES + _NAME.size
        return max(self._copy(at), self._copy(at + _COPY_BYTES))

    def _copy(self, at: int) -> Progress:
        data = self._map[at : at + _FIELDS.size]
        (checksum,) = _CHECKSUM.unpack_from(self._map, at + _FIELDS.size)
        if checksum != zlib.crc32(data):
            return Progress()
        return Progress._make(_FIELDS.unpack(data))

    def store(self, slot: int, progress: Progress) -> Progress:
        """Put ``progress`` in force, in one step; returns it with its sequence number."""
        progress = progress._replace(sequence=progress.sequence + 1)
        data = _FIELDS.pack(*progress)
        at = _HEADER_BYTES + slot * _SLOT_BYTES + _NAME.size
        at += progress.sequence % 2 * _COPY_BYTES
        self._map[at : at + _FIELDS.size + _CHECKSUM.size] = data + _CHECKSUM.pack(zlib.crc32(data))
        return progress

    def close(self) -> None:
        """Unmap and close; what was stored stays."""
        self._map.close()
        os.close(self._fd)


class Journal:
    """The progress of one log: the value in force, and the way to replace it."""

    __slots__ = ("_file", "_slot", "state")

    def __init__(self, file: ProgressFile, slot: int) -> None:
        self._file = file
        self._slot = slot
        self.state = file.load(slot)

    def put(self, state: Progress) -> None:
        """Put ``state`` in force, atomically; see ``ProgressFile.store``."""
        self.state = self._file.store(self._slot, state)
