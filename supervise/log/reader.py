"""The way back: a log directory as lines, oldest or newest first.

A log is opened as a whole, at one moment: its rotated files and ``current``, each up to the end of
its last whole line, so that neither a rotation nor a write that is under way shows. It needs
nothing but the files: no shim, no supervisor.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from supervise.errors import SystemCallFailed
from supervise.log.logfile import PACKED, finished_ns, is_packed, rotated_names, stem
from supervise.log.packed import unpack

_BLOCK_BYTES = 64 * 1024


class Part:
    """One file of a log, from ``start`` to ``end``.

    Attributes:
        path: its name when it was opened.
        start: where reading begins.
        is_current: it may grow.
    """

    __slots__ = ("_end", "_file", "_stack", "is_current", "path", "start")

    def __init__(self, path: str, file: BinaryIO, stack: contextlib.ExitStack) -> None:
        self.path = path
        self.start = 0
        self.is_current = path.endswith("/current")
        self._file = file
        self._stack = stack
        self._end = -1

    @property
    def finished_ns(self) -> int | None:
        """When the last of its lines had been written; None while that is still to come."""
        return None if self.is_current else finished_ns(os.path.basename(self.path))

    @property
    def file(self) -> BinaryIO:
        """Open for reading; its own position means nothing. Unpacked when first asked for."""
        self._prepare()
        return self._file

    @property
    def end(self) -> int:
        """Where reading ends."""
        self._prepare()
        return self._end

    @end.setter
    def end(self, end: int) -> None:
        self._end = end

    def _prepare(self) -> None:
        if self._end >= 0:
            return
        if is_packed(self.path):
            self._file = self._stack.enter_context(unpack(self._file, self.path))
        whole = self.is_current
        self._end = _whole_lines(self._file) if whole else os.fstat(self._file.fileno()).st_size


def open_log(directory: str, stack: contextlib.ExitStack) -> list[Part]:
    """Open all files of a log, oldest first, as they are at one moment.

    Args:
        stack: closes them.

    Returns:
        No part at all where there is no log (yet).

    Raises:
        SystemCallFailed: EACCES: only root and the log's group may read it.
    """
    while True:
        with contextlib.ExitStack() as attempt:
            current = _open(directory + "/current", attempt)
            names = rotated_names(directory)
            if not _is_still(directory + "/current", current):
                continue  # rotated in the meantime: the list may lack what current was
            paths = [f"{directory}/{name}" for name in names]
            files = [_open_rotated(path, attempt) for path in paths]
            stack.push(attempt.pop_all())
        # One that is missing now has been removed, as the oldest are.
        parts = [Part(found, file, stack) for found, file in files if file]
        if current:
            parts.append(Part(directory + "/current", current, stack))
            _ = parts[-1].end  # it may grow from now on
        return parts


def _open_rotated(path: str, stack: contextlib.ExitStack) -> tuple[str, BinaryIO | None]:
    """Open it under the name that it has now: it may have been compressed since it was listed."""
    for name in (path, stem(path) + PACKED):
        if file := _open(name, stack):
            return name, file
    return path, None


def _open(path: str, stack: contextlib.ExitStack) -> BinaryIO | None:
    try:
        return stack.enter_context(open(path, "rb"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SystemCallFailed.of("open", path, error) from error


def _is_still(path: str, file: BinaryIO | None) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return file is None
    return file is not None and os.path.samestat(found, os.fstat(file.fileno()))


def _whole_lines(file: BinaryIO) -> int:
    """The end of the last whole line."""
    end = os.fstat(file.fileno()).st_size
    while end:
        start = max(0, end - _BLOCK_BYTES)
        newline = os.pread(file.fileno(), end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def read_lines(parts: Sequence[Part]) -> Iterator[bytes]:
    """All lines, oldest first, without their newlines."""
    for part in parts:
        part.file.seek(part.start)
        left = part.end - part.start
        while left > 0:
            line = part.file.readline()
            if not line:
                break
            left -= len(line)
            yield line.removesuffix(b"\n")


def read_last_lines(parts: Sequence[Part], count: int) -> list[bytes]:
    """The last ``count`` lines, oldest first; reads no more of the files than that takes."""
    lines: list[bytes] = []
    for part in reversed(parts):
        lines[:0] = _tail(part, count - len(lines))
        if len(lines) >= count:
            break
    return lines


def _tail(part: Part, count: int) -> list[bytes]:
    blocks: list[bytes] = []
    start = part.end
    newlines = 0
    while start > part.start and newlines <= count:
        end, start = start, max(part.start, start - _BLOCK_BYTES)
        blocks.append(os.pread(part.file.fileno(), end - start, start))
        newlines += blocks[-1].count(b"\n")
    if not blocks or not count:
        return []
    return b"".join(reversed(blocks)).removesuffix(b"\n").split(b"\n")[-count:]
