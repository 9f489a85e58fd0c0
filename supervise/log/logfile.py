"""``current``: appending to it, rotating it, keeping the newest of what was rotated.

A rotated file is named as multilog and svlogd name theirs: ``@``, 24 hexadecimal digits of TAI64N,
``.s``; so the names sort by time, and tell when the file was finished. If the clock was set back,
the name is one nanosecond after its predecessor's: order is worth more than the clock.

What is settled in ``current`` is its first ``length`` bytes, as the journal says; what lies beyond
is a batch that was cut short, and is written again at the same place.
"""

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable

from supervise.core.logline import TAI64N, label_ns, make_stamp, parse_record
from supervise.errors import HostError
from supervise.log.descriptors import Descriptors
from supervise.log.policy import Policy
from supervise.log.progress import WRITE, Journal
from supervise.log.removed import count_removed
from supervise.log.retention import surplus

_DIRECTORY_MODE = 0o750  # a log may hold what its service should have kept to itself
_FILE_MODE = 0o640
_NS = 1_000_000_000
_HEAD_BYTES = 128  # a stamp and an origin, and some text
# Searched by filter() alone: a directory may hold very many, and is listed at each rotation.
_ROTATED = re.compile(r"@[0-9a-f]{24}\.s(\.zst)?")
_PACKED = re.compile(r"\.zst$")

PACKED = ".zst"
"""What a rotated file's name has at its end when it was compressed."""


def rotated_names(directory: str) -> list[str]:
    """The rotated files of a log directory, oldest first; empty when there is no directory.

    Of a file that is there both plain and compressed only the plain one is named: a kill came
    between the last two steps of its compression.
    """
    with contextlib.suppress(FileNotFoundError):
        names = sorted(filter(_ROTATED.fullmatch, os.listdir(directory)))
        found = set(names)
        twice = {name for name in filter(_PACKED.search, names) if stem(name) in found}
        return [name for name in names if name not in twice] if twice else names
    return []


def is_rotated_name(name: str) -> bool:
    """Whether a file of this name is a rotated log, compressed or not."""
    return _ROTATED.fullmatch(name) is not None


def is_packed(name: str) -> bool:
    """Whether a file of this name is compressed."""
    return name.endswith(PACKED)


def stem(name: str) -> str:
    """The name that a rotated file has before it is compressed."""
    return name.removesuffix(PACKED)


def finished_ns(name: str) -> int | None:
    """When a rotated file was finished, by its name; None when that is no label."""
    try:
        return label_ns(name[1:25])
    except ValueError:
        return None


