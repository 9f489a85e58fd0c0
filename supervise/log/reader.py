"""The way back: a log directory as lines, oldest or newest first.

A log is opened as a whole, at one moment: its rotated files and ``current``, each up to the end of
its last whole line, so that neither a rotation nor a write that is under way shows. It needs
nothing but the files: no shim, no supervisor.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from supervise.errors import SystemCallFailed
from supervise.log.logfile import rotated_names

_BLOCK_BYTES = 64 * 1024


class Part(NamedTuple):
    """One file of a log.

    Attributes:
        file: open for reading; its own position means nothing.
        end: how much of it is to be read.
        is_current: it may grow.
    """

    file: BinaryIO
    end: int
    is_current: bool


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
            files = [_open(f"{directory}/{name}", attempt) for name in names]
            stack.push(attempt.pop_all())
        # One that is missing now has been removed, as the oldest are.
        parts = [Part(file, os.fstat(file.fileno()).st_size, False) for file in files if file]
        if current:
            parts.append(Part(current, _whole_lines(current), True))
        return parts


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
        part.file.seek(0)
        left = part.end
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
    while start and newlines <= count:
        end, start = start, max(0, start - _BLOCK_BYTES)
        blocks.append(os.pread(part.file.fileno(), end - start, start))
        newlines += blocks[-1].count(b"\n")
    if not blocks or not count:
        return []
    return b"".join(reversed(blocks)).removesuffix(b"\n").split(b"\n")[-count:]