class LogFile:
    """The files of one service's log. Every method that touches the disk may raise OSError.

    Args:
        directory: ``LOG/NAME``; made when it is needed.
        journal: where the length and identity of ``current`` are kept.
        descriptors: who keeps ``current`` open.

    Attributes:
        on_rotated: called with the directory when there is a file to be compressed.
    """

    __slots__ = ("_begun_ns", "_descriptors", "_directory", "_is_torn", "_journal", "on_rotated")

    def __init__(self, directory: str, journal: Journal, descriptors: Descriptors) -> None:
        self._directory = directory
        self._journal = journal
        self._descriptors = descriptors
        # Whether what lies beyond the settled length is ours: so it is until the first write of
        # this life has succeeded. Later, what lies there was appended by someone else.
        self._is_torn = True
        self._begun_ns = 0  # the stamp of the first record; 0 when it was not looked at yet
        self.on_rotated: Callable[[str], None] | None = None

    @property
    def directory(self) -> str:
        return self._directory

    @property
    def current(self) -> str:
        return self._directory + "/current"

    def write(self, buffers: list[bytes | memoryview], policy: Policy) -> int:
        """Write at the settled end of ``current``, all of it; the caller settles the new length.

        Rotates before, if ``current`` would grow beyond ``max_size_bytes``, or is of another span
        of time; no timer does that, so a log that nobody writes to causes no wake-up. Repeating
        the call after a failure or a kill writes the same bytes at the same place.

        Returns:
            The length of ``current`` once this is settled.

        Raises:
            OSError: ENOSPC, EROFS, …; part may have been written.
        """
        size = sum(map(len, buffers))
        fd = self._attach()
        length = self._journal.state.length
        if length and (
            length + size > policy.max_size_bytes or self._is_of_former_span(fd, policy)
        ):
            fd = self.rotate(policy)
        at = self._journal.state.length
        end = at + size
        self._is_torn = True
        while (at := at + os.pwritev(fd, buffers, at)) < end:
            buffers = [b"".join(buffers)[at - end :]]
        self._is_torn = False
        return end

    def _is_of_former_span(self, fd: int, policy: Policy) -> bool:
        span_ns = int(policy.rotate_every_s * _NS)
        if not span_ns:
            return False
        # A batch that is written once more goes where it went before: by its stamp.
        state = self._journal.state
        now_ns = state.stamp_ns if state.step == WRITE else time.time_ns()
        if not self._begun_ns:
            head = parse_record(os.pread(fd, _HEAD_BYTES, 0).partition(b"\n")[0])
            self._begun_ns = head.time_ns if head else now_ns
        return self._begun_ns // span_ns != now_ns // span_ns

    def _attach(self) -> int:
        """Open ``current`` and bring the journal to agree with what is there."""
        fd = self._descriptors.get(self.current, _open_current)
        found = os.fstat(fd)
        if not found.st_nlink:  # removed, maybe with its directory
            self._descriptors.close(self.current)
            fd = self._descriptors.get(self.current, _open_current)
            found = os.fstat(fd)
        state = self._journal.state
        same = (found.st_dev, found.st_ino) == (state.device, state.inode)
        if same and found.st_size == state.length:
            pass
        elif same and found.st_size > state.length and self._is_torn:
            # A batch that was cut short, by a failure or with the life of a former shim, is to be
            # written again. A mark that was cut short is not: it goes.
            if state.step != WRITE:
                os.ftruncate(fd, state.length)
        else:
            self._adopt(fd, found)
        return fd

    def _adopt(self, fd: int, found: os.stat_result) -> None:
        """Go on after what is there: a new file, or one that somebody cut, extended or made."""
        self._begun_ns = 0
        length = found.st_size
        if length and os.pread(fd, 1, length - 1) != b"\n":
            length += os.pwrite(fd, b"\n", length)
        self._journal.put(
            self._journal.state._replace(device=found.st_dev, inode=found.st_ino, length=length)
        )

    def rotate(self, policy: Policy) -> int:
        """Begin a new ``current`` unless it is empty; what is beyond ``keep`` is removed.

        A kill between rename and journal leaves no ``current``, or an empty one of another
        identity: ``_attach`` adopts either. Removal comes last, so that no inode number that the
        journal still names can be given to the new file.

        Returns:
            The descriptor of ``current``.
        """
        fd = self._attach()
        if not self._journal.state.length:
            return fd
        os.ftruncate(fd, self._journal.state.length)
        kept = rotated_names(self._directory)
        name = _next_name(kept, time.time_ns())
        os.rename(self.current, f"{self._directory}/{name}")
        self._descriptors.close(self.current)
        fd = self._attach()
        kept.append(name)
        for old in surplus(self._directory, kept, policy):
            if policy.forwarded:
                count_removed(self._directory, old)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._directory}/{old}")
        if self.on_rotated is not None and policy.compress:
            self.on_rotated(self._directory)
        return fd


def _next_name(existing: list[str], now_ns: int) -> str:
    name = make_stamp(now_ns, TAI64N).decode() + ".s"
    if existing and stem(existing[-1]) >= name:
        name = f"@{int(existing[-1][1:25], 16) + 1:024x}.s"
    return name


def _open_current(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, _FILE_MODE)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), _DIRECTORY_MODE, exist_ok=True)
        fd = os.open(path, flags, _FILE_MODE)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise HostError(f"{path}: is not a regular file; move it away")
    return fd
